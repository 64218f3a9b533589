"""What a person has cut out of a recording: a clip, a still picture or the sound alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import ClipKind, RenditionState


class Clip(Base):
    """Wanted, being made, ready or failed. `recipe` says all that went into it; the same recipe gives the same bytes.

    `facts` tells which packets are the master's own and which are encoded; `packets_sha256` names the manifest of all.
    `asked_by` is nothing where a program or the command line asked: the event has who it was.
    """

    __tablename__ = "clip"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recording_id: Mapped[UUID] = mapped_column(ForeignKey("recording.id"))
    master_sha256: Mapped[str]
    kind: Mapped[ClipKind] = mapped_column(word(ClipKind))
    recipe: Mapped[dict[str, Any]]
    recipe_sha256: Mapped[str]
    state: Mapped[RenditionState] = mapped_column(word(RenditionState), default=RenditionState.WANTED)
    reason: Mapped[str | None]
    bucket: Mapped[str | None]
    key: Mapped[str | None]
    size: Mapped[int | None]
    sha256: Mapped[str | None]
    content_type: Mapped[str | None]
    packets_sha256: Mapped[str | None]
    packets_size: Mapped[int | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    argv: Mapped[list[Any]] = mapped_column(default=list)
    tool: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0)
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    made_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("recording_id", "recipe_sha256"),
        Index("ix_clip_listed", "recording_id", "asked_at", "id"),
        Index("ix_clip_unmade", "state", "asked_at", postgresql_where=text("state IN ('wanted', 'making')")),
        Index("ix_clip_job", "job_id"),
    )
