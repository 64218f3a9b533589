"""Files that were handed in by name (`continuity ingest`): no device stands in a bay, and none can go silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select

from api.enquiries.docks import Look, Stand
from api.wording import count
from evidence import clock
from evidence.database import ReadSession
from evidence.models import Agent, DockingSession, ListedFile
from evidence.vocabulary import AgentKind, ListedState

# What was handed in is of interest while somebody may still wait for it; then it is a recording among the others.
SHOWN_FOR: Final = timedelta(days=1)
STUCK: Final = (ListedState.REFUSED, ListedState.GONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """What one command line or workstation has handed in within the last day, or has not finished."""

    agent: UUID
    name: str
    last_at: datetime
    bytes_left: int
    stand: Stand


def stand_of(*, files: int, receipted: int, stuck: int, goes_on: bool, because: str | None) -> Stand:
    """What the wall says of files handed in. `goes_on`: who sends them has been heard of. Pure."""
    left = files - receipted
    stored = f"{receipted:,} of {count(files, 'file')} stored and checked"
    if not left:
        return Stand(look=Look.SAFE, word="All stored", detail=f"{count(files, 'file')} stored and checked")
    if goes_on and left > stuck:
        return Stand(look=Look.BUSY, word="Being taken in", detail=stored)
    why = f": {because.rstrip('.')}" if because else ""
    return Stand(
        look=Look.WARN,
        word="Not all stored",
        detail=f"{stored}. {count(left, 'file')} not stored{why}.",
        advice="Hand them in again. What is stored already is not sent twice.",
    )


def handed_in(session: ReadSession, *, silent_after: timedelta) -> tuple[HandedIn, ...]:
    """What was handed in by name, by whom it came; nothing of those that have been revoked."""
    by_agent: dict[UUID, list[Row[*tuple[Any, ...]]]] = {}
    for row in session.execute(_sums()):
        by_agent.setdefault(row.id, []).append(row)
    heard_since = clock.now() - silent_after
    return tuple(_one(rows, heard_since=heard_since) for rows in by_agent.values())


def _sums() -> Any:
    of_late = DockingSession.closed_at.is_(None) | (DockingSession.opened_at > clock.now() - SHOWN_FOR)
    return (
        select(
            Agent.id,
            Agent.name,
            func.coalesce(Agent.seen_at, Agent.enrolled_at).label("heard_at"),
            ListedFile.state,
            func.count().label("files"),
            func.coalesce(func.sum(ListedFile.size), 0).label("bytes"),
            func.coalesce(func.sum(ListedFile.bytes_sent), 0).label("sent"),
            func.max(ListedFile.reason).label("reason"),
            func.max(ListedFile.listed_at).label("last_at"),
        )
        .join(DockingSession, DockingSession.agent_id == Agent.id)
        .join(ListedFile, ListedFile.session_id == DockingSession.id)
        .where(DockingSession.kind == AgentKind.WORKSTATION, Agent.revoked_at.is_(None), of_late)
        .group_by(Agent.id, ListedFile.state)
        .order_by(Agent.name, Agent.id)
    )


def _one(rows: Sequence[Row[*tuple[Any, ...]]], *, heard_since: datetime) -> HandedIn:
    first = rows[0]
    stand = stand_of(
        files=sum(row.files for row in rows),
        receipted=sum(row.files for row in rows if row.state is ListedState.RECEIPTED),
        stuck=sum(row.files for row in rows if row.state in STUCK),
        goes_on=first.heard_at > heard_since,
        because=next((row.reason for row in rows if row.state in STUCK and row.reason), None),
    )
    return HandedIn(
        agent=first.id,
        name=first.name,
        last_at=max(row.last_at for row in rows),
        bytes_left=sum(
            int(row.bytes) - int(row.sent) for row in rows if row.state not in (ListedState.RECEIPTED, *STUCK)
        ),
        stand=stand,
    )
