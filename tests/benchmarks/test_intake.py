"""Intake of 4 files of 1 GiB, from settled to stored, against `openssl dgst -sha256` and then `s5cmd cp` of the same.

Ours reads each file once, hashes it three ways and has every part checked by the store; the reference reads twice.
In turns, the order changing; workers stand still meanwhile. The server's reading back is measured apart.
BENCH_INTAKE_MIB, BENCH_ROUNDS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from evidence import clock
from evidence.models import Arrival
from tests.benchmarks.reference import Spent, Store, openssl_sha256, spent_by
from tests.benchmarks.scene import (
    await_receipted,
    await_stored,
    began_at,
    dock,
    make_files,
    mib,
    middle,
    renew,
    rounds,
    seconds,
    undock,
)
from tests.benchmarks.sheet import Sheet
from tests.faults.cargo import MIB
from tests.faults.reckoning import opened
from tests.faults.system import Part, System

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

FILES = 4
SIZE = mib("BENCH_INTAKE_MIB", 1024)
GIB = FILES * SIZE / (1 << 30)


@dataclass(slots=True)
class Rounds:
    """What each round took."""

    ours: list[Spent] = field(default_factory=list)
    hashed: list[Spent] = field(default_factory=list)
    sent: list[Spent] = field(default_factory=list)
    served_ours: list[float] = field(default_factory=list)
    served_theirs: list[float] = field(default_factory=list)
    verified: list[float] = field(default_factory=list)
    read: list[Spent] = field(default_factory=list)


def test_settled_to_stored(room: Callable[[float], Path], sheet: Sheet) -> None:
    times = rounds(3)
    place = room(GIB * (1 + 2 * times) + 4)
    seen = Rounds()
    with System(place / "data", [place / "dock"]) as system:
        store, folder = Store(system.data), place / "camera"
        files = make_files(folder, [SIZE] * FILES)
        for number in range(times):
            renew(files)
            ours = partial(_ours, system, folder, f"camera-{number}", seen)
            theirs = partial(_theirs, system, store, files, seen)
            for turn in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                turn()
            _read_back(system, store, f"camera-{number}", seen)
    _tell(seen, sheet)


def _ours(system: System, folder: Path, device: str, seen: Rounds) -> None:
    system.pause(Part.WORKER)
    agent = system.pid(Part.AGENT)
    before, served = spent_by(agent), _servers(system)
    dock(system, folder, device)
    stored = await_stored(system, device, FILES)
    seen.ours.append(Spent(seconds(stored, began_at(system, device)), spent_by(agent) - before))
    seen.served_ours.append(_servers(system) - served)
    undock(system, device, folder)


def _theirs(system: System, store: Store, files: list[Path], seen: Rounds) -> None:
    seen.hashed.append(openssl_sha256(files))
    served = _servers(system)
    seen.sent.append(store.put(f"{files[0].parent}/*.bin", "bench"))
    seen.served_theirs.append(_servers(system) - served)
    store.clear("bench")


def _servers(system: System) -> float:
    """Processor seconds of all that serves the agent."""
    return spent_by(*(system.pid(part) for part in (Part.S3, Part.API, Part.POSTGRES)))


def _read_back(system: System, store: Store, device: str, seen: Rounds) -> None:
    """The server re-reads and re-hashes what it stored: from letting the worker go on to the last receipt."""
    with opened(system) as house, house.reading() as session:
        stored = session.scalars(select(Arrival).where(Arrival.device_label == device)).all()
    began = clock.now()
    system.wake(Part.WORKER)
    seen.verified.append(seconds(await_receipted(system, device, FILES), began))
    seen.read.extend(store.read(each.bucket, each.key) for each in stored)


def _tell(seen: Rounds, sheet: Sheet) -> None:
    reference = [hashed + sent for hashed, sent in zip(seen.hashed, seen.sent, strict=True)]
    sheet.add(
        f"{FILES} files of {SIZE // MIB} MiB, settled to stored",
        ours=middle([each.wall for each in seen.ours]),
        reference=middle([each.wall for each in reference]),
        unit="s",
        limit=1.0,
        rounds_ours=[round(each.wall, 2) for each in seen.ours],
        rounds_reference=[round(each.wall, 2) for each in reference],
    )
    sheet.add(
        "client processor time, agent against openssl and s5cmd",
        ours=middle([each.cpu for each in seen.ours]) / GIB,
        reference=middle([each.cpu for each in reference]) / GIB,
        unit="CPU-s/GiB",
    )
    sheet.add(
        "processor time of store, desk and database meanwhile",
        ours=middle(seen.served_ours) / GIB,
        reference=middle(seen.served_theirs) / GIB,
        unit="CPU-s/GiB",
    )
    sheet.add(
        "the same against s5cmd alone, which hashes nothing that is kept",
        ours=middle([each.wall for each in seen.ours]),
        reference=middle([each.wall for each in seen.sent]),
        unit="s",
    )
    sheet.add(
        "the server's reading back and re-hashing, against s5cmd cat",
        ours=middle(seen.verified) / GIB,
        reference=FILES * middle([each.wall for each in seen.read]) / GIB,
        unit="s/GiB",
    )
