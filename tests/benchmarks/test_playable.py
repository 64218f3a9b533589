"""From settled to playable for a one-hour recording, against the time that s5cmd needs to put it into the store once.

Reading, hashing, sending, reading back, receipt, examination: all of it lies in between.
BENCH_FILM_SECONDS, BENCH_ROUNDS.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from evidence.models import Rendition
from evidence.vocabulary import RenditionKind
from tests.benchmarks.film import film, made_new
from tests.benchmarks.reference import Store
from tests.benchmarks.scene import (
    await_playable,
    await_receipted,
    await_stored,
    began_at,
    dock,
    middle,
    rounds,
    seconds,
    undock,
)
from tests.benchmarks.sheet import Sheet
from tests.faults.cargo import chance_of, place_long_ago
from tests.faults.reckoning import opened
from tests.faults.system import System

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

SECONDS = int(os.environ.get("BENCH_FILM_SECONDS", "3600"))


def test_settled_to_playable(room: Callable[[float], Path], sheet: Sheet) -> None:
    times = rounds(3)
    size = SECONDS / 900  # GiB, a little more than it is
    place = room(size * (2 * times + 1) + 4)
    path = film(place / "camera", "one-hour.mp4", seconds=SECONDS)
    folder, device = path.parent, "camera-hour"
    playable, stored, receipted, sent, method = [], [], [], [], ""
    with System(place / "data", [place / "dock"]) as system:
        store = Store(system.data)
        for number in range(times):
            device = f"camera-hour-{number}"
            made_new(path, f"round {number}".encode())
            place_long_ago(path, chance_of(number))
            sent.append(store.put(os.fspath(path), "bench").wall)
            store.clear("bench")
            dock(system, folder, device)
            recording, _ = await_playable(system, device)
            began = began_at(system, device)
            playable.append(seconds(recording.playable_at, began))
            stored.append(seconds(await_stored(system, device, 1), began))
            receipted.append(seconds(await_receipted(system, device, 1), began))
            with opened(system) as house, house.reading() as session:
                copies = select(Rendition.method).where(
                    Rendition.recording_id == recording.id, Rendition.kind == RenditionKind.PLAYBACK
                )
                method = str(session.scalars(copies).first())
            undock(system, device, folder)
    mb = path.stat().st_size / 1e6 if path.exists() else 0
    for case, ours, limit in (
        (f"{SECONDS / 60:.0f} min of 1080p, settled to playable ({method})", playable, 2.0),
        ("of which settled to stored", stored, None),
        ("of which settled to receipted", receipted, None),
    ):
        sheet.add(case, ours=middle(ours), reference=middle(sent), unit="s", limit=limit, megabytes=round(mb))
