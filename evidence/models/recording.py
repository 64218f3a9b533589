"""One continuous capture, body-worn or interview, as people look for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Sequence, func, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import Condition, Playability, QuarantineDecision, RecordingKind

RECORDING_NUMBERS = Sequence("recording_number", metadata=Base.metadata)


class Recording(Base):
    """What is known of one media master. Its id is the master's; people see its reference (`R0000123`).

    `captured_as_stated` keeps the device's own words; `captured_at` is read from them and never written back.
    `siblings_tried`: how many intact recordings of its device there were when it was last looked at for a repair.
    `findings` lists disagreements between name, sidecar and file, each with a sentence; none is settled silently.
    """

    __tablename__ = "recording"

    id: Mapped[UUID] = mapped_column(ForeignKey("master.id"), primary_key=True)
    number: Mapped[int] = mapped_column(RECORDING_NUMBERS, server_default=RECORDING_NUMBERS.next_value(), unique=True)
    kind: Mapped[RecordingKind] = mapped_column(word(RecordingKind))
    title: Mapped[str]
    name_raw: Mapped[bytes]
    name_shown: Mapped[str]
    device_label: Mapped[str]
    camera_make: Mapped[str | None]
    camera_model: Mapped[str | None]
    camera_serial: Mapped[str | None] = mapped_column(index=True)
    officer_as_stated: Mapped[str | None]
    officer_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    captured_at: Mapped[datetime | None]
    captured_as_stated: Mapped[str | None]
    captured_source: Mapped[str | None]
    clock_offset_ms: Mapped[int | None]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    condition: Mapped[Condition] = mapped_column(word(Condition), default=Condition.UNEXAMINED)
    condition_reason: Mapped[str | None]
    playability: Mapped[Playability] = mapped_column(word(Playability), default=Playability.WAITING)
    playability_reason: Mapped[str | None]
    playable_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    media_facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    findings: Mapped[list[Any]] = mapped_column(default=list)
    search_text: Mapped[str] = mapped_column(default="")
    siblings_tried: Mapped[int | None]
    probe_job_id: Mapped[int | None]
    row_version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_recording_listed", "registered_at", "id"),
        Index("ix_recording_captured", "captured_at", "id"),
        Index("ix_recording_officer", "officer_id", "registered_at"),
        Index("ix_recording_unmended", "device_label", postgresql_where=text("siblings_tried IS NOT NULL")),
        Index("ix_recording_condition", "condition", "registered_at"),
        Index(
            "ix_recording_search",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        ),
    )
    __mapper_args__ = {"version_id_col": row_version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class Sidecar(Base):
    """A vendor's metadata file: a master of its own, beside the recordings it speaks of once they are known.

    `recording_id` is the first of them; `SidecarBeside` has them all.
    """

    __tablename__ = "sidecar"

    master_id: Mapped[UUID] = mapped_column(ForeignKey("master.id"), primary_key=True)
    recording_id: Mapped[UUID | None] = mapped_column(ForeignKey("recording.id"), index=True)
    device_label: Mapped[str]
    name_raw: Mapped[bytes]
    name_shown: Mapped[str]
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    findings: Mapped[list[Any]] = mapped_column(default=list)
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_sidecar_unmatched", "device_label", "recording_id"),)


class SidecarBeside(Base):
    """A sidecar speaks of this recording. One that speaks of several clips has a row for each."""

    __tablename__ = "sidecar_beside"

    sidecar_id: Mapped[UUID] = mapped_column(ForeignKey("sidecar.master_id"), primary_key=True)
    recording_id: Mapped[UUID] = mapped_column(ForeignKey("recording.id"), primary_key=True, index=True)


class Quarantine(Base):
    """A recording set aside with a reason; it leaves only by a person's act. Its master stays where it is."""

    __tablename__ = "quarantine"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recording_id: Mapped[UUID] = mapped_column(ForeignKey("recording.id"), index=True)
    code: Mapped[str]
    reason: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    decision: Mapped[QuarantineDecision | None] = mapped_column(word(QuarantineDecision))
    note: Mapped[str | None]

    __table_args__ = (
        Index("uq_quarantine_open", "recording_id", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("ix_quarantine_listed", "opened_at", "id"),
    )
