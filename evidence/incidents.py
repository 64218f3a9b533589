"""Opens and closes incidents: what needs a person's attention, with the reason and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import WriteSession
from evidence.errors import AlreadySettled, NotFound
from evidence.identifiers import new_id
from evidence.models import Incident
from evidence.vocabulary import IncidentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong. `subject` is the same text for the same trouble, so that it is opened once."""

    kind: IncidentKind
    subject: str
    reason: str
    advice: str
    agent_id: UUID | None = None
    session_id: UUID | None = None
    recording_id: UUID | None = None


def open_incident(session: WriteSession, trouble: Trouble, *, by: Actor) -> UUID | None:
    """Open an incident, unless the same one is open already. The new id, or None."""
    values = {
        "id": new_id(),
        "kind": trouble.kind,
        "subject": trouble.subject,
        "reason": trouble.reason,
        "advice": trouble.advice,
        "agent_id": trouble.agent_id,
        "session_id": trouble.session_id,
        "recording_id": trouble.recording_id,
    }
    adding = insert(Incident).values(values).on_conflict_do_nothing().returning(Incident.id)
    made = session.scalars(adding).one_or_none()
    if made is not None:
        facts = {"kind": trouble.kind.value}
        personal = {"because": trouble.reason}
        ledger.record(
            session,
            Event(type=EventType.INCIDENT_OPENED, subject=made, actor=by, facts=facts, personal=personal),
        )
    return made


def settle_incident(session: WriteSession, *, kind: IncidentKind, subject: str, because: str, by: Actor) -> bool:
    """Close the open incident of this kind and subject, where the facts themselves have settled it."""
    open_one = select(Incident.id).where(
        Incident.kind == kind, Incident.subject == subject, Incident.closed_at.is_(None)
    )
    found = session.scalars(open_one).one_or_none()
    if found is None:
        return False
    close_incident(session, found, because=because, by=by, person=None)
    return True


def close_incident(session: WriteSession, incident: UUID, *, because: str, by: Actor, person: UUID | None) -> None:
    """Close one incident with a note. Raises NotFound, or AlreadySettled where someone was quicker."""
    row = session.get(Incident, incident)
    if row is None:
        raise NotFound("the incident")
    closed = session.execute(
        update(Incident)
        .where(Incident.id == incident, Incident.closed_at.is_(None))
        .values(closed_at=clock.now(), closed_by=person, closed_because=because)
        .returning(Incident.id)
    )
    if closed.one_or_none() is None:
        raise AlreadySettled("this incident has been closed already")
    facts = {"kind": row.kind.value}
    ledger.record(
        session,
        Event(type=EventType.INCIDENT_CLOSED, subject=incident, actor=by, facts=facts, personal={"because": because}),
    )
