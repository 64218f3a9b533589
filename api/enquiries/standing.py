"""How the system stands: what waits, how long it will take and why, who works, and what is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api.enquiries.subjects import recordings_of
from api.wording import count, how_long
from evidence.bootstrap import House
from evidence.database import ReadSession
from evidence.errors import EvidenceError
from evidence.jobs import (
    CancelledJob,
    CurrentJob,
    HostLine,
    QueueLine,
    SweepLine,
    WorkerLine,
    cancelled,
    hosts,
    running,
    waiting,
)
from evidence.jobs.hosts import SILENT
from evidence.jobs.rows import JobFailure
from evidence.models import Arrival
from evidence.store.errors import ObjectMissing, StoreError
from evidence.store.keys import master_key
from evidence.vocabulary import ArrivalState

NAMES: Mapping[str, str] = {
    "verify": "Reading back and examining",
    "pictures": "Still pictures and storyboards",
    "transcode": "Copies for playing",
    "transcode_urgent": "Urgent copies for playing",
    "remux": "Quick copies for playing",
    "clips": "Clips",
    "sweep": "Housekeeping",
}

SWEEPS: Mapping[str, str] = {
    "ingest.reconcile": "What devices listed against what is stored",
    "transcode.sweep": "Copies that wait and have no job",
    "completeness.audit": "Whether the custody log verifies",
    "completeness.census": "The count of the store against the records",
    "completeness.headmap": "How far each subject of the custody log has come",
    "jobs.age": "Work that has waited long comes sooner",
    "jobs.clear": "Traces of work that is long done",
    "evidence.months": "Room for the next months of the custody log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStanding:
    """One queue with the reason why things wait in it."""

    queue: str
    name: str
    waiting: int
    later: int
    running: int
    failed: int
    oldest: timedelta | None
    ready_in: timedelta | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """A job that stands failed until a person acts."""

    job_id: int
    task: str
    subject: str
    attempts: int
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything on the status page. `recordings` are the references of those that jobs work on, by subject."""

    queues: tuple[QueueStanding, ...]
    workers: tuple[WorkerLine, ...]
    hosts: tuple[HostLine, ...]
    running: tuple[CurrentJob, ...]
    cancelled: tuple[CancelledJob, ...]
    sweeps: tuple[SweepLine, ...]
    failed: tuple[FailedJob, ...]
    arrivals: Mapping[ArrivalState, int]
    missing_layers: tuple[str, ...]
    recordings: Mapping[str, str]

    @property
    def live_workers(self) -> tuple[WorkerLine, ...]:
        """Workers that were heard from just now."""
        return tuple(each for each in self.workers if each.age < SILENT)


def standing(session: ReadSession) -> Standing:
    """Look everything up at one moment."""
    work = waiting(session)
    live = [each for each in work.workers if each.age < SILENT]
    places = hosts(session)
    drained = {each.host for each in places if each.order is not None}
    now, laid_down, failed = running(session), tuple(cancelled(session)), _failed(session)
    subjects = [*(one.subject for one in now), *(one.subject for one in laid_down), *(one.subject for one in failed)]
    return Standing(
        queues=tuple(_queue(line, live, drained) for line in work.queues),
        hosts=places,
        running=now,
        cancelled=laid_down,
        workers=work.workers,
        sweeps=work.sweeps,
        failed=failed,
        recordings=recordings_of(session, subjects),
        arrivals=_arrivals(session),
        missing_layers=tuple(sorted({layer for each in live for layer in each.facts.get("sandbox_missing", ())})),
    )


def _queue(line: QueueLine, live: Sequence[WorkerLine], drained: Set[str]) -> QueueStanding:
    could = [each for each in live if not each.draining and _takes(each, line.queue)]
    takers = [each for each in could if each.host not in drained]
    ready_in = timedelta(seconds=line.eta) if line.waiting and takers and line.eta is not None else None
    return QueueStanding(
        queue=line.queue,
        name=NAMES.get(line.queue, line.queue),
        waiting=line.waiting,
        later=line.later,
        running=line.running,
        failed=line.failed,
        oldest=timedelta(seconds=line.oldest_age) if line.oldest_age is not None else None,
        ready_in=ready_in,
        because=why_waiting(line, takers=len(takers), held_back=sorted({each.host for each in could} & drained)),
    )


def why_waiting(line: QueueLine, *, takers: int, held_back: Sequence[str] = ()) -> str:
    """The reason why things wait in a queue, in words; empty when nothing does. `held_back` are drained hosts."""
    said = []
    if line.waiting and takers == 0 and held_back:
        said.append(f"Every host that takes this queue is drained: resume {' or '.join(held_back)}.")
    elif line.waiting and takers == 0:
        said.append("No worker takes this queue: start one.")
    elif line.waiting:
        said.append(f"{count(takers, 'worker')} at work on {count(line.running, 'job')}; the rest wait their turn.")
    if line.later:
        said.append(f"{count(line.later, 'job')} found something away and will try again by themselves.")
    if line.failed:
        said.append(f"{count(line.failed, 'job')} failed and wait for a person.")
    if line.oldest_age is not None and line.oldest_age > 3600:
        said.append(f"The oldest has waited {how_long(timedelta(seconds=line.oldest_age))}.")
    return " ".join(said)


def _takes(worker: WorkerLine, queue: str) -> bool:
    return any(queue in lane.get("queues", ()) for lane in worker.lanes)


def _failed(session: ReadSession) -> tuple[FailedJob, ...]:
    rows = session.scalars(
        select(JobFailure)
        .where(JobFailure.final, JobFailure.acted_at.is_(None))
        .order_by(JobFailure.at.desc())
        .limit(50)
    )
    return tuple(
        FailedJob(
            job_id=row.job_id, task=row.task, subject=row.subject, attempts=row.attempt, detail=row.detail, at=row.at
        )
        for row in rows
    )


def _arrivals(session: ReadSession) -> dict[ArrivalState, int]:
    rows = session.execute(
        select(Arrival.state, func.count()).where(Arrival.finished_at.is_(None)).group_by(Arrival.state)
    )
    return dict(rows.all())


def store_fault(house: House) -> str | None:
    """Why the store does not answer; None when it does. It is asked for a master that cannot be there."""
    nobody: UUID = uuid4()
    try:
        house.masters.head(master_key(nobody))
    except ObjectMissing:
        return None
    except StoreError as error:
        return str(error)
    return None


def database_fault(house: House) -> str | None:
    """Why the database does not answer; None when it does."""
    try:
        with house.reading() as session:
            session.execute(select(1))
    except (SQLAlchemyError, EvidenceError) as error:
        return type(error).__name__
    return None
