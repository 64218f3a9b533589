"""Erases personal values of the custody log, on the host: looked at first, then confirmed, each with its own event.

The events stay, with everything that proves them; what is taken away are a value and the salt without which nobody
can guess it (docs/custody-log.md, Erasing).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from api.enquiries.recordings import named
from api.errors import BadRequest
from api.standing import operator
from api.trouble import KnownTrouble
from evidence import clock
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.sealing import revealed
from evidence.database import ReadSession
from evidence.errors import NotFound
from evidence.models import Recording

LONGEST_REASON = 500  # characters


@dataclass(frozen=True, slots=True)
class Doomed:
    """One value that would be erased: of which event, and what it says."""

    event: UUID
    field: str
    value: str
    at: str = ""
    sentence: str = ""

    def as_json(self) -> dict[str, str]:
        """For printing."""
        return {
            "event": str(self.event), "value": self.field, "says": self.value, "at": self.at, "sentence": self.sentence,
        }  # fmt: skip


def check_reason(because: str) -> None:
    """Raises KnownTrouble for a reason that is blank or too long."""
    if not because.strip() or len(because) > LONGEST_REASON:
        raise KnownTrouble(f"Say with --because why this is erased, in at most {LONGEST_REASON} characters.")


def look(house: House, subject: str, field: str) -> list[Doomed]:
    """Every value of this name that a recording's events still have, or the one of an event.

    Raises KnownTrouble where there is none: nothing was erased is an answer of its own, and no success.
    """
    with house.reading() as session:
        return _found(session, subject, field)


def outside_log(house: House, subject: str) -> str:
    """Which event somebody wrote past the log about a recording, in a sentence; else nothing. `look` leaves it out."""
    with house.reading() as session:
        recording = _recording(session, subject)
        found = ledger.outside_log(session, recording) if recording else ""
    return f"Not of the log, and left out: {found}. To erase a value of it, name it by its id." if found else ""


def erase(house: House, subject: str, field: str, *, because: str, confirmed: str) -> list[dict[str, str]]:
    """Erase what was looked at, in one transaction; the values with the events that say so.

    Raises KnownTrouble where the confirmation is not that of just these values and this reason.
    """
    check_reason(because)
    with house.writing() as session:
        doomed = _found(session, subject, field)
        if confirmed != confirmation(doomed, because):
            raise KnownTrouble("That is not the confirmation of these values and this reason: look at them again.")
        by = operator()
        return [
            {
                "event": str(each.event),
                "value": each.field,
                "erased_by": str(ledger.erase_sealed(session, each.event, each.field, by, because=because).id),
            }
            for each in doomed
        ]


def confirmation(doomed: Sequence[Doomed], because: str) -> str:
    """What must be said to erase just these values for just this reason: it changes with any of them."""
    said = "\n".join([because, *sorted(f"{each.event} {each.field}" for each in doomed)])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _found(session: ReadSession, subject: str, field: str) -> list[Doomed]:
    recording = _recording(session, subject)
    found = _of_recording(session, recording, field) if recording else _of_event(session, subject, field)
    if not found:
        raise KnownTrouble(f"{subject} has no personal value {field!r} that is not erased already.")
    return found


def _recording(session: ReadSession, subject: str) -> UUID | None:
    try:
        return session.scalars(select(Recording.id).where(named(subject))).one_or_none()
    except (NotFound, BadRequest):
        return None


def _of_recording(session: ReadSession, recording: UUID, field: str) -> list[Doomed]:
    found: list[Doomed] = []
    after = 0
    while lines := ledger.history(session, recording, after=after):
        after = lines[-1].subject_no
        opened: dict[UUID, dict[str, Any]] = {**revealed(session, [line.id for line in lines])}
        found += [
            Doomed(line.id, field, opened[line.id][field].value, clock.as_text(line.at), line.sentence)
            for line in lines
            if field in opened.get(line.id, {})
        ]
    return found


def _of_event(session: ReadSession, subject: str, field: str) -> list[Doomed]:
    try:
        event = UUID(subject)
    except ValueError:
        raise KnownTrouble(f"There is no recording {subject!r}, and it is no event's id.") from None
    opened = revealed(session, [event]).get(event, {})
    return [Doomed(event, field, opened[field].value)] if field in opened else []
