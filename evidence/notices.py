"""Tells listening pages that something changed. A notice commits with the change or not at all."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from evidence.database import WriteSession

WALL = "continuity_wall"
RECORDINGS = "continuity_recordings"


def tell_wall(session: WriteSession, docking_session: UUID) -> None:
    """Say that a docking session has changed."""
    session.execute(text("SELECT pg_notify(:channel, :what)"), {"channel": WALL, "what": str(docking_session)})


def tell_recordings(session: WriteSession, recording: UUID) -> None:
    """Say that a recording has changed."""
    session.execute(text("SELECT pg_notify(:channel, :what)"), {"channel": RECORDINGS, "what": str(recording)})
