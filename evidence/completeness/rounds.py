"""The rounds by the clock: audit, census, head map. Each comes every hour, and does what is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from evidence import clock
from evidence.completeness import audit, census, headmap
from evidence.completeness.errors import CountFailed
from evidence.custody import rows
from evidence.database import ReadSession
from evidence.jobs import RunningJob
from evidence.jobs.periodic import HOUR, Periodic

if TYPE_CHECKING:
    from evidence.bootstrap import House

# A little less than a day, so that a round that began some minutes late does not push the next one into the next hour.
DAILY = timedelta(hours=23, minutes=30)
SIZE = text("SELECT size FROM custody.state")


def periodics(house: House) -> Sequence[Periodic]:
    """The rounds, for whoever runs workers."""
    rounds: tuple[tuple[str, Callable[[House, RunningJob], None]], ...] = (
        ("completeness.audit", audit_round),
        ("completeness.census", census_round),
        ("completeness.headmap", headmap_round),
    )
    return tuple(Periodic(name=name, run=partial(run, house), every_seconds=HOUR) for name, run in rounds)


def audit_round(house: House, job: RunningJob) -> None:
    """Verify the log, or what is new in it."""
    job.report("verifying the custody log", None)
    audit.audit(house, stopping=job.stopping)


def census_round(house: House, job: RunningJob) -> None:
    """Count the store where the last whole count is a day old. Raises CountFailed, when that has been written down."""
    with house.reading() as session:
        whole = select(func.max(rows.Census.began_at)).where(~rows.Census.report.has_key("failed"))
        is_due = _due(session.scalar(whole))
    if not is_due:
        return
    job.report("counting the store", None)
    taken = census.take(house, stopping=job.stopping)
    if taken.failed is not None:
        raise CountFailed(taken.words)


def headmap_round(house: House, job: RunningJob) -> None:
    """Log the day's head map, where the log has grown since the last one."""
    with house.reading() as session:
        is_due = _due(session.scalar(select(func.max(rows.HeadMap.made_at)))) and _has_grown(session)
    if is_due:
        job.report("mapping the ends of all subjects", None)
        headmap.make(house)


def _due(last: datetime | None) -> bool:
    return last is None or clock.now() - last > DAILY


def _has_grown(session: ReadSession) -> bool:
    """Whether there is more than the last map and its own event."""
    last = session.scalar(select(func.max(rows.HeadMap.size)))
    return int(session.scalar(SIZE) or 0) > (0 if last is None else last + 1)
