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
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tests.faults.cargo import MIB, Cargo, sizes
from tests.faults.reckoning import Reckoning, await_quiet, await_receipts, reckon
from tests.faults.system import Part, System
from tests.support.media import Footage

# True recordings among the noise, others for each part: served as they are, copied, and encoded.
FOOTAGE: Mapping[Part, Sequence[str]] = {
    Part.AGENT: ("plain.mp4", "speech.wav"),
    Part.WORKER: ("hevc.mp4", "h264.ts"),
    Part.API: ("reordered.mp4", "h264.flv"),
    Part.POSTGRES: ("asp.avi", "h264-alaw.mkv"),
    Part.S3: ("mjpeg.avi", "h264.mkv"),
}
RECEIPTS_WITHIN = 900.0  # seconds after the last blow; each part is back within half a minute
QUIET_WITHIN = 600.0


def seed() -> int:
    """The seed of this run: FAULTS_SEED, or a fresh one, which is printed and written down."""
    return int(os.environ.get("FAULTS_SEED") or secrets.randbelow(1 << 32))


def strike(
    system: System, part: Part, cargo: Cargo, footage: Footage, *, moments: int, octets: int, chance: random.Random
) -> list[float]:
    """Dock about so many bytes while one part is killed so many times. Gives back the moments, in seconds."""
    portions = sizes(octets, moments + 1)
    untouched = _pass_one(system, cargo, portions[0], name=f"{part.name.lower()}-untouched.bin")
    blows = []
    for number, size in enumerate(portions[1:], start=1):
        if number <= len(FOOTAGE[part]):
            name = FOOTAGE[part][number - 1]
            cargo.dock_footage(f"camera-{number}", footage.of(name), name)
        made, sha256 = cargo.make(f"{part.name.lower()}-{number:02}.bin", size)
        cargo.put(f"camera-{number % 3 + 1}", made, sha256)
        moment = chance.uniform(0.0, 1.25 * untouched)
        time.sleep(moment)  # the moment is what is tried
        system.kill(part, chance)
        blows.append(round(moment, 3))
        system.back(part)
    return blows


def settle(system: System, cargo: Cargo, *, since: datetime) -> Reckoning:
    """Wait until everything has arrived and nothing is under way, and reckon."""
    await_receipts(system, cargo.articles, within=RECEIPTS_WITHIN)
    await_quiet(system, within=QUIET_WITHIN)
    return reckon(system, cargo.articles, since=since)


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
