"""The shape of one recording with everything beside it, and of a person's word that it may not wait."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.v1.shapes import (
    MasterFacts,
    OfferedFacts,
    QuarantineFacts,
    RecordingItem,
    RenditionFacts,
    Shape,
    SidecarFacts,
)
from evidence.vocabulary import UrgencyReason


class UrgencyFacts(Shape):
    """Why a recording may not wait, who said so, and until when."""

    reason: UrgencyReason
    note: str | None
    set_by: str
    set_at: datetime
    until: datetime | None


class UrgencyAsked(BaseModel):
    """A recording may not wait, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: UrgencyReason
    until: AwareDatetime | None = Field(default=None, description="When it ends by itself; without it, when cleared")
    note: str = Field(default="", max_length=500)


class RecordingFile(RecordingItem):
    """One recording with everything beside it."""

    master: MasterFacts
    clock_offset_ms: int | None
    camera_make: str | None
    camera_model: str | None
    officer_as_stated: str | None
    captured_source: str | None
    condition_reason: str | None
    findings: list[Any] = Field(description="What name, metadata and file disagree about")
    media: dict[str, Any]
    renditions: list[RenditionFacts]
    offered: list[OfferedFacts]
    sidecars: list[SidecarFacts]
    quarantines: list[QuarantineFacts]
    urgency: UrgencyFacts | None
    partial: bool = Field(
        description="The copy for playing is still being made, and only its beginning can be watched, at `/beginning`"
    )
    covered_ms: int | None = Field(description="How much of the recording that beginning shows")
    partial_has_sound: bool | None = Field(description="Whether that beginning has its sound already")
    parts_ready: int | None = Field(description="Of a copy that is made in parts: how many are there")
    parts: int | None = Field(description="Of a copy that is made in parts: how many there are to be")
