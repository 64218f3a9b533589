"""What needs a person's attention: open until someone closes it with a note, or the gap itself is closed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import IncidentKind


class Incident(Base):
    """One gap or fault, with its reason in words and what to do about it."""

    __tablename__ = "incident"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[IncidentKind] = mapped_column(word(IncidentKind))
    subject: Mapped[str]
    reason: Mapped[str]
    advice: Mapped[str]
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"), index=True)
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("docking_session.id"), index=True)
    recording_id: Mapped[UUID | None] = mapped_column(ForeignKey("recording.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    closed_because: Mapped[str | None]

    __table_args__ = (
        Index("uq_incident_open", "kind", "subject", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("ix_incident_listed", "opened_at", "id"),
    )
