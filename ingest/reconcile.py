"""Listed on the device = stored = verified. What is not is asked for again, or opened as an incident.

Run by the clock. It looks at rows, never at what a job said: a job is only the nudge.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import distinct_on

from evidence import clock
from evidence.bootstrap import House
from evidence.custody.events import Actor
from evidence.database import WriteSession
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.jobs import JobState, RunningJob, enqueue, status
from evidence.models import Agent, Arrival, DockingSession
from evidence.notices import tell_wall
from evidence.vocabulary import AgentKind, ArrivalState, IncidentKind
from ingest import gaps
from ingest.enrolment import actor_of
from ingest.nudges import verify_request
from ingest.settings import IngestSettings

SWEEP = Actor.system("reconcile")
MONTHS_AHEAD = 3
AT_ONCE = 500
# A job that has ended without its row being settled left the row waiting; ask again after this long.
NUDGE_AFTER = timedelta(seconds=30)


def renudge(house: House) -> int:
    """Ask again for each stored arrival that no job is waiting for. The number asked for."""
    with house.writing() as session:
        waiting = session.scalars(
            select(Arrival)
            .where(
                Arrival.state.in_((ArrivalState.STORED, ArrivalState.VERIFYING)),
                Arrival.stored_at < clock.now() - NUDGE_AFTER,
            )
            .order_by(Arrival.stored_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        ).all()
        jobs = status(session, [row.job_id for row in waiting if row.job_id is not None])
        forgotten = [row for row in waiting if row.job_id not in jobs or jobs[row.job_id].state in _ENDED]
        for row in forgotten:
            row.job_id = enqueue(session, verify_request(row))
        return len(forgotten)


def mark_silent(house: House, *, after: timedelta) -> int:
    """Open an incident for each agent with a device docked that has not been heard of; close it when it speaks.

    Files that were handed in by name are no device: whoever did it is told by the command that they wait for.
    """
    with house.writing() as session:
        docked = session.execute(
            select(Agent, DockingSession)
            .join(DockingSession, DockingSession.agent_id == Agent.id)
            .where(
                DockingSession.closed_at.is_(None),
                DockingSession.kind != AgentKind.WORKSTATION,
                Agent.revoked_at.is_(None),
            )
            .ext(distinct_on(Agent.id))
            .order_by(Agent.id, DockingSession.opened_at.desc())
        ).all()
        return sum(_mark(session, agent, docking, after=after) for agent, docking in docked)


def close_gone(house: House, *, after: timedelta) -> int:
    """Close sessions that nobody has spoken of for long, and open the gaps that they leave."""
    with house.writing() as session:
        lost = session.execute(
            select(Agent, DockingSession)
            .join(DockingSession, DockingSession.agent_id == Agent.id)
            .where(DockingSession.closed_at.is_(None), DockingSession.seen_at < clock.now() - after)
            .limit(AT_ONCE)
        ).all()
        for agent, docking in lost:
            for gap in gaps.unfinished(session, docking.id):
                gaps.open_gap(session, agent, docking, gap, by=SWEEP)
        return len(lost)


def mark_vanished(house: House, *, after: timedelta) -> int:
    """Open an incident for each file that left a device that is still docked, without a receipt, and stayed away.

    The wait is for a file that is written anew or put under another name: that is no gap.
    """
    with house.writing() as session:
        found = gaps.vanished(session, before=clock.now() - after, limit=AT_ONCE)
        for agent, docking, line in found:
            gaps.open_gap(session, agent, docking, line, by=SWEEP)
        for docked in {docking.id for _, docking, _ in found}:
            tell_wall(session, docked)
        return len(found)


def sweep(house: House, settings: IngestSettings) -> None:
    """One round: everything above."""
    renudge(house)
    mark_silent(house, after=timedelta(seconds=settings.silent_after_seconds))
    mark_vanished(house, after=timedelta(seconds=settings.gone_after_seconds))
    close_gone(house, after=timedelta(seconds=settings.silent_after_seconds * 20))


def make_months(house: House) -> None:
    """See to it that the custody log has a partition for each of the coming months."""
    with house.writing() as session:
        session.execute(text("SELECT custody.make_months(:ahead)"), {"ahead": MONTHS_AHEAD})


def as_round(house: House, settings: IngestSettings, job: RunningJob) -> None:
    """The sweep as a periodic job."""
    job.report("looking for gaps", None)
    sweep(house, settings)


_ENDED = {JobState.SUCCEEDED, JobState.CANCELLED, JobState.STOPPED}


def _mark(session: WriteSession, agent: Agent, docking: DockingSession, *, after: timedelta) -> int:
    subject = str(agent.id)
    heard = max(agent.seen_at or agent.enrolled_at, docking.seen_at)
    if heard > clock.now() - after:
        settle_incident(
            session,
            kind=IncidentKind.AGENT_SILENT,
            subject=subject,
            because="the dock speaks again",
            by=actor_of(agent),
        )
        return 0
    trouble = Trouble(
        kind=IncidentKind.AGENT_SILENT,
        subject=subject,
        reason=f"{agent.name} has not been heard of since {heard:%d %b %Y %H:%M:%S} UTC, with a device docked.",
        advice="Look whether the dock is switched on and connected. Do not remove the device.",
        agent_id=agent.id,
        session_id=docking.id,
    )
    return int(open_incident(session, trouble, by=SWEEP) is not None)
