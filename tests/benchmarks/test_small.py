"""2,000 files of 200 kB: files a second, from the first that is taken up to the last that is stored, and receipted.

The reference is s5cmd, which puts the same files into the same store and keeps no record of any. BENCH_SMALL_FILES.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.reference import Store
from tests.benchmarks.scene import await_receipted, await_stored, began_at, dock, make_files, renew, seconds
from tests.benchmarks.sheet import Sheet
from tests.faults.system import System

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

COUNT = int(os.environ.get("BENCH_SMALL_FILES", "2000"))
SIZE = 200_000


def test_many_small_files(room: Callable[[float], Path], sheet: Sheet) -> None:
    place = room(6)
    with System(place / "data", [place / "dock"]) as system:
        store = Store(system.data)
        files = make_files(place / "camera", [SIZE] * COUNT)
        renew(files)
        sent = store.put(f"{files[0].parent}/*.bin", "bench").wall
        store.clear("bench")
        dock(system, place / "camera", "camera")
        stored = await_stored(system, "camera", COUNT)
        receipted = await_receipted(system, "camera", COUNT)
        began = began_at(system, "camera")
    for case, until in (("stored", stored), ("receipted", receipted)):
        sheet.add(
            f"{COUNT} files of {SIZE // 1000} kB, settled to the last one {case}",
            ours=COUNT / seconds(until, began),
            reference=COUNT / sent,
            unit="files/s",
        )
