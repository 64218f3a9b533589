"""The same as test_kill_9.py in a minute: small files, each process killed twice, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence import clock
from tests.faults.cargo import MIB, Cargo, chance_of
from tests.faults.striking import seed, settle, strike, workshop_beside
from tests.faults.system import Part, System
from tests.support.media import Footage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SIZE = 20 * MIB  # two parts


def test_each_process_is_killed_twice(place: Path, footage: Footage) -> None:
    chosen, since = seed(), clock.now()
    blows: dict[str, list[float]] = {}
    with System(place / "data", [place / "dock"]) as system:
        cargo = Cargo(place / "dock", workshop_beside(system.data), chosen)
        chance = chance_of(chosen)
        for part in Part:
            blows[part] = strike(system, part, cargo, footage, moments=2, octets=3 * SIZE, chance=chance)
        reckoning = settle(system, cargo, since=since)
    assert reckoning.is_clean, f"seed {chosen}, {blows}:\n{reckoning.in_words()}"
    assert [len(each) for each in blows.values()] == [2] * len(Part)
