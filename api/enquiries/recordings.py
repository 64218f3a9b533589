"""Which recordings there are, for one who may see them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, exists, select
from sqlalchemy.orm import aliased

from api.enquiries.paging import Cursor, Page, page_of
from evidence.access import Action, Asker, visible_to
from evidence.database import ReadSession
from evidence.errors import NotFound
from evidence.identifiers import SHA256_SHAPE, recording_reference
from evidence.models import Incident, Master, Person, Quarantine, Recording, Rendition
from evidence.vocabulary import Condition, IncidentKind, Playability, RecordingKind, RenditionKind, RenditionState

REFERENCE = re.compile(r"[Rr]?0*(\d{1,12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for. Empty members do not narrow the list."""

    text: str = ""
    kind: RecordingKind | None = None
    condition: Condition | None = None
    playability: Playability | None = None
    in_quarantine: bool = False
    captured_from: datetime | None = None
    captured_until: datetime | None = None
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLine:
    """One recording as a list shows it."""

    id: UUID
    reference: str
    title: str
    name: str
    kind: RecordingKind
    device: str
    camera_serial: str | None
    officer: str | None
    captured_at: datetime | None
    captured_as_stated: str | None
    registered_at: datetime
    duration_ms: int | None
    size: int
    sha256: str
    condition: Condition
    playability: Playability
    playability_reason: str | None
    in_quarantine: bool
    fixity_failed: bool
    has_poster: bool
    may_watch: bool


def find(session: ReadSession, asker: Asker, wanted: Wanted) -> Page[RecordingLine]:
    """Recordings that match, newest intake first. Raises BadRequest for a cursor that is not ours."""
    query = _lines(asker).order_by(Recording.registered_at.desc(), Recording.id.desc())
    for condition in _conditions(wanted):
        query = query.where(condition)
    if wanted.after:
        query = query.where(Cursor.parse(wanted.after).before(Recording.registered_at, Recording.id))
    rows = session.execute(query.limit(wanted.limit + 1)).all()
    lines = [_line(row) for row in rows]
    return page_of(lines, wanted.limit, lambda line: Cursor(line.registered_at, line.id))


def one(session: ReadSession, asker: Asker, name: str) -> RecordingLine:
    """The recording of this reference or id. Raises NotFound where there is none that the asker may see."""
    row = session.execute(_lines(asker).where(named(name))).one_or_none()
    if row is None:
        raise NotFound(f"recording {name[:60]}")
    return _line(row)


def named(name: str) -> ColumnElement[bool]:
    """The condition for one recording, by reference (`R0000123`) or id. Raises NotFound for other words."""
    if found := REFERENCE.fullmatch(name):
        return Recording.number == int(found[1])
    try:
        return Recording.id == UUID(name)
    except ValueError as error:
        raise NotFound(f"recording {name[:60]!r}, which is neither a reference such as R0000123 nor an id,") from error


def _lines(asker: Asker) -> Select[*tuple[Any, ...]]:
    officer = aliased(Person)
    quarantined = exists().where(Quarantine.recording_id == Recording.id, Quarantine.closed_at.is_(None))
    poster = exists().where(
        Rendition.recording_id == Recording.id,
        Rendition.kind == RenditionKind.POSTER,
        Rendition.state == RenditionState.READY,
    )
    broken = exists().where(
        Incident.recording_id == Recording.id,
        Incident.kind == IncidentKind.FIXITY_FAILED,
        Incident.closed_at.is_(None),
    )
    return (
        select(
            Recording,
            Master.size,
            Master.sha256,
            officer.display_name,
            officer.collar_number,
            quarantined.label("in_quarantine"),
            poster.label("has_poster"),
            broken.label("fixity_failed"),
            visible_to(asker, Recording.officer_id, Action.WATCH).label("may_watch"),
        )
        .join(Master, Master.id == Recording.id)
        .outerjoin(officer, officer.id == Recording.officer_id)
        .where(visible_to(asker, Recording.officer_id))
    )


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = [_mentions(word) for word in wanted.text.lower().split()]
    pairs = (
        (Recording.kind, wanted.kind),
        (Recording.condition, wanted.condition),
        (Recording.playability, wanted.playability),
    )
    conditions += [column == value for column, value in pairs if value is not None]
    if wanted.captured_from is not None:
        conditions.append(Recording.captured_at >= wanted.captured_from)
    if wanted.captured_until is not None:
        conditions.append(Recording.captured_at < wanted.captured_until)
    if wanted.in_quarantine:
        conditions.append(exists().where(Quarantine.recording_id == Recording.id, Quarantine.closed_at.is_(None)))
    return conditions


def _mentions(word: str) -> ColumnElement[bool]:
    """Whether a recording's words hold this one; a reference or a digest is looked up as what it is."""
    if SHA256_SHAPE.fullmatch(word):
        return Master.sha256 == word
    said = Recording.search_text.contains(word, autoescape=True)
    if word.startswith("r") and (found := REFERENCE.fullmatch(word)):
        return said | (Recording.number == int(found[1]))
    return said


def _line(row: Row[*tuple[Any, ...]]) -> RecordingLine:
    recording: Recording = row.Recording
    officer = " ".join(each for each in (row.collar_number, row.display_name) if each)
    return RecordingLine(
        id=recording.id,
        reference=recording_reference(recording.number),
        title=recording.title,
        name=recording.name_shown,
        kind=recording.kind,
        device=recording.device_label,
        camera_serial=recording.camera_serial,
        officer=officer or recording.officer_as_stated,
        captured_at=recording.captured_at,
        captured_as_stated=recording.captured_as_stated,
        registered_at=recording.registered_at,
        duration_ms=recording.duration_ms,
        size=row.size,
        sha256=row.sha256,
        condition=recording.condition,
        playability=recording.playability,
        playability_reason=recording.playability_reason,
        in_quarantine=row.in_quarantine,
        fixity_failed=row.fixity_failed,
        has_poster=row.has_poster,
        may_watch=row.may_watch,
    )
