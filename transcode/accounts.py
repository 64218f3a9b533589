"""Writes down how children ended, by the hour: after each job, in a transaction of its own."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from typing import Final

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from evidence import clock
from evidence.bootstrap import House
from evidence.jobs import RunningJob, TaskSpec
from evidence.models import ChildEnding
from transcode import tally
from transcode.ending import How

KEPT: Final = timedelta(days=60)


def counted(house: House, spec: TaskSpec) -> TaskSpec:
    """The same task, after which it is written down how its children ended, however the job itself did.

    A worker that dies writes nothing down: whoever takes its job away counts the attempt as lost, in the same
    transaction. What earlier children of that attempt did well is then not known either.
    """

    @wraps(spec.run)
    def run(job: RunningJob) -> None:
        try:
            spec.run(job)
        finally:
            write_down(house)

    return replace(spec, run=run, opens_media=True)


def write_down(house: House) -> None:
    """Add what was counted. Where the database is away it stays counted, and is written with the next."""
    taken = tally.take()
    if not taken:
        return
    try:
        _add(house, taken)
    except SQLAlchemyError:
        for (task, how), number in taken.items():
            tally.count(task, how, number)


def _add(house: House, taken: dict[tuple[str, How], int]) -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    host = house.settings.host_name or socket.gethostname()
    # In one order everywhere: two jobs that end at once wait for each other, and never in a circle.
    rows = [
        {"hour": hour, "host": host, "task": task, "ending": how, "count": number}
        for (task, how), number in sorted(taken.items())
    ]
    adding = insert(ChildEnding).values(rows)
    adding = adding.on_conflict_do_update(
        index_elements=["hour", "host", "task", "ending"],
        set_={"count": ChildEnding.count + adding.excluded.count},
    )
    with house.writing() as session:
        session.execute(adding)


def forget_old(house: House) -> None:
    """Remove counts that nobody compares with any more."""
    with house.writing() as session:
        session.execute(delete(ChildEnding).where(ChildEnding.hour < clock.now() - KEPT))
