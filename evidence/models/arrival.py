"""One file that an agent has offered, until it becomes a master."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import ArrivalState


class Arrival(Base):
    """The claim on one file of one device. Its id names the object in the store, never a name from outside."""

    __tablename__ = "arrival"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"))
    session_id: Mapped[UUID] = mapped_column(ForeignKey("docking_session.id"), index=True)
    device_label: Mapped[str]
    name_raw: Mapped[bytes]
    name_shown: Mapped[str]
    size: Mapped[int]
    mtime_ns: Mapped[int]
    priority: Mapped[int] = mapped_column(default=0)
    state: Mapped[ArrivalState] = mapped_column(word(ArrivalState))
    reason: Mapped[str | None]
    part_size: Mapped[int]
    upload_id: Mapped[str | None]
    bucket: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str | None]
    sha512: Mapped[str | None]
    tree: Mapped[str | None]
    version_id: Mapped[str | None]
    job_id: Mapped[int | None]
    master_id: Mapped[UUID | None] = mapped_column(ForeignKey("master.id"), index=True)
    offered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    stored_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    released_how: Mapped[str | None]

    __table_args__ = (
        # One file of one device is sent once at a time: a second offer finds the first. One that has been sent is no
        # hindrance: a camera may write other bytes under the same name, size and time.
        Index(
            "uq_arrival_open",
            "agent_id",
            "device_label",
            "name_raw",
            "size",
            "mtime_ns",
            unique=True,
            postgresql_where=text("state = 'sending'"),
        ),
        Index("ix_arrival_unfinished", "state", "offered_at", postgresql_where=text("finished_at IS NULL")),
    )
