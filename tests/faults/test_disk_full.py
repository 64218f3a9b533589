"""A disk is full for a while: the agent's, the workers', the store's, the database's. Whoever needs it waits.

Each gets a small disk of its own in memory, which takes root; it is filled up, and later freed again.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence import clock
from tests.faults.cargo import MIB, Cargo
from tests.faults.conftest import Record
from tests.faults.reckoning import is_playable, receipts_of
from tests.faults.striking import seed, settle, workshop_beside
from tests.faults.system import System
from tests.support.media import Footage

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

FULL_FOR = 25.0  # seconds, once it is full and something wants it
NOISE = 96 * MIB


@dataclass(frozen=True)
class Disk:
    """Whose disk it is: a folder of the data folder, its size in MiB, and whether receipts need it."""

    folder: str
    size: int
    receipts_need_it: bool = True


DISKS = {
    "the agent's": Disk("agent", 8),
    "the workers'": Disk("scratch", 1024, receipts_need_it=False),
    "the store's": Disk("s3", 768),
    "the database's": Disk("postgres", 384),
}


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk of so many MiB on a folder. Skips where this machine lets nobody make one."""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    folder.mkdir(parents=True)
    options = f"size={size}m,mode=0755"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "continuity", os.fspath(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"this machine lets nobody mount a small disk: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", os.fspath(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave not one byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        size = MIB
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    return filler


@pytest.mark.parametrize("whose", DISKS)
def test_a_disk_is_full_for_a_while(whose: str, place: Path, footage: Footage, record: Record) -> None:
    disk, data, since = DISKS[whose], place / "data", clock.now()
    with small_disk(data / disk.folder, disk.size), System(data, [place / "dock"]) as system:
        cargo = Cargo(place / "dock", workshop_beside(data), seed())
        before = cargo.dock_file("camera-before", "before.bin", MIB)
        system.until(lambda: len(receipts_of(system)) == 1, within=120, what=f"a receipt for {before.name!r}")
        filler = fill(data / disk.folder)
        film = cargo.dock_footage("camera-full", footage.of("hevc.mp4"), "patrol.mp4")
        cargo.dock_file("camera-full", "patrol.bin", NOISE)
        time.sleep(FULL_FOR)  # how long it is full
        receipts = len(receipts_of(system)) - 1
        assert receipts == 0 if disk.receipts_need_it else receipts == 2
        assert not is_playable(system, film)
        filler.unlink()
        reckoning = settle(system, cargo, since=since)
    record(f"{whose} disk is full for {FULL_FOR:.0f} s", reckoning)
