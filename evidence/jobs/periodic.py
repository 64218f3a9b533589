"""Sweeps that run by the clock and look at the state of things. Pure.

Every worker process with a lane for them runs the clock, and each tick starts one round in the whole fleet.
Ticks missed by more than ten minutes are not made up for, so a sweep asks what is due, never what time it is;
the table `periodic_run` tells when each last succeeded, so that one that does not run is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evidence.jobs.port import RunningJob, TaskSpec

QUEUE = "sweep"
PRIORITY = -20

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Periodic:
    """A sweep: its name, what it does, and when: `every_seconds`, or `cron` fields in UTC.

    A sixth cron field is the seconds. Rounds of one sweep never run at the same time. A round that fails is
    not tried again: the next one comes.
    """

    name: str
    run: Callable[[RunningJob], None]
    every_seconds: int | None = None
    cron: str | None = None

    @property
    def schedule(self) -> str:
        """The cron fields. Raises ValueError where the sweep says not when, or both ways."""
        if (self.every_seconds is None) == (self.cron is None):
            raise ValueError(f"the sweep {self.name} must say either every how many seconds or at which times")
        return self.cron if self.every_seconds is None else cron_of(self.every_seconds)  # type: ignore[return-value] # one of the two is there

    def as_task(self) -> TaskSpec:
        """The kind of job that one round is."""
        return TaskSpec(name=self.name, queue=QUEUE, priority=PRIORITY, run=self.run, max_attempts=1)


def cron_of(seconds: int) -> str:
    """Cron fields for "every so many seconds". Raises ValueError where no even beat of the clock fits it."""
    if seconds > 0 and MINUTE % seconds == 0 and seconds < MINUTE:
        return f"* * * * * */{seconds}"
    if seconds >= MINUTE and HOUR % seconds == 0 and seconds % MINUTE == 0 and seconds < HOUR:
        return f"*/{seconds // MINUTE} * * * *"
    if seconds >= HOUR and DAY % seconds == 0 and seconds % HOUR == 0 and seconds < DAY:
        return f"0 */{seconds // HOUR} * * *"
    if seconds == DAY:
        return "0 0 * * *"
    raise ValueError(f"every {seconds} s does not divide a minute, an hour or a day evenly")
