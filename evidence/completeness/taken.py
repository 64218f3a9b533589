"""When the store was last counted, as the custody log has it. A row of the table of counts says nothing by itself.

Whoever holds the service's password can write rows there; an event stays in the log for good, and says who acted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Row, text

from evidence import clock
from evidence.completeness.matching import Gap
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
# What differed in the newest whole count: out of the row that was written in the same transaction as its event. The
# services may change the row, so it is held against that event and against those that told of each difference.
DIFFERED = text(f"""
SELECT c.report, e.id, e.at, e.leaf FROM custody.event e
JOIN custody.census c ON c.event_id = e.id AND NOT c.report ? 'failed'
  AND position(convert_to('"census":"' || c.id || '"', 'UTF8') IN e.leaf) > 0
LEFT JOIN {NUMBER}
WHERE e.subject = :subject AND e.type = :type AND e.at <= :latest AND {IN_LOG}
ORDER BY e.subject_no DESC LIMIT 1
""")  # noqa: S608 - put together of our own constants
TOLD = text(f"""
SELECT e.subject, e.leaf FROM custody.event e LEFT JOIN {NUMBER}
WHERE e.subject = ANY(:subjects) AND e.type = :type AND {IN_LOG}
""")  # noqa: S608 - put together of our own constants
# A count that failed has the event of its incident.
STRAYS = text("""
SELECT c.id, c.began_at, c.ended_at, coalesce(
  CASE WHEN c.report ? 'failed' THEN e.type = :failure
       ELSE e.type = :type AND position(convert_to('"census":"' || c.id || '"', 'UTF8') IN e.leaf) > 0 END,
  false) AS has_event
FROM custody.census c LEFT JOIN custody.event e ON e.id = c.event_id
ORDER BY c.ended_at
""")
AHEAD = text("SELECT at FROM custody.event WHERE subject = :subject AND type = :type AND at > :latest ORDER BY at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A count that the log has: when it began, in objects what it found, and whether nothing differed."""

    began_at: datetime
    expected: int
    found: int
    missing: int
    extra: int
    changed: int

    @property
    def holds(self) -> bool:
        """There was something to count, and nothing differs."""
        return self.expected > 0 and not (self.missing or self.extra or self.changed)


@dataclass(frozen=True, slots=True)
class Before:
    """What differed in the newest whole count, by the subjects that its row names, and what the log was told of."""

    named: frozenset[str] = frozenset()
    told: frozenset[Told] = frozenset()

    def has(self, subject: str, told: Told) -> bool:
        """Whether a difference was there: the row alone says nothing of what no event of the log ever told."""
        return subject in self.named and told in self.told


def last(session: ReadSession) -> Counted | None:
    """The newest whole count that an event of the log tells of; none of a time to come."""
    words = {"subject": SYSTEM, "type": EventType.CENSUS_TAKEN.value, "most": MOST}
    for row in session.execute(TAKEN, {**words, "latest": clock.now() + MOST_AHEAD}):
        counted = _counted(row, row.began)
        if counted is not None:
            return counted
    return None


def differed_before(session: ReadSession) -> Before:
    """What differed in the newest whole count that the log has; what cannot be one names nothing.

    Nor does a row that names more differences of a kind than its event counted.
    """
    words = {"subject": SYSTEM, "type": EventType.CENSUS_TAKEN.value, "latest": clock.now() + MOST_AHEAD}
    row = session.execute(DIFFERED, words).first()
    counted = None if row is None else _counted(row, began=())
    if row is None or counted is None:
        return Before()
    listed = row.report.get("gaps") if isinstance(row.report, dict) else None
    gaps = [each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict)]
    kinds = Counter(str(each.get("gap")) for each in gaps)
    if any(many > getattr(counted, kind, 0) for kind, many in kinds.items()) or kinds.keys() - {*Gap}:
        return Before()
    named = frozenset(each["subject"] for each in gaps if isinstance(each.get("subject"), str))
    return Before(named, _told(session, [str(each.get("key")) for each in gaps])) if named else Before()


def _told(session: ReadSession, keys: Sequence[str]) -> frozenset[Told]:
    """Each difference about these keys, and about those that are no master's, that an event of the log tells of."""
    masters = [UUID(key.removeprefix(MASTERS)) for key in keys if OUR_KEY.fullmatch(key)]
    told = set[Told]()
    for row in session.execute(TOLD, {"subjects": [SYSTEM, *masters], "type": EventType.CENSUS_GAP.value}):
        try:
            leaf = read_leaf(bytes(row.leaf))
            said = CensusGap.model_validate(leaf.facts)
        except (NotALeaf, ValidationError):
            continue  # verification names what is no event
        if (leaf.subj, leaf.type) == (str(row.subject), EventType.CENSUS_GAP.value):
            told.add((row.subject, said.gap, said.version_id))
    return frozenset(told)


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
        began_at=min([row.at, *began]),
        expected=said.expected,
        found=said.found,
        missing=said.missing,
        extra=said.extra,
        changed=said.changed,
    )


def _says(leaf: Leaf, row: Row[Any]) -> bool:
    """Whether the leaf is of the event that the columns beside it speak of."""
    said = (leaf.id, leaf.type, leaf.subj, leaf.at)
    return said == (str(row.id), EventType.CENSUS_TAKEN.value, str(SYSTEM), clock.as_text(row.at))
