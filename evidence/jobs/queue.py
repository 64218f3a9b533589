"""What a room may do with jobs, each in the caller's own transaction: it commits with their rows or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from evidence.jobs.errors import LeaseLost
from evidence.jobs.port import Failure, HeldJob, JobRequest, JobState, JobStatus, Progress
from evidence.jobs.rows import FailureReason

STATES = {
    "todo": JobState.WAITING,
    "doing": JobState.RUNNING,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
    "aborted": JobState.STOPPED,
}

ENQUEUE = text("""
SELECT unnest(procrastinate_defer_jobs_v1(ARRAY(
  SELECT ROW(j->>'queue', j->>'task', (j->>'priority')::int, j->>'lock', NULL, j->'args', NULL)
    ::procrastinate_job_to_defer_v1
  FROM jsonb_array_elements(CAST(:jobs AS jsonb)) WITH ORDINALITY AS each(j, n) ORDER BY n)))
""")

CANCEL = text("SELECT procrastinate_cancel_job_v1(:id, true, false)")

NOTE_CANCELLED = text("""
INSERT INTO job_cancellation (job_id, task, queue, subject, by)
SELECT id, task_name, queue_name,
  coalesce((SELECT string_agg(key || '=' || value, ' ' ORDER BY key COLLATE "C") FROM jsonb_each_text(args)), ''), :by
FROM procrastinate_jobs WHERE id = :id
ON CONFLICT (job_id) DO UPDATE SET by = excluded.by, at = now(), acted_at = NULL
""")

# Only what waits moves. The engine tells nobody of an update, so we do; a wait after a failure is over with it.
MOVE = text("""
WITH moved AS (
  UPDATE procrastinate_jobs SET queue_name = :queue, priority = :priority, scheduled_at = NULL
  WHERE id = ANY(:ids) AND status = 'todo' AND (queue_name, priority) IS DISTINCT FROM (:queue, :priority)
  RETURNING id, queue_name)
SELECT id, pg_notify('procrastinate_queue_v1#' || queue_name,
  json_build_object('type', 'job_inserted', 'job_id', id)::text)
FROM moved
""")

HELD = text(
    "SELECT 1 FROM procrastinate_jobs"
    " WHERE id = :id AND status = 'doing' AND worker_id = :owner AND attempts = :attempt FOR UPDATE"
)

# The engine tells nobody when a job waits again, so we do: the next poll would find it seconds later.
REVIVE = text("""
WITH stands AS (
  SELECT id, queue_name FROM procrastinate_jobs WHERE id = :id AND status = 'failed' FOR UPDATE)
SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL),
  pg_notify('procrastinate_queue_v1#' || queue_name, json_build_object('type', 'job_inserted', 'job_id', id)::text)
FROM stands
""")

# The engine revives only what failed. The attempt that was stopped has been counted, so its lease is not met again.
REVIVE_CANCELLED = text("""
WITH revived AS (
  UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = now(), abort_requested = false
  WHERE id = :id AND status IN ('cancelled', 'aborted') RETURNING id, queue_name)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
  json_build_object('type', 'job_inserted', 'job_id', id)::text)
FROM revived
""")

ACT_CANCELLED = text(
    "UPDATE job_cancellation SET acted_at = now() WHERE job_id = :id AND acted_at IS NULL RETURNING true"
)

ACT = text("UPDATE job_failure SET acted_at = now() WHERE job_id = :id AND acted_at IS NULL RETURNING final")

STATUS = text("""
SELECT j.id, j.task_name, j.queue_name, j.status::text, j.priority, j.attempts, j.abort_requested, j.scheduled_at,
  p.phase, p.fraction, p.speed, c.by AS cancelled_by, f.reason, f.detail, f.at, f.attempt AS failed_attempt
FROM procrastinate_jobs j
LEFT JOIN job_progress p ON p.job_id = j.id AND p.attempt = j.attempts AND j.status = 'doing'
LEFT JOIN job_cancellation c ON c.job_id = j.id AND c.acted_at IS NULL
LEFT JOIN LATERAL (
  SELECT reason, detail, at, attempt FROM job_failure
  WHERE job_id = j.id AND acted_at IS NULL AND j.status <> 'succeeded' ORDER BY id DESC LIMIT 1) f ON true
WHERE j.id = ANY(:ids)
""")

ENDED_BEFORE = text("""
SELECT EXISTS (SELECT FROM job_failure
  WHERE job_id = :id AND reason = 'will_retry' AND acted_at IS NULL AND starts_with(detail, :name || ':'))
""")


def enqueue(session: Session, request: JobRequest) -> int:
    """Put one job in its queue; workers hear of it when the caller commits. Returns its number."""
    return enqueue_all(session, [request])[0]


def enqueue_all(session: Session, requests: Sequence[JobRequest]) -> list[int]:
    """Put many jobs in their queues with one statement. Returns their numbers in the same order."""
    if not requests:
        return []
    jobs = [
        {"queue": r.queue, "task": r.task, "priority": r.priority, "lock": r.lock, "args": dict(r.args)}
        for r in requests
    ]
    return list(session.scalars(ENQUEUE, {"jobs": json.dumps(jobs)}))


def move(session: Session, job_ids: Sequence[int], *, queue: str, priority: int) -> list[int]:
    """Give waiting jobs another queue and priority; workers hear of it when the caller commits.

    What runs goes on as it is, whatever its priority. Returns the numbers of those that were moved.
    """
    return [row.id for row in session.execute(MOVE, {"ids": list(job_ids), "queue": queue, "priority": priority})]


def cancel(session: Session, job_id: int, *, by: str = "the system") -> bool:
    """A waiting job will not run; a running one is told to stop when the caller commits. False: it had ended.

    `by` is whose wish it is, as the job's row says from now on.
    """
    if session.scalar(CANCEL, {"id": job_id}) is None:
        return False
    session.execute(NOTE_CANCELLED, {"id": job_id, "by": by})
    return True


def held(session: Session, job: HeldJob) -> None:
    """The fence: the attempt is still this worker's, and stays so until the caller's transaction ends.

    Called last, just before the commit of a result: whoever else would take the job waits or goes round it,
    and an attempt that was replaced raises LeaseLost instead of committing twice.
    """
    row = session.scalar(HELD, {"id": job.id, "owner": job.owner, "attempt": job.attempt})
    if row is None:
        raise LeaseLost(job.id, attempt=job.attempt)


def retry(session: Session, job_id: int) -> bool:
    """A person sends a failed or cancelled job round again, with all its attempts before it.

    False: it does not stand failed or cancelled; one that was told to stop may still be stopping.
    """
    revived = [session.execute(each, {"id": job_id}).one_or_none() for each in (REVIVE, REVIVE_CANCELLED)]
    if not any(row is not None for row in revived):
        return False
    session.execute(ACT, {"id": job_id})
    session.execute(ACT_CANCELLED, {"id": job_id})
    return True


def dismiss(session: Session, job_id: int) -> bool:
    """A person has seen a failed or cancelled job and lets it be. False: it stood as neither."""
    rows = [*session.scalars(ACT, {"id": job_id}), *session.scalars(ACT_CANCELLED, {"id": job_id})]
    return any(rows)


def status(session: Session, job_ids: Sequence[int]) -> dict[int, JobStatus]:
    """How these jobs stand. One that the engine has cleared away since it ended is not in the answer."""
    rows = session.execute(STATUS, {"ids": list(job_ids)})
    return {row.id: _status_of(row) for row in rows}


def ended_before(session: Session, job_id: int, error: type[Exception]) -> bool:
    """An attempt of this job ended in this very error and was to be tried again, and no person has acted since.

    Attempts that ended otherwise, with their worker or because something else was away, do not count.
    """
    return bool(session.scalar(ENDED_BEFORE, {"id": job_id, "name": error.__name__}))


def _status_of(row: Row[tuple[object, ...]]) -> JobStatus:
    running = row.status == "doing"
    reason = FailureReason(row.reason) if row.reason is not None else None
    return JobStatus(
        id=row.id,
        task=row.task_name,
        queue=row.queue_name,
        state=STATES[row.status],
        priority=row.priority,
        attempt=row.attempts,
        stopping=running and row.abort_requested,
        not_before=row.scheduled_at if row.status == "todo" else None,
        progress=Progress(row.phase, row.fraction, row.speed) if row.phase is not None else None,
        failure=Failure(reason, row.detail, row.at, row.failed_attempt) if reason is not None else None,
        cancelled_by=row.cancelled_by,
    )
