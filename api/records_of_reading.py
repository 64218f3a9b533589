"""What people looked at, written into the custody log as they look: searches, details, histories."""

from __future__ import annotations

from uuid import UUID

from api.authentication import Caller
from evidence.custody import ledger
from evidence.custody.events import Event, EventType
from evidence.database import WriteSession


def note_search(session: WriteSession, caller: Caller, *, text: str, found: int) -> None:
    """A list of recordings was shown. The words searched for may name people: they are sealed."""
    subject = caller.person or UUID(caller.actor.id)
    personal = {"text": " ".join(text.split())[:200]} if text.strip() else {}
    event = Event(
        type=EventType.SEARCH_RUN, subject=subject, actor=caller.actor, facts={"found": found}, personal=personal
    )
    ledger.record(session, event)


def note_details(session: WriteSession, caller: Caller, recording: UUID) -> None:
    """A recording's details were shown."""
    ledger.record(session, Event(type=EventType.DETAILS_READ, subject=recording, actor=caller.actor))


def note_history(session: WriteSession, caller: Caller, recording: UUID) -> None:
    """A recording's history was shown."""
    ledger.record(session, Event(type=EventType.HISTORY_READ, subject=recording, actor=caller.actor))
