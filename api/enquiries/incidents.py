"""What needs a person's attention, open and closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select

from api.enquiries.paging import Cursor, Page, page_of
from evidence.access import Asker, visible_to
from evidence.database import ReadSession
from evidence.errors import NotFound
from evidence.identifiers import recording_reference
from evidence.models import Agent, DockingSession, Incident, Person, Recording
from evidence.vocabulary import IncidentKind

TITLES = {
    IncidentKind.NOT_STORED: "Listed on the device and not stored",
    IncidentKind.UNPLUGGED: "Taken out too early",
    IncidentKind.REFUSED_FILE: "A file could not be read",
    IncidentKind.FIXITY_FAILED: "Stored bytes are not those that were offered",
    IncidentKind.SAME_NAME_OTHER_BYTES: "Same name, other content",
    IncidentKind.CLOCK_WRONG: "A clock is wrong",
    IncidentKind.AGENT_SILENT: "A dock is silent",
    IncidentKind.LOG_HALTED: "The custody log has been halted",
    IncidentKind.LOG_BEHIND: "The custody log is behind",
    IncidentKind.LOG_DISAGREES: "The custody log does not verify",
    IncidentKind.CENSUS_GAP: "The store does not hold what it should",
    IncidentKind.WITNESS_SILENT: "A witness does not sign",
    IncidentKind.WITNESS_REFUSES: "A witness knows the custody log otherwise",
    IncidentKind.TRUST_FILE_REFUSED: "A changed list of witnesses or authorities is not in force",
    IncidentKind.TIMESTAMP_MISSING: "No time-stamp could be had",
    IncidentKind.TIMESTAMP_REFUSED: "A time-stamp does not hold",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One incident as a list shows it."""

    id: UUID
    kind: IncidentKind
    title: str
    reason: str
    advice: str
    dock: str | None
    bay: str | None
    device: str | None
    recording: str | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_because: str | None


def dock_incidents(session: ReadSession, *, only: UUID | None = None, limit: int = 60) -> tuple[IncidentLine, ...]:
    """What is open at the docks, newest first, as far as the wall has room. Names no recording."""
    query = _with_names().where(Incident.closed_at.is_(None), Incident.agent_id.is_not(None))
    if only is not None:
        query = query.where(Incident.agent_id == only)
    rows = session.execute(query.order_by(Incident.opened_at.desc(), Incident.id.desc()).limit(limit))
    return tuple(_line(row) for row in rows)


def find(
    session: ReadSession, asker: Asker, *, is_open: bool | None, after: str | None, limit: int
) -> Page[IncidentLine]:
    """Incidents, newest first; open ones, closed ones, or both. Raises BadRequest for a cursor that is not ours."""
    query = _lines(asker).order_by(Incident.opened_at.desc(), Incident.id.desc())
    if is_open is not None:
        query = query.where(Incident.closed_at.is_(None) if is_open else Incident.closed_at.is_not(None))
    if after:
        query = query.where(Cursor.parse(after).before(Incident.opened_at, Incident.id))
    lines = [_line(row) for row in session.execute(query.limit(limit + 1))]
    return page_of(lines, limit, lambda line: Cursor(line.opened_at, line.id))


def one(session: ReadSession, asker: Asker, incident: UUID) -> IncidentLine:
    """One incident. Raises NotFound."""
    row = session.execute(_lines(asker).where(Incident.id == incident)).one_or_none()
    if row is None:
        raise NotFound("that incident")
    return _line(row)


def _lines(asker: Asker) -> Select[*tuple[Any, ...]]:
    """Incidents of docks are everybody's concern; those of a recording are seen by whoever sees the recording."""
    return _with_names().where(Incident.recording_id.is_(None) | visible_to(asker, Recording.officer_id))


def _with_names() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Incident, Agent.name, DockingSession.bay, DockingSession.device_label, Recording.number, Person.display_name
        )
        .outerjoin(Agent, Agent.id == Incident.agent_id)
        .outerjoin(DockingSession, DockingSession.id == Incident.session_id)
        .outerjoin(Recording, Recording.id == Incident.recording_id)
        .outerjoin(Person, Person.id == Incident.closed_by)
    )


def _line(row: Row[*tuple[Any, ...]]) -> IncidentLine:
    incident: Incident = row.Incident
    closed_by = row.display_name or ("The system" if incident.closed_at else None)
    return IncidentLine(
        id=incident.id,
        kind=incident.kind,
        title=TITLES[incident.kind],
        reason=incident.reason,
        advice=incident.advice,
        dock=row.name,
        bay=row.bay,
        device=row.device_label,
        recording=recording_reference(row.number) if row.number is not None else None,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        closed_by=closed_by,
        closed_because=incident.closed_because,
    )
