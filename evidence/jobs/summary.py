"""What the status page and the exporter say of background work: what waits and how long, who works, what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

# `later` waits for a time (a retry with its pause), so it says nothing about too few workers.
QUEUES = text("""
WITH live AS (
  SELECT queue_name,
    count(*) FILTER (WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())) AS waiting,
    count(*) FILTER (WHERE status = 'todo' AND scheduled_at > now()) AS later,
    min(id) FILTER (WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())) AS oldest,
    max(priority) FILTER (WHERE status = 'todo') AS most_urgent
  FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY queue_name),
running AS (SELECT queue_name, count(*) AS running FROM procrastinate_jobs WHERE status = 'doing' GROUP BY 1),
-- The last of the engine's notes, not all: they have no index by time.
lately AS (
  SELECT j.queue_name, count(*) AS done, greatest(1, extract(epoch FROM now() - min(e.at))) / 60.0 AS minutes
  FROM (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT 5000) AS e
  JOIN procrastinate_jobs j ON j.id = e.job_id
  WHERE e.type = 'succeeded' AND e.at > now() - interval '10 minutes' GROUP BY 1),
open AS (
  SELECT queue AS queue_name, count(DISTINCT job_id) AS failed
  FROM job_failure WHERE final AND acted_at IS NULL GROUP BY 1)
SELECT coalesce(l.queue_name, o.queue_name) AS queue, coalesce(l.waiting, 0) AS waiting, coalesce(l.later, 0) AS later,
  coalesce(r.running, 0) AS running, coalesce(o.failed, 0) AS failed, l.most_urgent,
  coalesce(y.done / y.minutes, 0)::float AS per_minute,
  extract(epoch FROM now() - (
    SELECT greatest(e.at, j.scheduled_at) FROM procrastinate_jobs j
    JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
    WHERE j.id = l.oldest ORDER BY e.id LIMIT 1))::float AS oldest_age
FROM live l LEFT JOIN running r USING (queue_name) LEFT JOIN lately y USING (queue_name)
  FULL JOIN open o USING (queue_name)
ORDER BY 1
""")

WORKERS = text("""
SELECT host, pid, software, lanes, facts, draining, started_at, extract(epoch FROM now() - seen_at)::float AS age,
  (SELECT count(*) FROM procrastinate_jobs j WHERE j.status = 'doing'
    AND j.worker_id IN (SELECT (lane->>'worker')::bigint FROM jsonb_array_elements(lanes) AS lane)) AS running
FROM worker_report ORDER BY host, pid
""")

SWEEPS = text("""
SELECT name, schedule, detail, extract(epoch FROM now() - succeeded_at)::float AS age, failed_at,
  failed_at IS NOT NULL AND (succeeded_at IS NULL OR failed_at > succeeded_at) AS failing,
  greatest(succeeded_at, failed_at) AS ended_at, EXISTS (
    SELECT FROM procrastinate_jobs j JOIN procrastinate_workers w ON w.id = j.worker_id
    JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'started'
    WHERE j.task_name = name AND j.queue_name = 'sweep' AND j.status = 'doing'
      AND abs(extract(epoch FROM w.last_heartbeat - now())) < 600
      AND e.at BETWEEN now() - interval '1 day' AND now()) AS running
FROM periodic_run ORDER BY name
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One queue. `later` are jobs that wait for a time; `oldest_age` in seconds is that of a job ready to run.

    `per_minute` is how many succeeded in each of the last ten minutes, as far as the latest notes reach.
    """

    queue: str
    waiting: int
    later: int
    running: int
    failed: int
    most_urgent: int | None
    per_minute: float
    oldest_age: float | None

    @property
    def eta(self) -> float | None:
        """Seconds until what waits is done, at the pace of the last minutes; None while nothing gets done."""
        return self.waiting / self.per_minute * 60 if self.per_minute > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLine:
    """One worker process. `age` in seconds is that of its last heartbeat; `facts` are its own words."""

    host: str
    pid: int
    software: str
    lanes: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    draining: bool
    running: int
    started_at: datetime
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLine:
    """One periodic sweep. `age` in seconds is that of its last success; None: it has never succeeded.

    `ended_at`: when a round ended last, either way. `running`: one runs now.
    """

    name: str
    schedule: str
    age: float | None
    failing: bool
    failed_at: datetime | None
    detail: str | None
    ended_at: datetime | None
    running: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Background work as it stands."""

    queues: tuple[QueueLine, ...]
    workers: tuple[WorkerLine, ...]
    sweeps: tuple[SweepLine, ...]


def waiting(session: Session) -> Waiting:
    """What waits, runs and has failed, who works, and when the sweeps ran last."""
    return Waiting(
        queues=tuple(QueueLine(**row) for row in session.execute(QUEUES).mappings()),
        workers=workers(session),
        sweeps=tuple(SweepLine(**row) for row in session.execute(SWEEPS).mappings()),
    )


def workers(session: Session) -> tuple[WorkerLine, ...]:
    """Every worker process that has described itself lately."""
    return tuple(WorkerLine(**row) for row in session.execute(WORKERS).mappings())
