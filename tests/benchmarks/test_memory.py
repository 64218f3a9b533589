"""The agent's peak memory (VmHWM), whatever the size of a file: under 128 MiB. BENCH_MEMORY_MIB: sizes, comma apart."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.agent.status import STATUS_FILE
from tests.benchmarks.scene import await_receipted, dock, make_files
from tests.benchmarks.sheet import Sheet
from tests.faults.cargo import MIB
from tests.faults.system import Part, System

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"),
]

SIZES = [int(size) for size in os.environ.get("BENCH_MEMORY_MIB", "64,1024,4096").split(",")]
MOST = 128.0  # MiB
AT_ONCE = 8


def test_peak_memory_of_the_agent(room: Callable[[float], Path], sheet: Sheet) -> None:
    place = room(2.5 * sum(SIZES) / 1024 + 4)
    with System(place / "data", [place / "dock"]) as system:
        _tell(sheet, "at rest", system, [])
        for size in SIZES:
            _tell(sheet, f"one file of {size} MiB", system, [size * MIB])
        together = SIZES[0] * MIB
        _tell(sheet, f"{AT_ONCE} files of {SIZES[0]} MiB at once", system, [together + n for n in range(AT_ONCE)])


def _tell(sheet: Sheet, case: str, system: System, sizes: list[int]) -> None:
    """A new agent for each case: what an earlier file needed must not count."""
    system.kill(Part.AGENT)
    system.back(Part.AGENT)
    status = system.journals[0].with_name(STATUS_FILE)
    system.until(lambda: json.loads(status.read_bytes())["pid"] == system.pid(Part.AGENT), within=60, what="an agent")
    device = case.replace(" ", "-")
    if sizes:
        made = make_files(system.docks[0].with_name("camera"), sizes)
        dock(system, made[0].parent, device)
        await_receipted(system, device, len(sizes))
    agent = system.pid(Part.AGENT)
    assert agent is not None
    sheet.add(case, ours=peak_mib(agent), reference=MOST, unit="MiB", limit=1.0)


def peak_mib(pid: int) -> float:
    """The most memory that a living process has held."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
