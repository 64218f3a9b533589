"""The supervisor itself is killed, and what it starts is killed again while it is starting."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from evidence import clock
from tests.faults.cargo import MIB, Cargo, chance_of
from tests.faults.conftest import Record
from tests.faults.striking import seed, settle, workshop_beside
from tests.faults.system import BACK_WITHIN, Part, System

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SIZE = 48 * MIB
STARTS = 3


def test_the_supervisor_is_killed_and_started_again(place: Path, record: Record) -> None:
    """Its processes end with it, the servers go on, and the next start finds all of it again."""
    chosen, since, moments = seed(), clock.now(), 5
    chance = chance_of(chosen)
    with System(place / "data", [place / "dock"]) as system:
        cargo = Cargo(place / "dock", workshop_beside(system.data), chosen)
        for number in range(moments):
            cargo.dock_file(f"camera-{number}", f"{number}.bin", SIZE)
            time.sleep(chance.uniform(0.0, 3.0))  # the moment is what is tried
            system.abandon()
            system.start()
        reckoning = settle(system, cargo, since=since)
    record("kill -9 of the supervisor", reckoning, moments=moments, seed=chosen)


def test_everything_is_killed_again_while_it_starts(place: Path, record: Record) -> None:
    """A server that does not come up is tried again, and nobody else is taken down with it."""
    chosen, since, blows = seed(), clock.now(), 0
    with System(place / "data", [place / "dock"]) as system:
        cargo = Cargo(place / "dock", workshop_beside(system.data), chosen)
        for part in Part:
            cargo.dock_file(f"camera-{part.name.lower()}", "while-starting.bin", SIZE)
            before = system.kill(part)
            for _ in range(STARTS):
                before = _kill_as_it_starts(system, part, before)
            blows += 1 + STARTS
            system.back(part)
        reckoning = settle(system, cargo, since=since)
    record("kill -9 again while it starts", reckoning, moments=blows, seed=chosen)


def _kill_as_it_starts(system: System, part: Part, before: int) -> int:
    """Kill the next process of this part as soon as it is there."""

    def next_one() -> int | None:
        found = system.pid(part)
        return found if found != before else None

    pid = system.until(next_one, within=BACK_WITHIN, what=f"{part} started again")
    os.kill(pid, signal.SIGKILL)
    return pid
