"""How the limited children ended that read media: counted by the hour, so that a change shows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import HowEnded


class ChildEnding(Base):
    """Children of one task that ended one way on one host within one hour. `task`: what the child was to do.

    Of those that were `lost` with their worker nobody knows what they did just then: their `task` is the job's, and
    each attempt that was lost counts once.
    """

    __tablename__ = "child_ending"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    ending: Mapped[HowEnded] = mapped_column(word(HowEnded), primary_key=True)
    count: Mapped[int]
