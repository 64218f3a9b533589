"""Sheets for the benchmarks, a place that is large enough, and an exit code of 1 where a limit is broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.benchmarks.sheet import Sheet
from tests.support.servers import folder_for_servers

SHEETS = pytest.StashKey[dict[str, Sheet]]()
GIB = 1 << 30


@pytest.fixture
def sheet(request: pytest.FixtureRequest) -> Sheet:
    """The sheet of this file: test_intake.py writes build/bench/intake.json."""
    sheets = request.config.stash.setdefault(SHEETS, {})
    name = request.path.stem.removeprefix("test_")
    return sheets.setdefault(name, Sheet(name))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of its own (below TMPDIR) that any account may pass through; gone afterwards."""
    with folder_for_servers() as folder:
        yield folder


@pytest.fixture
def room(place: Path) -> Callable[[float], Path]:
    """The place, once it is seen to have so many GiB free. Too little room is a failure, not a measurement."""

    def with_room_for(gib: float) -> Path:
        free = shutil.disk_usage(place).free / GIB
        if free < gib:
            pytest.fail(f"{place} has {free:.0f} GiB free and this needs {gib:.0f}: point TMPDIR elsewhere")
        return place

    return with_room_for


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A limit that does not hold is a failure of the run."""
    if any(sheet.broken for sheet in session.config.stash.get(SHEETS, {}).values()) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print each sheet, and what does not hold."""
    for sheet in config.stash.get(SHEETS, {}).values():
        terminalreporter.section(f"bench {sheet.name}")
        terminalreporter.write_line(sheet.as_table())
        for row in sheet.broken:
            terminalreporter.write_line(f"does not hold: {row.case}", red=True)
