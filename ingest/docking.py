"""What a dock says of a device: its session, its own listing, and how far each file has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.identifiers import new_id
from evidence.incidents import Trouble, open_incident
from evidence.models import Agent, DockingSession, ListedFile
from evidence.notices import tell_wall
from evidence.vocabulary import AgentKind, IncidentKind, ListedState
from ingest import gaps
from ingest.enrolment import actor_of
from ingest.errors import MessageRefused, SessionUnknown
from ingest.names import shown

# What the server itself has established is not undone by a later report of the agent's.
FINAL = (ListedState.RECEIPTED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSaid:
    """A device as the agent describes it when it is connected."""

    bay: str
    kind: AgentKind
    label: str
    serial: str | None
    make: str | None
    model: str | None
    agent_time: str | None
    device_time: str | None
    clock_offset_ms: int | None
    clock_round_trip_ms: int | None
    listing_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a device's listing. `refused` says why the agent will not read it."""

    name_raw: bytes
    size: int
    mtime_ns: int
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far one file has come, as the agent says; `now_called` where it saw the file renamed."""

    name_raw: bytes
    state: ListedState
    bytes_sent: int
    reason: str | None
    now_called: bytes | None = None


def see_device(
    session: WriteSession, agent: Agent, session_id: UUID, said: DeviceSaid, listing: Sequence[Line], *, alarm_ms: int
) -> DockingSession:
    """Open a docking session or add to its listing; repeating a page changes nothing."""
    docking = session.get(DockingSession, session_id)
    if docking is None:
        docking = _open(session, agent, session_id, said, len(listing))
    elif docking.agent_id != agent.id:
        raise MessageRefused("that docking session belongs to another agent")
    docking.listing_complete = docking.listing_complete or said.listing_complete
    docking.seen_at = clock.now()
    gaps.came_back(session, agent, docking, [(line.name_raw, line.size, line.mtime_ns) for line in listing])
    _add_lines(session, docking, listing)
    _watch_clock(session, agent, docking, alarm_ms=alarm_ms)
    for line in listing:
        if line.refused is not None:
            _refused(session, agent, docking, line)
    tell_wall(session, session_id)
    return docking


def take_report(
    session: WriteSession, agent: Agent, session_id: UUID, *, state: str, reason: str | None, reports: Sequence[Report]
) -> None:
    """Write down how far a session's files have come, and its end."""
    docking = session_of(session, agent, session_id)
    now = clock.now()
    docking.seen_at = now
    agent_row = session.get(Agent, agent.id)
    if agent_row is not None:
        agent_row.seen_at = now
    back = [each.name_raw for each in reports if each.state is not ListedState.GONE]
    gaps.came_back(session, agent, docking, [(name, None, None) for name in back])
    for report in reports:
        session.execute(
            update(ListedFile)
            .where(
                ListedFile.session_id == session_id,
                ListedFile.name_raw == report.name_raw,
                ListedFile.state.not_in(FINAL),
            )
            .values(
                # Only the server says that a file is receipted: an agent's word for it is shown as checking.
                state=ListedState.CHECKING if report.state in FINAL else report.state,
                bytes_sent=report.bytes_sent,
                reason=report.reason,
                now_called=report.now_called if report.state is ListedState.GONE else None,
                changed_at=now,
            )
        )
    for report in reports:
        if report.now_called is not None and report.state is ListedState.GONE:
            gaps.follow_rename(session, agent, docking, report.now_called)
    if state == "closed" and docking.closed_at is None:
        _close(session, agent, docking, because=reason or "the device was released")
    tell_wall(session, session_id)


def session_of(session: ReadSession, agent: Agent, session_id: UUID) -> DockingSession:
    """The agent's own docking session. Raises SessionUnknown for anybody else's, as for none."""
    docking = session.get(DockingSession, session_id)
    if docking is None or docking.agent_id != agent.id:
        raise SessionUnknown
    return docking


def _open(session: WriteSession, agent: Agent, session_id: UUID, said: DeviceSaid, files: int) -> DockingSession:
    docking = DockingSession(
        id=session_id,
        agent_id=agent.id,
        kind=said.kind,
        bay=said.bay,
        device_label=said.label,
        device_serial=said.serial,
        device_make=said.make,
        device_model=said.model,
        agent_time_as_stated=said.agent_time,
        device_time_as_stated=said.device_time,
        clock_offset_ms=said.clock_offset_ms,
        clock_round_trip_ms=said.clock_round_trip_ms,
    )
    session.add(docking)
    session.flush()
    facts = {"files": files, "clock_offset_ms": said.clock_offset_ms}
    personal = {"device": said.label, "bay": said.bay}
    ledger.record(
        session,
        Event(type=EventType.DEVICE_SEEN, subject=session_id, actor=actor_of(agent), facts=facts, personal=personal),
    )
    return docking


def _add_lines(session: WriteSession, docking: DockingSession, listing: Sequence[Line]) -> None:
    if not listing:
        return
    rows = [
        {
            "id": new_id(),
            "session_id": docking.id,
            "name_raw": line.name_raw,
            "name_shown": shown(line.name_raw),
            "size": line.size,
            "mtime_ns": line.mtime_ns,
            "state": ListedState.REFUSED if line.refused else ListedState.LISTED,
            "reason": line.refused,
        }
        for line in {each.name_raw: each for each in listing}.values()
    ]
    adding = insert(ListedFile)
    fresh = {"size": adding.excluded.size, "mtime_ns": adding.excluded.mtime_ns, "changed_at": func.now()}
    # A file that changed since it was listed is another file: what was said of the old one no longer holds.
    changed = (ListedFile.size != adding.excluded.size) | (ListedFile.mtime_ns != adding.excluded.mtime_ns)
    session.execute(
        adding.on_conflict_do_update(
            index_elements=["session_id", "name_raw"],
            set_={**fresh, "state": adding.excluded.state, "reason": adding.excluded.reason, "arrival_id": None},
            where=changed,
        ),
        rows,
    )


def _watch_clock(session: WriteSession, agent: Agent, docking: DockingSession, *, alarm_ms: int) -> None:
    offset = docking.clock_offset_ms
    if offset is None or abs(offset) < alarm_ms:
        return
    trouble = Trouble(
        kind=IncidentKind.CLOCK_WRONG,
        subject=f"{agent.id}:{docking.device_label}",
        reason=f"The clock at {docking.bay} differs from the server's by {abs(offset) / 1000:.0f} s "
        f"({'fast' if offset > 0 else 'slow'}).",
        advice="Set the dock's clock. Recordings keep the time that the camera stated, with this offset beside it.",
        agent_id=agent.id,
        session_id=docking.id,
    )
    open_incident(session, trouble, by=actor_of(agent))


def _refused(session: WriteSession, agent: Agent, docking: DockingSession, line: Line) -> None:
    trouble = Trouble(
        kind=IncidentKind.REFUSED_FILE,
        subject=f"{agent.id}:{docking.device_label}:{line.name_raw.hex()[:2000]}",
        reason=f"{shown(line.name_raw)} on {docking.device_label} was not read: {line.refused}",
        advice="Look at the device. If this is evidence, copy it into the dock folder as an ordinary file.",
        agent_id=agent.id,
        session_id=docking.id,
    )
    open_incident(session, trouble, by=actor_of(agent))


def _close(session: WriteSession, agent: Agent, docking: DockingSession, *, because: str) -> None:
    docking.closed_at, docking.closed_because = clock.now(), because
    ledger.record(
        session,
        Event(
            type=EventType.DEVICE_CLOSED,
            subject=docking.id,
            actor=actor_of(agent),
            personal={"device": docking.device_label, "because": because},
        ),
    )
    for gap in gaps.unfinished(session, docking.id):
        gaps.open_gap(session, agent, docking, gap, by=actor_of(agent))
