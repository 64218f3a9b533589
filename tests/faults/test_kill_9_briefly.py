"""The same as test_kill_9.py in a minute: small files, each process killed twice, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cargo import MIB, Cargo, chance_of
from tests.faults.striking import seed, strike, workshop_beside
from tests.faults.system import Part, System

pytestmark = pytest.mark.timeout(600)

SIZE = 20 * MIB  # two parts


def test_each_process_is_killed_twice(place: Path) -> None:
    chosen = seed()
    with System(place / "data", [place / "dock"]) as system:
        cargo = Cargo(place / "dock", workshop_beside(system.data), chosen)
        chance = chance_of(chosen)
        for part in Part:
            struck = strike(system, part, cargo, moments=2, octets=3 * SIZE, chance=chance)
            assert struck.reckoning.is_clean, (
                f"seed {chosen}, {part} at {struck.moments}:\n{struck.reckoning.in_words()}"
            )
            assert len(struck.moments) == 2
