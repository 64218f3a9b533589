"""kill -9 at random moments of an intake, and what is left to say afterwards.

A moment lies anywhere in the life of one file: it is put on a camera, and between none and one and a quarter times
the time that an untouched file took from there to its receipt, the blow falls. Then the supervisor must bring the
part back before the next file comes; whatever was under way goes on meanwhile.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from evidence import clock
from tests.faults.cargo import MIB, Cargo, sizes
from tests.faults.reckoning import Reckoning, await_quiet, await_receipts, reckon
from tests.faults.system import Part, System

RECEIPTS_WITHIN = 900.0  # seconds after the last blow; each part is back within half a minute
QUIET_WITHIN = 600.0


@dataclass(slots=True)
class Struck:
    """One part's row of the table. `moments` are seconds after a file's appearance."""

    part: Part
    seed: int
    moments: list[float] = field(default_factory=list)
    files: int = 0
    octets: int = 0
    seconds: float = 0.0
    reckoning: Reckoning = field(default_factory=lambda: Reckoning(0))


def seed() -> int:
    """The seed of this run: FAULTS_SEED, or a fresh one, which is printed and written down."""
    return int(os.environ.get("FAULTS_SEED") or secrets.randbelow(1 << 32))


def strike(system: System, part: Part, cargo: Cargo, *, moments: int, octets: int, chance: random.Random) -> Struck:
    """Take in about so many bytes while one part is killed so many times; wait, and reckon."""
    began, since = time.monotonic(), clock.now()
    struck = Struck(part, 0)
    portions = sizes(octets, moments + 1)
    untouched = _pass_one(system, cargo, portions[0], name=f"{part.name.lower()}-untouched.bin")
    for number, size in enumerate(portions[1:], start=1):
        made, sha256 = cargo.make(f"{part.name.lower()}-{number:02}.bin", size)
        cargo.put(f"camera-{number % 3 + 1}", made, sha256)
        moment = chance.uniform(0.0, 1.25 * untouched)
        time.sleep(moment)  # the moment is what is tried
        system.kill(part, chance)
        struck.moments.append(round(moment, 3))
        system.back(part)
    await_receipts(system, cargo.articles, within=RECEIPTS_WITHIN)
    await_quiet(system, within=QUIET_WITHIN)
    struck.files, struck.octets = len(cargo.articles), cargo.octets
    struck.reckoning = reckon(system, cargo.articles, since=since)
    struck.seconds = time.monotonic() - began
    return struck


def _pass_one(system: System, cargo: Cargo, size: int, *, name: str) -> float:
    """Seconds that a file takes from its camera to its receipt when nothing happens."""
    made, sha256 = cargo.make(name, size)
    began = time.monotonic()
    article = cargo.put("camera-1", made, sha256)
    await_receipts(system, [article], within=RECEIPTS_WITHIN)
    return time.monotonic() - began


def mib_from_environment(name: str, default: int) -> int:
    """A size in MiB from the environment, in bytes."""
    return int(os.environ.get(name, default)) * MIB


def workshop_beside(data: Path) -> Path:
    """Where files are made: on the file system of the dock, so that they can be moved in whole."""
    return data.with_name(f"{data.name}-workshop")
