"""Whether a sweep has missed its turns: a sweep that is put off leaves no failure, it only does not come. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from croniter import croniter

GRACE = timedelta(minutes=10)
"""For so long the clock makes up for a tick that was missed (`periodic`)."""
TICKS = 2


def overdue(schedule: str, last: datetime, now: datetime) -> bool:
    """Whether the second tick after `last` has gone by, and the time in which it is made up for.

    One missed tick is no matter: the worker may have begun anew just then. What is said to have run at a time to come
    counts as overdue, and so does a schedule that cannot be read: nobody can tell then.
    """
    if last > now + GRACE:
        return True
    try:
        ticks = croniter(schedule, last)
        due = [ticks.get_next(datetime) for _ in range(TICKS)][-1]
    except ValueError:
        return True
    return bool(now > due + GRACE)
