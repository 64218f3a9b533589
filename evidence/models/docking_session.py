"""One device in one bay from connect to release, with its own listing of what it holds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import AgentKind, ListedState


class DockingSession(Base):
    """What the device said of itself and its clock when it was connected."""

    __tablename__ = "docking_session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"))
    kind: Mapped[AgentKind] = mapped_column(word(AgentKind))
    bay: Mapped[str]
    device_label: Mapped[str]
    device_serial: Mapped[str | None]
    device_make: Mapped[str | None]
    device_model: Mapped[str | None]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    closed_because: Mapped[str | None]
    listing_complete: Mapped[bool] = mapped_column(default=False)
    agent_time_as_stated: Mapped[str | None]
    device_time_as_stated: Mapped[str | None]
    clock_offset_ms: Mapped[int | None]
    clock_round_trip_ms: Mapped[int | None]

    __table_args__ = (Index("ix_docking_session_wall", "agent_id", "bay", "opened_at"),)


class ListedFile(Base):
    """One line of a device's listing, and how far that file has come."""

    __tablename__ = "listed_file"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("docking_session.id"))
    name_raw: Mapped[bytes]
    name_shown: Mapped[str]
    size: Mapped[int]
    mtime_ns: Mapped[int]
    state: Mapped[ListedState] = mapped_column(word(ListedState), default=ListedState.LISTED)
    bytes_sent: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None]
    arrival_id: Mapped[UUID | None] = mapped_column(ForeignKey("arrival.id"), index=True)
    now_called: Mapped[bytes | None]
    """The name that the same file has on the device now, where the agent saw it renamed."""
    listed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("session_id", "name_raw"),)
