"""Stores how an attempt ended: the job's state and the record of a failure, in one transaction, behind the lease.

Nothing is stored for an attempt that is not this worker's any more, except the fact that it was refused.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from evidence.jobs.outcomes import DETAIL_LIMIT, End, Ending, Outcome, decide, in_words, storable, trace_of
from evidence.jobs.port import HeldJob, TaskSpec
from evidence.jobs.rows import FailureReason

Pool = AsyncConnectionPool[AsyncConnection[Any]]

log = logging.getLogger(__name__)

HELD = """
SELECT id, abort_requested FROM procrastinate_jobs
WHERE id = %(id)s AND status = 'doing' AND worker_id = %(owner)s AND attempts = %(attempt)s FOR UPDATE"""

SUCCEED = """
WITH held AS (
  SELECT id FROM procrastinate_jobs
  WHERE id = %(id)s AND status = 'doing' AND worker_id = %(owner)s AND attempts = %(attempt)s FOR UPDATE)
SELECT procrastinate_finish_job_v1(id, 'succeeded', %(drop)s) FROM held"""

FINISH = "SELECT procrastinate_finish_job_v1(%(id)s, %(end)s::procrastinate_job_status, %(drop)s)"

# Where the job may run at once it is announced like a new one: the engine itself tells nobody of a retry.
AGAIN = """
SELECT procrastinate_retry_job_v2(%(id)s, now() + make_interval(secs => %(wait)s), NULL, NULL, NULL),
  CASE WHEN %(wait)s = 0 THEN pg_notify('procrastinate_queue_v1#' || %(queue)s,
    json_build_object('type', 'job_inserted', 'job_id', %(id)s::bigint)::text) END"""

EARLIER = """
SELECT count(*) AS earlier FROM job_failure
WHERE job_id = %(id)s AND reason = 'will_retry' AND acted_at IS NULL"""

NOTE = """
INSERT INTO job_failure (job_id, task, queue, subject, attempt, reason, detail, trace, final)
VALUES (%(id)s, %(task)s, %(queue)s, %(subject)s, %(attempt)s, %(reason)s, %(detail)s, %(trace)s, %(final)s)"""

FORGET_PROGRESS = "DELETE FROM job_progress WHERE job_id = %(id)s"

# A sweep looks at the state of things, so that its next success settles every failure before it; until then
# only the latest stands, or a sweep that fails every minute would bury the page under itself.
SWEPT = """
INSERT INTO periodic_run (name, schedule, succeeded_at, failed_at, detail)
VALUES (%(task)s, %(schedule)s, CASE WHEN %(ok)s THEN now() END, CASE WHEN NOT %(ok)s THEN now() END, %(detail)s)
ON CONFLICT (name) DO UPDATE SET schedule = excluded.schedule, detail = excluded.detail,
  succeeded_at = coalesce(excluded.succeeded_at, periodic_run.succeeded_at),
  failed_at = coalesce(excluded.failed_at, periodic_run.failed_at)"""

SETTLE_SWEEPS = "UPDATE job_failure SET acted_at = now() WHERE task = %(task)s AND final AND acted_at IS NULL"

AFTERWARDS = "SELECT status::text, attempts, worker_id FROM procrastinate_jobs WHERE id = %(id)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An attempt that has ended, with all that is put on record about it. `schedule` marks a periodic sweep."""

    lease: HeldJob
    task: str
    queue: str
    args: Mapping[str, Any]
    spec: TaskSpec | None
    ending: Ending
    spoke: bool = False
    schedule: str | None = None

    def words(self) -> dict[str, Any]:
        """What the statements of this module ask for by name."""
        error = self.ending.error
        return {
            "id": self.lease.id,
            "owner": self.lease.owner,
            "attempt": self.lease.attempt,
            "task": self.task,
            "queue": self.queue,
            "subject": subject_of(self.args),
            "detail": None if error is None else in_words(error),
            "trace": None if error is None else trace_of(error),
            "schedule": self.schedule,
            "drop": self.schedule is not None and error is None,
        }


def subject_of(args: Mapping[str, Any]) -> str:
    """What a job is about, as a person reads it: its arguments in order of their names."""
    return storable(" ".join(f"{name}={args[name]}" for name in sorted(args)), limit=DETAIL_LIMIT)


async def store(pool: Pool, done: Done, *, may_wait: bool = True) -> Outcome | None:
    """Store the outcome in one transaction. None: the attempt is not this worker's any more.

    Raises psycopg.Error where the database is away; then it may or may not be stored (see `was_stored`).
    """
    words = done.words()
    async with pool.connection() as db:
        if done.ending.error is None and not done.spoke and done.schedule is None:
            row = await _one(db, SUCCEED, words)
            return Outcome(end=End.SUCCEEDED) if row is not None else None
        try:
            async with db.transaction():
                return await _store(db, done, words, may_wait=may_wait)
        except errors.UniqueViolation:
            # One with the same queueing lock waits already, so that this one cannot wait beside it.
            log.warning("job %s cannot wait again: a newer one of its kind does", done.lease.id)
    return await store(pool, done, may_wait=False)


async def _store(db: AsyncConnection[Any], done: Done, words: dict[str, Any], *, may_wait: bool) -> Outcome | None:
    row = await _one(db, HELD, words)
    if row is None:
        return None
    earlier = await _one(db, EARLIER, words) if done.ending.error is not None else None
    outcome = decide(
        done.ending,
        done.spec,
        earlier=earlier["earlier"] if earlier else 0,
        jitter=random.random(),  # noqa: S311 - spreads retries; nothing secret hangs on it
        may_wait=may_wait,
    )
    if outcome.end is End.AGAIN and row["abort_requested"]:
        # A person cancelled it meanwhile: what failed by itself is not run again.
        outcome = replace(outcome, end=End.STOPPED)
    await _move(db, outcome, words)
    await _record(db, done, outcome, words)
    return outcome


async def _move(db: AsyncConnection[Any], outcome: Outcome, words: dict[str, Any]) -> None:
    if outcome.end is End.AGAIN:
        await db.execute(AGAIN, {**words, "wait": outcome.wait})
    elif outcome.end is not End.NONE:
        await db.execute(FINISH, {**words, "end": outcome.end.value})


async def _record(db: AsyncConnection[Any], done: Done, outcome: Outcome, words: dict[str, Any]) -> None:
    if done.schedule is not None and outcome.end in {End.SUCCEEDED, End.FAILED}:
        await db.execute(SETTLE_SWEEPS, words)
        await db.execute(SWEPT, {**words, "ok": outcome.end is End.SUCCEEDED})
    if outcome.reason is not None:
        await db.execute(NOTE, {**words, "reason": outcome.reason.value, "final": outcome.is_final})
    if done.spoke:
        await db.execute(FORGET_PROGRESS, words)


async def was_stored(pool: Pool, done: Done) -> bool:
    """Whether an outcome is in the database although its acknowledgement never came.

    The connection may break between the commit and the answer; the second try then finds the lease gone, by our
    own doing. Every way an attempt can end counts it, so the next attempt's number tells.
    """
    async with pool.connection() as db:
        row = await _one(db, AFTERWARDS, {"id": done.lease.id})
    if row is None:
        return done.words()["drop"] is True
    ended_as_meant = done.ending.error is not None or row["status"] == End.SUCCEEDED.value
    return bool(ended_as_meant and row["worker_id"] == done.lease.owner and row["attempts"] == done.lease.attempt + 1)


async def note_refusal(pool: Pool, done: Done) -> None:
    """Put on record that the outcome of an attempt was not taken."""
    words = done.words()
    ended = "it had succeeded" if words["detail"] is None else words["detail"]
    detail = f"the job was another attempt's by the time this one ended; {ended}"
    async with pool.connection() as db:
        await db.execute(NOTE, {**words, "detail": detail, "reason": FailureReason.REFUSED.value, "final": False})


async def _one(db: AsyncConnection[Any], statement: str, words: dict[str, Any]) -> DictRow | None:
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, words)
        return await cursor.fetchone()
