"""When the store was last counted, as the custody log has it. A row of the table of counts says nothing by itself.

Whoever holds the service's password can write rows there; an event stays in the log for good, and says who acted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Row, text

from evidence import clock
from evidence.completeness.packed import Packed
from evidence.completeness.reported import Report, read_report
from evidence.custody.events import SYSTEM, EventType
from evidence.custody.facts_of_log import CensusGap, CensusTaken
from evidence.custody.leaf import Leaf, read_leaf
from evidence.custody.places import IN_LOG, NUMBER
from evidence.database import ReadSession
from evidence.errors import NotALeaf
from evidence.outside.strays import MOST_AHEAD
from evidence.store.keys import MASTERS

Told = tuple[UUID, str, str | None]  # the subject of an event about a difference, its kind, and the version

MOST = 48  # counts looked back upon
OUR_KEY = re.compile(MASTERS + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Newest first along the subject's own numbers, which have an index. An event counts that has its number in the log, or
# waits for it. The row beside it says when the count began; it was written in the same transaction as its event.
TAKEN = text(f"""
SELECT e.id, e.at, e.leaf, ARRAY(
  SELECT c.began_at FROM custody.census c WHERE c.event_id = e.id AND c.began_at <= e.at) AS began
FROM custody.event e
LEFT JOIN {NUMBER}
WHERE e.subject = :subject AND e.type = :type AND e.at <= :latest AND {IN_LOG}
ORDER BY e.subject_no DESC LIMIT :most
""")  # noqa: S608 - put together of our own constants
# What differed in a count: out of the row that was written in the same transaction as its event. The services may
# change the row, so it is held against that event and against those that told of each difference.
REPORT = text("""
SELECT CAST(report AS text) FROM custody.census
WHERE id = :census AND event_id = :event AND NOT report ? 'failed'
""")
# By the index of ids. Of two events with one id, the one that came first has it.
TOLD = text(f"""
SELECT e.id, e.subject, e.leaf FROM custody.event e LEFT JOIN {NUMBER}
WHERE e.id = ANY(:events) AND e.type = :type AND {IN_LOG}
ORDER BY e.ingest_no DESC
""")  # noqa: S608 - put together of our own constants
# A count that failed has the event of its incident. Another event may have borrowed the id: then one of them tells.
STRAYS = text("""
SELECT c.id, c.began_at, c.ended_at, EXISTS (
  SELECT 1 FROM custody.event e WHERE e.id = c.event_id AND (
    e.type = :type AND position(convert_to('"census":"' || c.id || '"', 'UTF8') IN e.leaf) > 0
    OR e.type = :failure AND c.report ? 'failed')) AS has_event
FROM custody.census c
ORDER BY c.ended_at
""")
AHEAD = text("SELECT at FROM custody.event WHERE subject = :subject AND type = :type AND at > :latest ORDER BY at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A count that the log has: when it began, in objects what it found, and whether nothing differed.

    `told_by` is the digest of the events that told of what differed; None of an early count.
    """

    census: UUID
    began_at: datetime
    expected: int
    found: int
    missing: int
    extra: int
    changed: int
    told_by: str | None

    @property
    def holds(self) -> bool:
        """There was something to count, and nothing differs."""
        return self.expected > 0 and not (self.missing or self.extra or self.changed)


@dataclass(frozen=True, slots=True)
class Before:
    """What differed in the newest whole count, and which event told of it: as its row says, by subjects.

    The row alone says nothing: `told` has what the event said, where the log has it. `refused` is the count whose row
    cannot be what that count wrote, so that it names nothing.
    """

    named: Mapping[str, UUID] = field(default_factory=dict)
    rest: Packed = field(default_factory=Packed)
    refused: UUID | None = None

    def event_of(self, subject: str) -> UUID | None:
        """The event that is said to have told of the difference; None where it was not there."""
        return self.named.get(subject) or self.rest.get(subject)


def last(session: ReadSession) -> Counted | None:
    """The newest whole count that an event of the log tells of; none of a time to come."""
    return next((counted for _, counted in _newest(session)), None)


def differed_before(session: ReadSession) -> Before:
    """What differed in the newest whole count that the log has; what cannot be one names nothing.

    Nor does a row that names more differences of a kind than its event counted, or other events than those whose digest
    that event has: an event of an earlier count tells of what may have been in order since. Where a roll-forward
    brought the event back and the row is lost, nobody knows what differed: an older row may name what was in order
    since.
    """
    event, counted = next(_newest(session), (None, None))
    if counted is None:
        return Before()
    said = session.scalars(REPORT, {"census": counted.census, "event": event}).first()
    if said is None:
        return Before()
    report = read_report(said)
    if report is None or not _wrote(counted, report):
        return Before(refused=counted.census)
    return Before(report.named(), report.packed)


def told(session: ReadSession, events: Sequence[UUID]) -> dict[UUID, Told]:
    """What those of these events that the log has told of a difference."""
    found: dict[UUID, Told] = {}
    words = {"events": list(events), "type": EventType.CENSUS_GAP.value}
    for row in session.execute(TOLD, words) if events else ():
        try:
            leaf = read_leaf(bytes(row.leaf))
            said = CensusGap.model_validate(leaf.facts)
        except (NotALeaf, ValidationError):
            continue  # verification names what is no event
        if (leaf.id, leaf.subj, leaf.type) == (str(row.id), str(row.subject), EventType.CENSUS_GAP.value):
            found[row.id] = (row.subject, said.gap, said.version_id)
    return found


def strays(session: ReadSession) -> list[str]:
    """Each row and each event of a count that cannot be one, in words."""
    latest, words = clock.now() + MOST_AHEAD, {"type": EventType.CENSUS_TAKEN.value}
    found = []
    for row in session.execute(STRAYS, {**words, "failure": EventType.INCIDENT_OPENED.value}):
        if max(row.began_at, row.ended_at) > latest:
            found.append(f"the count {row.id} is of {clock.as_text(max(row.began_at, row.ended_at))}, a time to come")
        elif not row.has_event:
            found.append(f"no event tells of the count {row.id}, of {clock.as_text(row.began_at)}")
    ahead = session.scalars(AHEAD, {**words, "subject": SYSTEM, "latest": latest})
    return [*found, *(f"an event says that the store was counted at {clock.as_text(each)}" for each in ahead)]


def _newest(session: ReadSession) -> Iterator[tuple[UUID, Counted]]:
    """The newest counts that events of the log tell of, each with its event; none of a time to come."""
    words = {"subject": SYSTEM, "type": EventType.CENSUS_TAKEN.value, "most": MOST}
    for row in session.execute(TAKEN, {**words, "latest": clock.now() + MOST_AHEAD}).all():
        counted = _counted(row, row.began)
        if counted is not None:
            yield row.id, counted


def _wrote(counted: Counted, report: Report) -> bool:
    """Whether this is what the count wrote, as far as its event says so: that of an early one says how many differ."""
    if not report.fits(missing=counted.missing, extra=counted.extra, changed=counted.changed):
        return False
    return counted.told_by is None or counted.told_by == report.told_by()


def _counted(row: Row[Any], began: Sequence[datetime]) -> Counted | None:
    try:
        leaf = read_leaf(bytes(row.leaf))
    except NotALeaf:
        return None  # verification names it
    if not _says(leaf, row):
        return None
    try:
        said = CensusTaken.model_validate(leaf.facts)
    except ValidationError:
        return None  # written past the ledger, which lets no such event in
    return Counted(
        census=UUID(said.census),
        began_at=min([row.at, *began]),
        expected=said.expected,
        found=said.found,
        missing=said.missing,
        extra=said.extra,
        changed=said.changed,
        told_by=said.told_by,
    )


def _says(leaf: Leaf, row: Row[Any]) -> bool:
    """Whether the leaf is of the event that the columns beside it speak of."""
    said = (leaf.id, leaf.type, leaf.subj, leaf.at)
    return said == (str(row.id), EventType.CENSUS_TAKEN.value, str(SYSTEM), clock.as_text(row.at))
