"""Listed on the device and not held against a receipt: when that is a gap, and when it is none any more.

A file that left its device before it was taken in is a gap, whether the device is gone or still docked. One that was
only renamed is none: its bytes are stored under the name that it has now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, String, cast, func, select, update
from sqlalchemy.orm import aliased

from evidence import clock
from evidence.custody.events import Actor
from evidence.database import ReadSession, WriteSession
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.models import Agent, Arrival, DockingSession, Incident, ListedFile
from evidence.vocabulary import IncidentKind, ListedState
from ingest.enrolment import actor_of
from ingest.names import shown

# How much of a name, in hex, stands in the subject of its incident.
LONGEST_SUBJECT = 2000
# What is known of a listed file: its name, and its size and time where they were said too.
Known = tuple[bytes, int | None, int | None]


def gap_subject(agent_id: UUID, device_label: str, name_raw: bytes) -> str:
    """The same words for the same missing file, whichever session missed it."""
    return f"{agent_id}:{device_label}:{name_raw.hex()[:LONGEST_SUBJECT]}"


def unfinished(session: ReadSession, session_id: UUID) -> list[ListedFile]:
    """What the device listed and we do not hold against a receipt. A renamed file is looked for under its new name."""
    settled = (ListedState.RECEIPTED, ListedState.REFUSED)
    wanted = select(ListedFile).where(
        ListedFile.session_id == session_id, ListedFile.state.not_in(settled), ~_is_there_under_another_name()
    )
    return list(session.scalars(wanted.order_by(ListedFile.name_raw)))


def vanished(
    session: ReadSession, *, before: datetime, limit: int
) -> Sequence[tuple[Agent, DockingSession, ListedFile]]:
    """Files that left a device that is still docked, before that moment, and of which nobody has been told yet."""
    subject = func.concat(
        cast(DockingSession.agent_id, String), ":", DockingSession.device_label, ":",
        func.left(func.encode(ListedFile.name_raw, "hex"), LONGEST_SUBJECT),
    )  # fmt: skip
    # One that a person has closed since stays closed: what was said of this file holds for as long as it is away.
    told = select(Incident.id).where(
        Incident.kind == IncidentKind.NOT_STORED,
        Incident.subject == subject,
        Incident.closed_at.is_(None) | (Incident.opened_at >= ListedFile.changed_at),
    )
    rows = session.execute(
        select(Agent, DockingSession, ListedFile)
        .join(DockingSession, DockingSession.agent_id == Agent.id)
        .join(ListedFile, ListedFile.session_id == DockingSession.id)
        .where(
            DockingSession.closed_at.is_(None),
            ListedFile.state == ListedState.GONE,
            ListedFile.changed_at < before,
            ~_is_there_under_another_name(),
            ~told.exists(),
        )
        .order_by(ListedFile.changed_at)
        .limit(limit)
    ).all()
    return [(agent, docking, line) for agent, docking, line in rows]


def _is_there_under_another_name() -> ColumnElement[bool]:
    """The device still lists the file, or we hold it, under the name that it has now."""
    other = aliased(ListedFile)
    return (
        select(other.id)
        .where(
            other.session_id == ListedFile.session_id,
            other.name_raw == ListedFile.now_called,
            other.size == ListedFile.size,
            other.mtime_ns == ListedFile.mtime_ns,
            other.state.not_in((ListedState.GONE, ListedState.REFUSED)),
        )
        .exists()
    )


def open_gap(session: WriteSession, agent: Agent, docking: DockingSession, gap: ListedFile, *, by: Actor) -> None:
    """Open the incident of a file that the device listed and that we do not hold."""
    gap.state = ListedState.GONE
    gone, device = docking.closed_at is not None, docking.device_label
    said = (
        f"{gap.name_shown} was listed on {device} and has not been stored. {gap.reason or ''}".strip(),
        f"Put right the cause, where one is named. Then dock {device} again: the upload goes on where it stopped.",
    )
    while_docked = (
        f"{gap.name_shown} was listed on {device} and has gone from it, while docked, before it was stored.",
        f"Leave {device} docked. Ask who deleted or moved the file, and put it back: it is then taken in by itself. "
        "If it cannot be put back, keep the device from use: a deleted recording can often be recovered from it.",
    )
    reason, advice = said if gone else while_docked
    trouble = Trouble(
        kind=IncidentKind.NOT_STORED,
        subject=gap_subject(agent.id, device, gap.name_raw),
        reason=reason,
        advice=advice,
        agent_id=agent.id,
        session_id=docking.id,
    )
    open_incident(session, trouble, by=by)


def came_back(session: WriteSession, agent: Agent, docking: DockingSession, files: Sequence[Known]) -> None:
    """Close the gaps of files that were gone from this device and are on it again, and list them as they were.

    One that comes back with another size or time is another file: its gap stays until a person has looked at it.
    """
    said = {name: (size, mtime_ns) for name, size, mtime_ns in files}
    gone = session.scalars(
        select(ListedFile).where(
            ListedFile.session_id == docking.id,
            ListedFile.state == ListedState.GONE,
            ListedFile.name_raw.in_(said.keys()),
        )
    ).all()
    for line in gone:
        if said[line.name_raw] in ((line.size, line.mtime_ns), (None, None)):
            line.state, line.reason, line.now_called = ListedState.LISTED, None, None
            line.changed_at = clock.now()
            because = "the file is on the device again, which is still docked"
            _settle(session, agent, docking.device_label, line.name_raw, because=because)
    session.flush()


def follow_rename(session: WriteSession, agent: Agent, docking: DockingSession, name_raw: bytes) -> None:
    """A file is called this now. Where it has its receipt under this name, the line under its old one is done too."""
    held = session.scalars(
        select(ListedFile).where(
            ListedFile.session_id == docking.id,
            ListedFile.name_raw == name_raw,
            ListedFile.state == ListedState.RECEIPTED,
        )
    ).one_or_none()
    if held is not None:
        _done_under(session, agent, docking.device_label, held)


def stored(session: WriteSession, agent: Agent, arrival: Arrival) -> None:
    """An arrival has its receipt: its gap is closed, and that of a line that was renamed to it."""
    because = "the file has been stored and verified since"
    _settle(session, agent, arrival.device_label, arrival.name_raw, because=because)
    for held in session.scalars(select(ListedFile).where(ListedFile.arrival_id == arrival.id)).all():
        _done_under(session, agent, arrival.device_label, held)


def _done_under(session: WriteSession, agent: Agent, device_label: str, held: ListedFile) -> None:
    renamed = session.scalars(
        update(ListedFile)
        .where(
            ListedFile.session_id == held.session_id,
            ListedFile.now_called == held.name_raw,
            ListedFile.size == held.size,
            ListedFile.mtime_ns == held.mtime_ns,
            ListedFile.state == ListedState.GONE,
        )
        .values(
            state=ListedState.RECEIPTED,
            bytes_sent=held.size,
            reason=f"It was renamed on the device and is stored as {shown(held.name_raw)}.",
            changed_at=clock.now(),
        )
        .returning(ListedFile.name_raw)
    ).all()
    for name_raw in renamed:
        because = f"the file was renamed on the device and has been stored as {shown(held.name_raw)}"
        _settle(session, agent, device_label, name_raw, because=because)


def _settle(session: WriteSession, agent: Agent, device_label: str, name_raw: bytes, *, because: str) -> None:
    settle_incident(
        session,
        kind=IncidentKind.NOT_STORED,
        subject=gap_subject(agent.id, device_label, name_raw),
        because=because,
        by=actor_of(agent),
    )
