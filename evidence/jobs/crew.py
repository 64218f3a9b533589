"""What the lanes of one worker process share: its pace, its tasks, and the word that it is time to go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evidence.jobs.port import TaskSpec


class Order(StrEnum):
    """What a person wants of this host. UNKNOWN until the database was asked: nothing is taken before that."""

    UNKNOWN = "unknown"
    WORK = "work"
    DRAIN = "drain"  # take nothing new, finish what runs
    HAND_BACK = "hand_back"  # nor finish what runs: it goes back to its queue at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a worker process lives; seconds, but for `crashes`.

    A machine that vanishes is taken for dead after `stall` without a heartbeat, so its jobs run again 25 to 38 s
    later with the values that stand here; a process that dies on a living machine is noticed within a `beat`.
    `poll` finds what no notice announces: retries whose pause is over, and jobs whose lock came free.
    `drain` is how long running jobs may go on after the first word to stop (None: to their end), `stop` how long
    they may take to stop after the second. A job on which `crashes` workers died is buried.
    """

    beat: float = 5.0
    stall: float = 30.0
    crashes: int = 3
    poll: float = 2.0
    progress: float = 2.0
    drain: float | None = None
    stop: float = 30.0
    forget: float = 3600.0
    watch_neighbours: bool = True


@dataclass(slots=True, kw_only=True)
class Crew:
    """The shared state of one worker process. Touched in the event loop's thread only."""

    pace: Pace
    specs: Mapping[str, TaskSpec]
    sweeps: Mapping[str, str] = field(default_factory=dict)  # name of a periodic task: its schedule
    ears: dict[str, list[Callable[..., Awaitable[None]]]] = field(default_factory=dict)  # queue: who hears of it
    going: asyncio.Event = field(default_factory=asyncio.Event)  # fetch no more, finish what runs
    hurry: asyncio.Event = field(default_factory=asyncio.Event)  # stop what runs, too
    order: Order = Order.UNKNOWN
    leaving: bool = False  # nothing is waited for any more, not even the database
    abandoned: list[int] = field(default_factory=list)

    def stop(self) -> None:
        """The first word finishes the running jobs; the second stops them."""
        if self.going.is_set():
            self.hurry.set()
        self.going.set()
