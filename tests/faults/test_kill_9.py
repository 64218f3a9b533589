"""kill -9 of each process, at twenty random moments each, during an intake of 2 GiB.

FAULTS_MIB and FAULTS_MOMENTS make it smaller, FAULTS_SEED repeats it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from evidence import clock
from tests.faults.cargo import MIB, Cargo, chance_of
from tests.faults.conftest import Record
from tests.faults.striking import mib_from_environment, seed, settle, strike, workshop_beside
from tests.faults.system import Part, System
from tests.support.media import Footage

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

MOMENTS = int(os.environ.get("FAULTS_MOMENTS", "20"))


@pytest.mark.parametrize("part", list(Part), ids=lambda part: part.name.lower())
def test_killed_at_random_moments(part: Part, place: Path, footage: Footage, record: Record) -> None:
    chosen, began, since = seed(), time.monotonic(), clock.now()
    with System(place / "data", [place / "dock"]) as system:
        cargo = Cargo(place / "dock", workshop_beside(system.data), chosen)
        octets = mib_from_environment("FAULTS_MIB", 2048)
        blows = strike(system, part, cargo, footage, moments=MOMENTS, octets=octets, chance=chance_of(chosen))
        reckoning = settle(system, cargo, since=since)
    record(
        f"kill -9 of {part}",
        reckoning,
        moments=len(blows),
        seconds=time.monotonic() - began,
        mib=cargo.octets // MIB,
        seed=chosen,
        at_seconds=blows,
    )
