"""Keeps the engine's own tables small and its queues fair. Job rows are not custody: what a job did stands there.

Every statement touches a bounded number of rows in a transaction of its own: one that read all jobs at once
would hold a snapshot that slows every fetch.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection, connect

from evidence.jobs.periodic import Periodic

AGE_AFTER = 1_800.0  # seconds of waiting before a job rises
AGE_CAP = 60  # below the hot queues (80 and 100), whose fetches would otherwise read past the risen backlog
KEEP_DAYS = 7
STEP = 2_000  # rows a statement

# Only the 500 that wait longest rise, one step a round: they are the next to be fetched anyway. A past
# `not before` is cleared with it, because the engine writes an event row for every update that finds one.
AGE = """
UPDATE procrastinate_jobs SET priority = priority + 1, scheduled_at = NULL WHERE id IN (
  SELECT w.id FROM (
    SELECT id FROM procrastinate_jobs
    WHERE status = 'todo' AND priority < %(cap)s AND (scheduled_at IS NULL OR scheduled_at <= now())
    ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED) AS w
  WHERE (SELECT min(e.at) FROM procrastinate_events e WHERE e.job_id = w.id AND e.type = 'deferred')
    < now() - make_interval(secs => %(after)s))"""

NEXT = """
SELECT max(id), (
  SELECT coalesce(min(e.at) > now() - make_interval(days => %(days)s), false)
  FROM procrastinate_events e WHERE e.job_id = max(r.id) AND e.type = 'deferred')
FROM (SELECT id FROM procrastinate_jobs WHERE id > %(past)s ORDER BY id LIMIT %(step)s) AS r"""

CLEAR = """
DELETE FROM procrastinate_jobs j
WHERE j.id > %(past)s AND j.id <= %(last)s
  AND (j.status IN ('succeeded', 'cancelled', 'aborted') OR (j.status = 'failed'
    AND EXISTS (SELECT FROM job_failure f WHERE f.job_id = j.id AND f.final)
    AND NOT EXISTS (SELECT FROM job_failure f WHERE f.job_id = j.id AND f.final AND f.acted_at IS NULL)))
  AND (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id)
    < now() - make_interval(days => %(days)s)"""

LEAVINGS = (
    """DELETE FROM job_failure f WHERE f.at < now() - make_interval(days => %(days)s)
    AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.id = f.job_id)""",
    """DELETE FROM job_progress p
    WHERE NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.id = p.job_id AND j.status = 'doing')""",
    """DELETE FROM job_cancellation c
    WHERE NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.id = c.job_id)""",
    """DELETE FROM procrastinate_workers w WHERE w.last_heartbeat < now() - interval '1 day'
    AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.worker_id = w.id)""",
)


def age_waiting(db: Connection[Any], *, after: float = AGE_AFTER, cap: int = AGE_CAP) -> int:
    """Raise the priority of the jobs that wait longest, so that none starves. Returns how many rose."""
    return db.execute(AGE, {"after": after, "cap": cap}).rowcount


def clear_finished(db: Connection[Any], *, keep_days: int = KEEP_DAYS, step: int = STEP) -> int:
    """Delete jobs that ended so long ago; failed ones only when a person has acted. Returns how many.

    Goes through the numbers from the oldest and ends at the first step whose jobs are all too young.
    """
    past, cleared = 0, 0
    while True:
        words = {"past": past, "step": step, "days": keep_days}
        last, is_young = db.execute(NEXT, words).fetchone() or (None, True)
        if last is None:
            break
        cleared += db.execute(CLEAR, {**words, "last": last}).rowcount
        if is_young:
            break
        past = last
    for statement in LEAVINGS:
        db.execute(statement, {"days": keep_days})
    return cleared


def sweeps(conninfo: str) -> tuple[Periodic, ...]:
    """The engine's own sweeps, for any worker process that has a lane for sweeps."""

    def age(_: object) -> None:
        with connect(conninfo, autocommit=True) as db:
            age_waiting(db)

    def clear(_: object) -> None:
        with connect(conninfo, autocommit=True) as db:
            clear_finished(db)

    return Periodic("jobs.age", age, every_seconds=60), Periodic("jobs.clear", clear, every_seconds=3_600)
