"""Why a recording may not wait, who said so, and until when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import UrgencyReason


class Urgency(Base):
    """One person's word that a recording is urgent. In force until it is cleared, or until `until` where that is set.

    A recording has one at most that is in force; earlier ones stay, as what was said at the time.
    """

    __tablename__ = "urgency"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recording_id: Mapped[UUID] = mapped_column(ForeignKey("recording.id"), index=True)
    reason: Mapped[UrgencyReason] = mapped_column(word(UrgencyReason))
    note: Mapped[str | None]
    set_by: Mapped[str]
    set_at: Mapped[datetime] = mapped_column(server_default=func.now())
    until: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None]

    __table_args__ = (
        Index("uq_urgency_in_force", "recording_id", unique=True, postgresql_where=text("cleared_at IS NULL")),
    )
