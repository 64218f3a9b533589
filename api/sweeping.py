"""Which sweeps do not come when they should, for people: what is put off fails nowhere and is missed by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from api.enquiries.standing import SWEEPS
from api.wording import how_long
from evidence import clock
from evidence.database import ReadSession
from evidence.jobs import SweepLine, WorkerLine, overdue, waiting
from evidence.jobs.hosts import SILENT
from evidence.sequencing.reading import log_began

NEW = timedelta(hours=26)  # so old a log has seen every sweep's turn
QUEUE = "sweep"


def late_sweeps(session: ReadSession, *, shown: Callable[[datetime], str] = clock.as_text) -> list[dict[str, Any]]:
    """The sweeps that are overdue by their own schedule, and those that should be on record and are not, in words.

    `shown` writes times for the reader.
    """
    work, now, began = waiting(session), clock.now(), log_began(session)
    since = _at_work_since(work.workers)
    late = [_line(each.name, _late(each, now, shown)) for each in work.sweeps if _is_late(each, since, now)]
    known = {each.name for each in work.sweeps}
    old = began is not None and now - max(began, since or began) > NEW
    return [*late, *(_line(name, "has never run") for name in SWEEPS if old and name not in known)]


def _at_work_since(workers: tuple[WorkerLine, ...]) -> datetime | None:
    """Since when somebody runs sweeps: one that stood still with the whole system is late only from then on."""
    began = [
        each.started_at
        for each in workers
        if each.age < SILENT and any(QUEUE in lane.get("queues", ()) for lane in each.lanes)
    ]
    return min(began, default=None)


def _is_late(sweep: SweepLine, since: datetime | None, now: datetime) -> bool:
    last = max(filter(None, (sweep.ended_at, since)), default=None)
    return not sweep.running and last is not None and overdue(sweep.schedule, last, now)


def _late(sweep: SweepLine, now: datetime, shown: Callable[[datetime], str]) -> str:
    if sweep.ended_at is None:
        return "has never run, and is overdue"
    if sweep.ended_at > now:
        return f"is said to have run at a time to come, {shown(sweep.ended_at)}"
    return f"ran last {how_long(now - sweep.ended_at)} ago, and is overdue"


def _line(name: str, said: str) -> dict[str, Any]:
    return {"sweep": name, "words": f"{SWEEPS.get(name, name)} ({name}): {said}."}
