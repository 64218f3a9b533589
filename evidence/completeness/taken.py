"""When the store was last counted, as the custody log has it. A row of the table of counts says nothing by itself.

Whoever holds the service's password can write rows there; an event stays in the log for good, and says who acted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, text

from evidence import clock
from evidence.custody.events import SYSTEM, EventType
from evidence.custody.facts_of_log import CensusTaken
from evidence.custody.leaf import Leaf, read_leaf
from evidence.custody.places import IN_LOG, NUMBER
from evidence.database import ReadSession
from evidence.errors import NotALeaf
from evidence.outside.strays import MOST_AHEAD

MOST = 48  # counts looked back upon
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
# What differed in the newest whole count: out of the row that was written in the same transaction as its event.
DIFFERED = text(f"""
SELECT c.report FROM custody.event e
JOIN custody.census c ON c.event_id = e.id AND NOT c.report ? 'failed'
  AND position(convert_to('"census":"' || c.id || '"', 'UTF8') IN e.leaf) > 0
LEFT JOIN {NUMBER}
WHERE e.subject = :subject AND e.type = :type AND e.at <= :latest AND {IN_LOG}
ORDER BY e.subject_no DESC LIMIT 1
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


def last(session: ReadSession) -> Counted | None:
    """The newest whole count that an event of the log tells of; none of a time to come."""
    words = {"subject": SYSTEM, "type": EventType.CENSUS_TAKEN.value, "most": MOST}
    for row in session.execute(TAKEN, {**words, "latest": clock.now() + MOST_AHEAD}):
        counted = _counted(row)
        if counted is not None:
            return counted
    return None


def differed_before(session: ReadSession) -> set[str]:
    """The subjects of what differed in the newest whole count that the log has; what cannot be one names none."""
    words = {"subject": SYSTEM, "type": EventType.CENSUS_TAKEN.value, "latest": clock.now() + MOST_AHEAD}
    report = session.scalar(DIFFERED, words)
    gaps = report.get("gaps") if isinstance(report, dict) else None
    named = [each.get("subject") for each in (gaps if isinstance(gaps, list) else ()) if isinstance(each, dict)]
    return {each for each in named if isinstance(each, str)}


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


def _counted(row: Row[Any]) -> Counted | None:
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
        began_at=min([row.at, *row.began]),
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
