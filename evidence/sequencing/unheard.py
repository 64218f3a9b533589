"""After a roll-forward: agents that have not spoken since, and agents that only the log knows.

What came in between the copy and the loss is known to the agents alone, by their receipts. One that has not spoken
has not held them against the restored database, and what it lost raises no incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Row, text

from evidence.custody.events import SYSTEM, EventType
from evidence.custody.facts import AgentEnrolled
from evidence.custody.facts_of_log import LogRolledForward
from evidence.custody.leaf import read_leaf
from evidence.custody.places import IN_LOG, NUMBER
from evidence.custody.shapes import Facts
from evidence.database import ReadSession
from evidence.errors import NotALeaf
from evidence.vocabulary import AgentKind

Told = TypeVar("Told", bound=Facts)

MOST = 20  # roll-forwards looked back over, for the newest that put something back
# Newest first, by the index on subjects.
NEWEST = text(
    f"SELECT e.at, e.leaf FROM custody.event e LEFT JOIN {NUMBER}"  # noqa: S608 - put together of our own constants
    f" WHERE e.subject = :subject AND e.type = :type AND {IN_LOG} ORDER BY e.subject_no DESC LIMIT :most"
)
SILENT = text(
    "SELECT id, name, kind, seen_at AS since FROM agent WHERE revoked_at IS NULL"
    " AND coalesce(seen_at, enrolled_at) < :at ORDER BY name, id"
)
ONLY_IN_THE_LOG = text(
    f"SELECT e.subject AS id, e.at AS since, e.leaf FROM custody.event e JOIN {NUMBER}"  # noqa: S608 - as above
    " WHERE l.seq >= :start AND l.seq < :end AND e.type = :type"
    " AND NOT EXISTS (SELECT 1 FROM agent WHERE agent.id = e.subject) ORDER BY l.seq"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardAgent:
    """An agent that has not held its receipts against the database since it was rolled forward.

    `name` is None where only the log knows it: it was enrolled after the copy was made. `since` is when it was last
    heard of, or enrolled.
    """

    id: UUID
    name: str | None
    kind: AgentKind
    since: datetime | None


def unheard_since_rollforward(session: ReadSession) -> list[UnheardAgent]:
    """Agents that have not spoken since the newest roll-forward. None where there was none, or it put nothing back."""
    newest = _newest(session)
    if newest is None:
        return []
    at, start, end = newest
    words = {"start": start, "end": end, "type": EventType.AGENT_ENROLLED.value}
    strange = session.execute(ONLY_IN_THE_LOG, words).all()
    silent = session.execute(SILENT, {"at": at}).all()
    return [
        *(UnheardAgent(id=row.id, name=row.name, kind=AgentKind(row.kind), since=row.since) for row in silent),
        *(
            UnheardAgent(id=row.id, name=None, kind=AgentKind(said.kind), since=row.since)
            for row, said in _told(strange, AgentEnrolled)
        ),
    ]


def _newest(session: ReadSession) -> tuple[datetime, int, int] | None:
    """When the log was last rolled forward over lost events, from which size and to which."""
    words = {"subject": SYSTEM, "type": EventType.LOG_ROLLED_FORWARD.value, "most": MOST}
    for row, said in _told(session.execute(NEWEST, words), LogRolledForward):
        if said.to_size > said.from_size:
            return row.at, said.from_size, said.to_size
    return None


def _told(rows: Iterable[Row[Any]], kind: type[Told]) -> Iterator[tuple[Row[Any], Told]]:
    """Each event with its facts; not one that the ledger would not have let in, which verification names."""
    for row in rows:
        try:
            yield row, kind.model_validate(read_leaf(bytes(row.leaf)).facts)
        except (NotALeaf, ValidationError):
            continue
