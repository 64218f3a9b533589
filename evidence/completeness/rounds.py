"""The rounds by the clock: audit, census, head map. Each comes every hour, and does what is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import text

from evidence import clock
from evidence.completeness import audit, census, headmap, taken
from evidence.completeness.counted import BY
from evidence.completeness.errors import CountFailed
from evidence.jobs import RunningJob
from evidence.jobs.periodic import HOUR, Periodic
from evidence.outside.strays import MOST_AHEAD, tell

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
    """Count the store where the last whole count is a day old. Raises CountFailed, when that has been written down.

    Which was the last one, the custody log says: rows of counts that it knows nothing of are named to a person.
    """
    with house.reading() as session:
        last, strays = taken.last(session), taken.strays(session)
    tell(house, "custody.census", strays, by=BY)
    if not _due(None if last is None else last.began_at):
        return
    job.report("counting the store", None)
    counted = census.take(house, stopping=job.stopping)
    if counted.failed is not None:
        raise CountFailed(counted.words)


def headmap_round(house: House, job: RunningJob) -> None:
    """Log the day's head map, where the log has grown since the last one."""
    with house.reading() as session:
        last, strays = headmap.last(session), headmap.strays(session)
        size = int(session.scalar(SIZE) or 0)
    tell(house, "custody.headmap", strays, by=headmap.BY)
    # There is more than the last map and its own event.
    has_grown = size > (0 if last is None else last.map.size + 1)
    if has_grown and _due(None if last is None else last.at):
        job.report("mapping the ends of all subjects", None)
        headmap.make(house)


def _due(last: datetime | None) -> bool:
    """Whether what came last is a day old. What is of a time to come has not come yet."""
    return last is None or last > clock.now() + MOST_AHEAD or clock.now() - last > DAILY
