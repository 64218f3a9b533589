"""Takes jobs from dead workers and puts them back, or buries one that kills every worker that touches it.

A worker is dead when its heartbeat is older than the stall limit, or when its process is gone from this very
machine, which any neighbour can see at once. One statement both judges and moves a job, under a row lock, so
that two rescuers never move the same one, and a job whose result is just being committed is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from psycopg.rows import dict_row

from evidence.jobs.storing import Pool

# A stall limit that no heartbeat is older than, but for those declared dead (minus infinity).
ONLY_THE_DECLARED = 10 * 365 * 86_400.0

# Where a child was lost whose worker no report names any more: one that a neighbour has declared dead.
NOWHERE = "unknown"

RESCUE = """
WITH dead AS (
  SELECT j.id, j.queue_name, j.task_name, j.args, j.attempts, j.abort_requested, j.worker_id, j.queueing_lock,
    w.last_heartbeat
  FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
  WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %(stall)s))
  ORDER BY j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED),
-- A worker that came back and was refused had been cut off: the job did not kill it. Yet not for ever: whatever keeps
-- every worker from its heartbeat does no less harm.
losses AS (
  SELECT f.attempt, EXISTS (SELECT FROM job_failure r WHERE r.job_id = f.job_id AND r.attempt = f.attempt
    AND r.reason = 'refused') AS came_back
  FROM dead JOIN job_failure f ON f.job_id = dead.id AND f.reason = 'worker_lost' AND f.acted_at IS NULL),
counted AS (
  SELECT dead.*, 1 + (SELECT count(*) FROM losses WHERE NOT came_back) AS crashes,
    1 + (SELECT count(*) FROM losses) AS lost
  FROM dead),
judged AS (
  SELECT counted.*, CASE
    WHEN abort_requested THEN 'stopped'
    WHEN crashes >= %(crashes)s OR lost >= 4 * %(crashes)s THEN 'buried'
    WHEN EXISTS (SELECT FROM procrastinate_jobs t WHERE t.queueing_lock = counted.queueing_lock AND t.status = 'todo')
      THEN 'twin_waits'
    ELSE 'worker_lost' END AS verdict
  FROM counted),
noted AS (
  INSERT INTO job_failure (job_id, task, queue, subject, attempt, reason, detail, final)
  SELECT id, task_name, queue_name,
    coalesce((SELECT string_agg(key || '=' || value, ' ' ORDER BY key COLLATE "C") FROM jsonb_each_text(args)), ''),
    attempts, verdict,
    format('%%s%%s',
      CASE WHEN worker_id IS NULL THEN 'the job never arrived at the worker that it was handed to'
        WHEN isfinite(last_heartbeat)
          THEN format('worker %%s had this job and was last heard of at %%s', worker_id, last_heartbeat)
        ELSE format('worker %%s died while it had this job', worker_id) END,
      CASE verdict
        WHEN 'buried' THEN format('; that is the end of %%s workers, so it is not tried again', lost)
        WHEN 'twin_waits' THEN '; a newer job of its kind waits in its place'
        ELSE '' END),
    verdict IN ('buried', 'twin_waits')
  FROM judged WHERE verdict <> 'stopped'),
lost AS (
  INSERT INTO child_ending (hour, host, task, ending, count)
  SELECT date_trunc('hour', now(), 'UTC'), coalesce((
      SELECT r.host FROM worker_report r, jsonb_array_elements(r.lanes) AS lane
      WHERE (lane->>'worker')::bigint = judged.worker_id LIMIT 1), %(nowhere)s), task_name, 'lost', 1
  FROM judged WHERE worker_id IS NOT NULL AND task_name = ANY(%(media)s::text[])
  ON CONFLICT (hour, host, task, ending) DO UPDATE SET count = child_ending.count + 1)
SELECT id, verdict,
  CASE verdict
    WHEN 'worker_lost' THEN procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)::text
    WHEN 'stopped' THEN procrastinate_finish_job_v1(id, 'aborted', false)::text
    ELSE procrastinate_finish_job_v1(id, 'failed', false)::text END,
  CASE verdict WHEN 'worker_lost' THEN pg_notify('procrastinate_queue_v1#' || queue_name,
    json_build_object('type', 'job_inserted', 'job_id', id)::text) END
FROM judged"""

NEIGHBOURS = "SELECT id, pid, began, lanes FROM worker_report WHERE machine = %(machine)s AND id <> %(me)s"

DECLARE_DEAD = """
WITH report AS (DELETE FROM worker_report WHERE id = %(id)s RETURNING lanes)
UPDATE procrastinate_workers SET last_heartbeat = '-infinity'
WHERE id IN (SELECT (lane->>'worker')::bigint FROM report, jsonb_array_elements(lanes) AS lane)"""

FORGET = "DELETE FROM worker_report WHERE seen_at < now() - make_interval(secs => %(forget)s)"


async def rescue_one(pool: Pool, *, stall: float, crashes: int, media: Collection[str] = ()) -> tuple[int, str] | None:
    """Move one dead worker's job. Returns its number and what became of it; None: there is none.

    `media` are the tasks whose children are counted: how that of the lost attempt ended nobody saw, and that is
    written down with the move.
    """
    async with pool.connection() as db, db.cursor(row_factory=dict_row) as cursor:
        words = {"stall": stall, "crashes": crashes, "media": sorted(media), "nowhere": NOWHERE}
        await cursor.execute(RESCUE, words)
        row = await cursor.fetchone()
    return None if row is None else (row["id"], row["verdict"])


async def declare_dead_neighbours(pool: Pool, *, machine: str, me: UUID) -> list[int]:
    """Look for worker processes of this machine that are gone, and let their jobs go at once. Returns their pids."""
    async with pool.connection() as db, db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(NEIGHBOURS, {"machine": machine, "me": me})
        gone = [row for row in await cursor.fetchall() if not is_alive(row["pid"], began=row["began"])]
        for row in gone:
            await cursor.execute(DECLARE_DEAD, {"id": row["id"]})
    return [row["pid"] for row in gone]


async def forget_reports(pool: Pool, *, older_than: float) -> None:
    """Drop what workers said of themselves that have not been heard of for so many seconds."""
    async with pool.connection() as db:
        await db.execute(FORGET, {"forget": older_than})


def this_machine() -> str:
    """Names this boot of this kernel and this space of process numbers; empty where that cannot be known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def began_at(pid: int) -> int:
    """When the process began, in the kernel's ticks since boot: tells it from a later one of the same number.

    0 where it cannot be known, -1 where the process has ended.
    """
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    # The program's name stands in brackets and may itself hold brackets and spaces.
    words = line.rpartition(")")[2].split()
    return -1 if words[0] in {"Z", "X"} else int(words[19])


def is_alive(pid: int, *, began: int) -> bool:
    """The process that began then still lives. Where it cannot be known, it does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's process has that number: look at when it began
    return began_at(pid) in {0, began}
