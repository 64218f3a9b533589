"""Recordings that were set aside with a reason, waiting for a person or decided by one."""

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
from evidence.models import Master, Person, Quarantine, Recording
from evidence.vocabulary import Condition, QuarantineDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineLine:
    """One quarantine as a list shows it."""

    id: UUID
    reference: str
    title: str
    name: str
    device: str
    size: int
    condition: Condition
    code: str
    reason: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    decision: QuarantineDecision | None
    note: str | None


def find(session: ReadSession, asker: Asker, *, decided: bool, after: str | None, limit: int) -> Page[QuarantineLine]:
    """Quarantines, newest first. Raises BadRequest for a cursor that is not ours."""
    query = _lines(asker).where(Quarantine.closed_at.is_not(None) if decided else Quarantine.closed_at.is_(None))
    query = query.order_by(Quarantine.opened_at.desc(), Quarantine.id.desc())
    if after:
        query = query.where(Cursor.parse(after).before(Quarantine.opened_at, Quarantine.id))
    lines = [_line(row) for row in session.execute(query.limit(limit + 1))]
    return page_of(lines, limit, lambda line: Cursor(line.opened_at, line.id))


def one(session: ReadSession, asker: Asker, quarantine: UUID) -> QuarantineLine:
    """One quarantine. Raises NotFound where the asker may not see its recording."""
    row = session.execute(_lines(asker).where(Quarantine.id == quarantine)).one_or_none()
    if row is None:
        raise NotFound("that quarantine")
    return _line(row)


def _lines(asker: Asker) -> Select[*tuple[Any, ...]]:
    return (
        select(Quarantine, Recording, Master.size, Person.display_name)
        .join(Recording, Recording.id == Quarantine.recording_id)
        .join(Master, Master.id == Recording.id)
        .outerjoin(Person, Person.id == Quarantine.closed_by)
        .where(visible_to(asker, Recording.officer_id))
    )


def _line(row: Row[*tuple[Any, ...]]) -> QuarantineLine:
    quarantine: Quarantine = row.Quarantine
    recording: Recording = row.Recording
    return QuarantineLine(
        id=quarantine.id,
        reference=recording_reference(recording.number),
        title=recording.title,
        name=recording.name_shown,
        device=recording.device_label,
        size=row.size,
        condition=recording.condition,
        code=quarantine.code,
        reason=quarantine.reason,
        opened_at=quarantine.opened_at,
        closed_at=quarantine.closed_at,
        closed_by=row.display_name,
        decision=quarantine.decision,
        note=quarantine.note,
    )
