"""A long copy that many workers make together: its parts, and what can be watched before all of them are there."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import SegmentState


class Segment(Base):
    """One part of a playback copy. Number 0 is all of the sound, made once; pictures count from 1.
    Number -1 is what was read of the master for the cut, and no part.

    Times in microseconds from the recording's beginning: `first_us` is when its first picture is shown, `end_us` when
    the next part's is. `frames` is how many pictures it must have. `cut` says which of the master's packets it needs.
    Its object is a cache like the copy itself, and is removed when that is ready.
    """

    __tablename__ = "segment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rendition_id: Mapped[UUID] = mapped_column(ForeignKey("rendition.id"))
    number: Mapped[int]
    first_us: Mapped[int]
    end_us: Mapped[int]
    frames: Mapped[int]
    cut: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[SegmentState] = mapped_column(word(SegmentState), default=SegmentState.WAITING)
    reason: Mapped[str | None]
    key: Mapped[str | None]
    size: Mapped[int | None]
    sha256: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[int | None] = mapped_column(index=True)
    made_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("rendition_id", "number"),)


class PartialCopy(Base):
    """The beginning of a playback copy, as far as it was made without a gap. Never a rendition: never the whole.

    `covered_us` is how much of the recording it shows; `parts` how many segments, of `of_parts` in all.
    """

    __tablename__ = "partial_copy"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rendition_id: Mapped[UUID] = mapped_column(ForeignKey("rendition.id"))
    parts: Mapped[int]
    of_parts: Mapped[int]
    covered_us: Mapped[int]
    has_sound: Mapped[bool]
    key: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    content_type: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_partial_copy_newest", "rendition_id", "parts"),)
