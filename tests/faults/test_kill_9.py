"""kill -9 of each process, at twenty random moments each, during an intake of 2 GiB.

FAULTS_MIB and FAULTS_MOMENTS make it smaller, FAULTS_SEED repeats it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.cargo import MIB, Cargo, chance_of
from tests.faults.conftest import Record
from tests.faults.striking import mib_from_environment, seed, strike, workshop_beside
from tests.faults.system import Part, System

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

MOMENTS = int(os.environ.get("FAULTS_MOMENTS", "20"))


@pytest.mark.parametrize("part", list(Part), ids=lambda part: part.name.lower())
def test_killed_at_random_moments(part: Part, place: Path, record: Record) -> None:
    chosen = seed()
    with System(place / "data", [place / "dock"]) as system:
        cargo = Cargo(place / "dock", workshop_beside(system.data), chosen)
        octets = mib_from_environment("FAULTS_MIB", 2048)
        struck = strike(system, part, cargo, moments=MOMENTS, octets=octets, chance=chance_of(chosen))
    record(
        f"kill -9 of {part}",
        struck.reckoning,
        moments=len(struck.moments),
        seconds=struck.seconds,
        mib=struck.octets // MIB,
        seed=chosen,
        at_seconds=struck.moments,
    )
