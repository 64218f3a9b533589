"""Events of somebody who looks at a recording, for tests of the custody log itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import Sessions
from evidence.vocabulary import ActorKind

AMARA = Actor(ActorKind.PERSON, "0190c000-0000-7000-8000-000000000001", "Amara Osei", method="password")
VIEW = {"kind": "playback", "view": "0" * 32}


def viewed(subject: UUID, **change: Any) -> Event:
    """Somebody opened the playback copy."""
    given = {"type": EventType.RENDITION_VIEWED, "subject": subject, "actor": AMARA, "facts": VIEW}
    return Event(**{**given, **change})


def write(sessions: Sessions, *events: Event) -> list[ledger.Recorded]:
    """Record events in one transaction."""
    with sessions.writing() as session:
        return [ledger.record(session, event) for event in events]
