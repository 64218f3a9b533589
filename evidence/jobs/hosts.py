"""Worker hosts as people see them: what each takes and runs, how fast, and the orders that people give them.

A host is every worker process that gives the same name. Its order stands in a row of its own, so that a host that
was drained stays so over any restart, until a person resumes it. Each worker asks for the order with its heartbeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.orm import Session

from evidence.jobs.summary import WorkerLine, workers

SILENT = 60.0  # seconds; a worker says that it lives every five

RUNNING = text("""
SELECT j.id, j.task_name AS task, j.queue_name AS queue, j.abort_requested AS stopping, w.host, w.pid,
  coalesce((SELECT string_agg(key || '=' || value, ' ' ORDER BY key COLLATE "C") FROM jsonb_each_text(j.args)), '')
    AS subject,
  p.phase, p.fraction, p.speed, c.by AS cancelled_by,
  extract(epoch FROM now() - (
    SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'started'))::float AS since
FROM procrastinate_jobs j
LEFT JOIN LATERAL (
  SELECT r.host, r.pid FROM worker_report r, jsonb_array_elements(r.lanes) AS lane
  WHERE (lane->>'worker')::bigint = j.worker_id LIMIT 1) w ON true
LEFT JOIN job_progress p ON p.job_id = j.id AND p.attempt = j.attempts
LEFT JOIN job_cancellation c ON c.job_id = j.id AND c.acted_at IS NULL
WHERE j.status = 'doing' ORDER BY j.id
""")

ORDERS = text("SELECT host, hand_back, by, at FROM host_order ORDER BY host")

DRAIN = text("""
INSERT INTO host_order (host, hand_back, by) VALUES (:host, :hand_back, :by)
ON CONFLICT (host) DO UPDATE SET hand_back = excluded.hand_back, by = excluded.by, at = now()
""")

RESUME = text("DELETE FROM host_order WHERE host = :host RETURNING host")

KNOWN = text(
    "SELECT EXISTS (SELECT FROM worker_report WHERE host = :host UNION SELECT FROM host_order WHERE host = :host)"
)

CANCELLED = text("""
SELECT c.job_id, c.task, c.queue, c.subject, c.by, c.at, j.status = 'doing' AS stopping
FROM job_cancellation c JOIN procrastinate_jobs j ON j.id = c.job_id
WHERE c.acted_at IS NULL AND j.status IN ('cancelled', 'aborted', 'doing') ORDER BY c.at DESC LIMIT :limit
""")


class HostState(StrEnum):
    """What a host is doing, in the words of the command line and the JSON API."""

    WORKING = "working"
    DRAINING = "draining"  # drained by a person, and still busy with what it had
    DRAINED = "drained"  # takes nothing until it is resumed
    STOPPING = "stopping"  # its processes were told to end
    SILENT = "silent"  # not heard of for a minute: its jobs go to others


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentJob:
    """A job that runs now. `since` is how many seconds ago this attempt began; `speed` as in `Progress`."""

    id: int
    task: str
    queue: str
    subject: str
    host: str | None
    pid: int | None
    phase: str | None
    fraction: float | None
    speed: float | None
    since: float | None
    stopping: bool
    cancelled_by: str | None

    @property
    def left(self) -> float | None:
        """Seconds that it still needs, if it goes on as it went; None while nobody can tell."""
        if self.since is None or not self.fraction:
            return None
        return self.since * (1 - self.fraction) / self.fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOrder:
    """Somebody's order that a host take nothing new."""

    host: str
    hand_back: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledJob:
    """A job that a person cancelled and nobody has asked for again. `stopping`: it still runs at this moment."""

    job_id: int
    task: str
    queue: str
    subject: str
    by: str
    at: datetime
    stopping: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLine:
    """One host with its worker processes. `slots` says how many jobs of which queues it can run at once."""

    host: str
    processes: tuple[WorkerLine, ...]
    jobs: tuple[CurrentJob, ...]
    order: DrainOrder | None

    @property
    def live(self) -> tuple[WorkerLine, ...]:
        """Processes that were heard from just now."""
        return tuple(each for each in self.processes if each.age < SILENT)

    @property
    def state(self) -> HostState:
        """What it is doing."""
        if not self.live:
            return HostState.DRAINED if self.order and not self.processes else HostState.SILENT
        if self.order is not None:
            return HostState.DRAINING if self.jobs else HostState.DRAINED
        return HostState.STOPPING if all(each.draining for each in self.live) else HostState.WORKING

    @property
    def slots(self) -> Mapping[str, int]:
        """Room for jobs, by the queues of each lane."""
        found: dict[str, int] = {}
        for lane in (lane for each in self.live for lane in each.lanes):
            name = ", ".join(lane["queues"])
            found[name] = found.get(name, 0) + int(lane["concurrency"])
        return found

    @property
    def age(self) -> float | None:
        """Seconds since it was last heard of; None where it has no process on record."""
        return min((each.age for each in self.processes), default=None)

    @property
    def started_at(self) -> datetime | None:
        """When the oldest of its processes started."""
        return min((each.started_at for each in self.processes), default=None)

    @property
    def software(self) -> tuple[str, ...]:
        """The versions that run on it; more than one in the middle of a roll-out."""
        return tuple(sorted({each.software for each in self.processes}))

    @property
    def missing_layers(self) -> tuple[str, ...]:
        """Walls around media that it lacks."""
        return tuple(sorted({layer for each in self.processes for layer in each.facts.get("sandbox_missing", ())}))

    @property
    def encoders(self) -> tuple[str, ...] | None:
        """Hardware encoders that its workers found; None where they did not say."""
        said = [each.facts["hardware_encoders"] for each in self.processes if "hardware_encoders" in each.facts]
        return tuple(sorted({str(name) for names in said for name in names})) if said else None

    @property
    def room_because(self) -> tuple[str, ...]:
        """Why it runs as many encodes at once as it does, in its workers' words."""
        return self._said("slots_because")

    @property
    def encodes_with(self) -> tuple[str, ...]:
        """The encoder of each of its workers, and why that one."""
        return tuple(
            sorted(
                {
                    f"{each.facts['encoder']}: {each.facts.get('encoder_because', '')}"
                    for each in self.processes
                    if "encoder" in each.facts
                }
            )
        )

    def _said(self, name: str) -> tuple[str, ...]:
        return tuple(sorted({str(each.facts[name]) for each in self.processes if each.facts.get(name)}))

    @property
    def speed(self) -> float | None:
        """Seconds of recording that it gets through in one second, over all jobs that say so."""
        said = [each.speed for each in self.jobs if each.speed is not None]
        return sum(said) if said else None


def hosts(session: Session) -> tuple[HostLine, ...]:
    """Every host that has a worker process on record or an order, with what it runs."""
    lines = sorted(workers(session), key=lambda each: each.host)
    processes = {host: tuple(each) for host, each in groupby(lines, key=lambda each: each.host)}
    orders = {row["host"]: DrainOrder(**row) for row in session.execute(ORDERS).mappings()}
    current = running(session)
    return tuple(
        HostLine(
            host=host,
            processes=processes.get(host, ()),
            jobs=tuple(each for each in current if each.host == host),
            order=orders.get(host),
        )
        for host in sorted({*processes, *orders})
    )


def running(session: Session) -> tuple[CurrentJob, ...]:
    """What runs now, with how far it is and where."""
    return tuple(CurrentJob(**row) for row in session.execute(RUNNING).mappings())


def cancelled(session: Session, *, limit: int = 50) -> Sequence[CancelledJob]:
    """Jobs that people cancelled and nobody has asked for again, the latest first."""
    return [CancelledJob(**row) for row in session.execute(CANCELLED, {"limit": limit}).mappings()]


def is_known(session: Session, host: str) -> bool:
    """Whether a worker of that name was ever heard of lately, or an order stands for it."""
    return bool(session.scalar(KNOWN, {"host": host}))


def drain(session: Session, host: str, *, hand_back: bool, by: str) -> None:
    """Let a host take no new jobs until it is resumed; with `hand_back` it also gives up those that it has."""
    session.execute(DRAIN, {"host": host, "hand_back": hand_back, "by": by})


def resume(session: Session, host: str) -> bool:
    """Let a drained host take jobs again. False: it was not drained."""
    return session.scalar(RESUME, {"host": host}) is not None
