"""What stands in each bay of each dock, and whether a camera may be taken out.

`stand_of` decides and is pure: "safe" is said only where the device's listing is complete and the server itself
holds a receipt for every file on it. An agent's word alone never makes a bay green.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from api.wording import count, how_long
from evidence import clock
from evidence.database import ReadSession
from evidence.models import Agent, DockingSession, Incident, ListedFile
from evidence.vocabulary import AgentKind, ListedState

# A bay that nothing has stood in for this long is no longer on the wall.
REMEMBERED = timedelta(days=30)


class Look(StrEnum):
    """How a bay is drawn; each has its icon."""

    SAFE = "safe"
    STOP = "stop"
    BUSY = "busy"
    WARN = "warn"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class BayFacts:
    """What is known of the newest docking session in one bay."""

    files: int
    receipted: int
    by_state: Mapping[ListedState, int]
    bytes_total: int
    bytes_sent: int
    listing_complete: bool
    closed: bool
    agent_silent_for: timedelta | None = None
    trouble: str | None = None
    waiting_because: str | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What the wall says of one bay. `said` is read out when it changes; it holds no percentage."""

    look: Look
    word: str
    detail: str = ""
    advice: str = ""
    percent: int | None = None

    @property
    def said(self) -> str:
        """The state as a screen reader hears it."""
        return self.word if self.percent is None else self.word.rsplit(" ", 2)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bay:
    """One bay of the wall."""

    name: str
    session: UUID
    device: str
    serial: str | None
    seen_at: datetime
    stand: Stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Dock:
    """One agent and its bays."""

    id: UUID
    name: str
    kind: AgentKind
    seen_at: datetime | None
    silent_for: timedelta | None
    backlog_bytes: int
    bytes_per_second: float | None
    bays: tuple[Bay, ...]
    open_incidents: int


def stand_of(facts: BayFacts) -> Stand:
    """What the wall says of a bay."""
    if facts.closed:
        return _after_removal(facts)
    if facts.agent_silent_for is not None:
        return Stand(
            look=Look.STOP,
            word="Do not remove",
            detail=f"The dock has not been heard from for {how_long(facts.agent_silent_for)}.",
            advice="Check that the dock's computer is on and its network cable is in.",
        )
    if not facts.listing_complete:
        return Stand(look=Look.BUSY, word="Reading", detail=f"{count(facts.files, 'file')} found so far")
    if facts.files == 0:
        return Stand(
            look=Look.WARN,
            word="Nothing on it",
            detail="This device holds no files.",
            advice="If you expected recordings, leave it in and tell a supervisor.",
        )
    return _with_files(facts)


def _with_files(facts: BayFacts) -> Stand:
    done = f"{facts.receipted} of {facts.files} stored and checked"
    if facts.receipted == facts.files:
        stored = f"{'All ' if facts.files > 1 else ''}{count(facts.files, 'file')} stored"
        return Stand(look=Look.SAFE, word="Safe to remove", detail=stored)
    stuck = facts.by_state.get(ListedState.REFUSED, 0) + facts.by_state.get(ListedState.GONE, 0)
    because = f": {facts.trouble.rstrip('.')}" if facts.trouble else ""
    if stuck and facts.receipted + stuck == facts.files:
        return Stand(
            look=Look.STOP,
            word="Do not remove",
            detail=f"{done}. {count(stuck, 'file')} could not be taken in{because}.",
            advice="Tell a supervisor. The incidents on this page say what to do about each file.",
        )
    moving = [ListedState.READING, ListedState.SENDING, ListedState.SETTLING]
    if any(facts.by_state.get(state) for state in moving):
        return _uploading(facts)
    if facts.by_state.get(ListedState.WAITING) or facts.by_state.get(ListedState.LISTED):
        because = facts.waiting_because or "Waiting for its turn."
        return Stand(look=Look.BUSY, word="Waiting", detail=f"{done}. {because}")
    return Stand(look=Look.BUSY, word="Checking", detail=f"{done}. The store is read back and compared.")


def _uploading(facts: BayFacts) -> Stand:
    percent = min(99, int(100 * facts.bytes_sent / facts.bytes_total)) if facts.bytes_total else 0
    left = f", about {how_long(timedelta(seconds=facts.seconds_left))} left" if facts.seconds_left else ""
    return Stand(
        look=Look.BUSY,
        word=f"Uploading {percent} %",
        detail=f"{facts.receipted} of {count(facts.files, 'file')} stored{left}",
        percent=percent,
    )


def _after_removal(facts: BayFacts) -> Stand:
    missing = facts.files - facts.receipted
    if missing:
        return Stand(
            look=Look.STOP,
            word="Taken out too early",
            detail=f"{count(missing, 'file')} of {facts.files} not stored yet.",
            advice="Put the camera back in. The upload goes on where it stopped.",
        )
    if not facts.listing_complete:
        return Stand(
            look=Look.STOP,
            word="Taken out too early",
            detail="It went before all that is on it had been listed.",
            advice="Put the camera back in. It is listed anew, and what is missing is taken in.",
        )
    if not facts.files:
        return Stand(look=Look.EMPTY, word="Empty", detail="The last camera held no files.")
    return Stand(look=Look.EMPTY, word="Empty", detail="All that was on the last camera is stored.")


def wall(session: ReadSession, *, silent_after: timedelta, only: UUID | None = None) -> tuple[Dock, ...]:
    """Every dock and suite that has not been revoked, with its bays. A workstation is neither: see `handed_in`."""
    stands = Agent.revoked_at.is_(None) & (Agent.kind != AgentKind.WORKSTATION)
    query = select(Agent).where(stands).order_by(Agent.name, Agent.id)
    agents = session.scalars(query if only is None else query.where(Agent.id == only)).all()
    found = _bays(session, [agent.id for agent in agents])
    incidents = _incident_counts(session)
    return tuple(
        _dock(agent, found.get(agent.id, ()), silent_after=silent_after, incidents=incidents.get(agent.id, 0))
        for agent in agents
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A docking session with the sums over its listing."""

    docking: DockingSession
    by_state: dict[ListedState, int]
    bytes_total: int
    bytes_sent: int
    bytes_stored: int
    first_change: datetime | None
    trouble: str | None
    waiting_because: str | None


def _bays(session: ReadSession, agents: Sequence[UUID]) -> dict[UUID, list[_Seen]]:
    newest = (
        select(DockingSession)
        .where(
            DockingSession.agent_id.in_(agents),
            DockingSession.kind != AgentKind.WORKSTATION,
            DockingSession.closed_at.is_(None) | (DockingSession.opened_at > clock.now() - REMEMBERED),
        )
        .ext(distinct_on(DockingSession.agent_id, DockingSession.bay))
        .order_by(DockingSession.agent_id, DockingSession.bay, DockingSession.opened_at.desc())
    )
    dockings = session.scalars(newest).all()
    sums = _sums(session, [each.id for each in dockings])
    grouped: dict[UUID, list[_Seen]] = {}
    for docking in sorted(dockings, key=lambda each: _natural(each.bay)):
        grouped.setdefault(docking.agent_id, []).append(_seen(docking, sums.get(docking.id, [])))
    return grouped


def _natural(name: str) -> tuple[Any, ...]:
    """Bay 2 comes before bay 10."""
    digits = "".join(each if each.isdigit() else " " for each in name).split()
    return (*[int(each) for each in digits[:1]], name) if digits else (1 << 30, name)


def _sums(session: ReadSession, dockings: Sequence[UUID]) -> dict[UUID, list[Row[*tuple[Any, ...]]]]:
    rows = session.execute(
        select(
            ListedFile.session_id,
            ListedFile.state,
            func.count().label("files"),
            func.coalesce(func.sum(ListedFile.size), 0).label("bytes"),
            func.coalesce(func.sum(ListedFile.bytes_sent), 0).label("sent"),
            func.min(ListedFile.listed_at).label("first"),
            func.max(ListedFile.reason).label("reason"),
        )
        .where(ListedFile.session_id.in_(dockings))
        .group_by(ListedFile.session_id, ListedFile.state)
    )
    grouped: dict[UUID, list[Row[*tuple[Any, ...]]]] = {}
    for row in rows:
        grouped.setdefault(row.session_id, []).append(row)
    return grouped


def _seen(docking: DockingSession, rows: Sequence[Row[*tuple[Any, ...]]]) -> _Seen:
    by_state = {row.state: int(row.files) for row in rows}
    reasons = {row.state: row.reason for row in rows if row.reason}
    stored = sum(int(row.bytes) for row in rows if row.state is ListedState.RECEIPTED)
    sent = sum(int(row.sent) for row in rows if row.state is not ListedState.RECEIPTED)
    return _Seen(
        docking=docking,
        by_state=by_state,
        bytes_total=sum(int(row.bytes) for row in rows),
        bytes_sent=stored + sent,
        bytes_stored=stored,
        first_change=min((row.first for row in rows), default=None),
        trouble=reasons.get(ListedState.REFUSED) or reasons.get(ListedState.GONE),
        waiting_because=reasons.get(ListedState.WAITING) or reasons.get(ListedState.LISTED),
    )


def _dock(agent: Agent, seen: Sequence[_Seen], *, silent_after: timedelta, incidents: int) -> Dock:
    now = clock.now()
    quiet = now - agent.seen_at if agent.seen_at else now - agent.enrolled_at
    silent = quiet if quiet > silent_after else None
    waiting = [each for each in seen if each.docking.closed_at is None]
    speed = _speed(waiting, now)
    return Dock(
        id=agent.id,
        name=agent.name,
        kind=agent.kind,
        seen_at=agent.seen_at,
        silent_for=silent,
        backlog_bytes=sum(each.bytes_total - each.bytes_sent for each in waiting),
        bytes_per_second=speed,
        bays=tuple(_bay(each, silent=silent, speed=speed) for each in seen),
        open_incidents=incidents,
    )


def _speed(seen: Sequence[_Seen], now: datetime) -> float | None:
    """Bytes a second over what is being sent just now; None while nothing has moved."""
    moving = [each for each in seen if each.by_state.get(ListedState.SENDING) and each.first_change]
    total = sum(
        each.bytes_sent / max(1.0, (now - each.first_change).total_seconds()) for each in moving if each.first_change
    )
    return total or None


def _bay(seen: _Seen, *, silent: timedelta | None, speed: float | None) -> Bay:
    docking = seen.docking
    left = (seen.bytes_total - seen.bytes_sent) / speed if speed else None
    facts = BayFacts(
        files=sum(seen.by_state.values()),
        receipted=seen.by_state.get(ListedState.RECEIPTED, 0),
        by_state=seen.by_state,
        bytes_total=seen.bytes_total,
        bytes_sent=seen.bytes_sent,
        listing_complete=docking.listing_complete,
        closed=docking.closed_at is not None,
        agent_silent_for=silent,
        trouble=seen.trouble,
        waiting_because=seen.waiting_because,
        seconds_left=left,
    )
    return Bay(
        name=docking.bay,
        session=docking.id,
        device=docking.device_label,
        serial=docking.device_serial,
        seen_at=docking.seen_at,
        stand=stand_of(facts),
    )


def _incident_counts(session: ReadSession) -> dict[UUID, int]:
    rows = session.execute(
        select(Incident.agent_id, func.count())
        .where(Incident.closed_at.is_(None), Incident.agent_id.is_not(None))
        .group_by(Incident.agent_id)
    )
    return {agent: number for agent, number in rows if agent is not None}
