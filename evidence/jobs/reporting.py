"""What a worker process writes about itself and its running jobs, for the status page."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from evidence.identifiers import new_id
from evidence.jobs.attempt import Attempt
from evidence.jobs.crew import Order
from evidence.jobs.outcomes import storable
from evidence.jobs.rescue import began_at, this_machine
from evidence.jobs.storing import Pool

PHASE_LIMIT = 200  # characters

REPORT = """
WITH written AS (
INSERT INTO worker_report (id, host, pid, machine, began, software, lanes, facts, draining)
VALUES (%(id)s, %(host)s, %(pid)s, %(machine)s, %(began)s, %(software)s, %(lanes)s, %(facts)s, %(draining)s)
ON CONFLICT (id) DO UPDATE SET lanes = excluded.lanes, draining = excluded.draining, seen_at = now()
RETURNING host)
SELECT o.hand_back FROM written JOIN host_order o USING (host)"""

WITHDRAW = "DELETE FROM worker_report WHERE id = %(id)s"

# Only for attempts that still run: the row of one that has just ended, here or in favour of another, stays away.
PROGRESS = """
INSERT INTO job_progress (job_id, attempt, phase, fraction, speed, updated_at)
SELECT s.job_id, s.attempt, s.phase, s.fraction, s.speed, now()
FROM unnest(%(ids)s::bigint[], %(attempts)s::bigint[], %(owners)s::bigint[],
  %(phases)s::text[], %(fractions)s::float8[], %(speeds)s::float8[])
  AS s(job_id, attempt, owner, phase, fraction, speed)
JOIN procrastinate_jobs j
  ON j.id = s.job_id AND j.attempts = s.attempt AND j.worker_id = s.owner AND j.status = 'doing'
ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, phase = excluded.phase, fraction = excluded.fraction,
  speed = excluded.speed, updated_at = excluded.updated_at"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One worker process, as it describes itself."""

    software: str
    facts: Mapping[str, Any]
    id: UUID = field(default_factory=new_id)
    machine: str = field(default_factory=this_machine)
    host: str = field(default_factory=socket.gethostname)

    async def write(self, pool: Pool, *, lanes: Sequence[Mapping[str, Any]], draining: bool) -> Order:
        """Write or refresh the row, and read what people want of this host.

        A row is as old as the worker's last sign of life.
        """
        words = {
            "id": self.id,
            "host": self.host,
            "pid": os.getpid(),
            "machine": self.machine,
            "began": began_at(os.getpid()),
            "software": self.software,
            "lanes": Jsonb(list(lanes)),
            "facts": Jsonb(dict(self.facts)),
            "draining": draining,
        }
        async with pool.connection() as db:
            row = await (await db.execute(REPORT, words)).fetchone()
        if row is None:
            return Order.WORK
        return Order.HAND_BACK if row[0] else Order.DRAIN

    async def withdraw(self, pool: Pool) -> None:
        """Remove the row: the process ends in good order."""
        async with pool.connection() as db:
            await db.execute(WITHDRAW, {"id": self.id})


async def write_progress(pool: Pool, attempts: Sequence[Attempt]) -> None:
    """Write down what handlers have said since the last time, all with one statement."""
    news = [(each, said) for each in attempts if (said := each.job.said) is not None and said != each.written]
    if not news:
        return
    words = {
        "ids": [each.job.held.id for each, _ in news],
        "attempts": [each.job.held.attempt for each, _ in news],
        "owners": [each.job.held.owner for each, _ in news],
        "phases": [storable(said.phase, limit=PHASE_LIMIT) for _, said in news],
        "fractions": [said.fraction for _, said in news],
        "speeds": [said.speed for _, said in news],
    }
    async with pool.connection() as db:
        await db.execute(PROGRESS, words)
    for each, said in news:
        each.written = said
