"""Systems for the fault tests, and the table that they leave: printed, and written to build/faults.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from evidence.store import StoreSettings
from tests.faults.reckoning import Reckoning
from tests.support.house import World
from tests.support.media import Footage
from tests.support.servers import folder_for_servers
from tests.support.workroom import Workroom
from transcode.settings import TranscodeSettings

ROWS = pytest.StashKey[list[dict[str, Any]]]()
BUILD = Path(__file__).resolve().parents[2] / "build"
WRITTEN = BUILD / "faults.json"
OF_JOBS = BUILD / "faults" / "jobs.json"
COUNTED = ("fault", "moments", "lost", "doubled", "stuck")

Record = Callable[..., None]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the test's own that any account may pass through; gone afterwards, with every server in it."""
    with folder_for_servers() as folder:
        yield folder


@pytest.fixture
def workroom(database_url: str, store_settings: StoreSettings, tmp_path: Path) -> Iterator[Workroom]:
    """A house whose workers are processes of their own."""
    world = World(database_url, store_settings, tmp_path)
    yield Workroom(world, TranscodeSettings(scratch=tmp_path / "scratch"))
    world.close()


@pytest.fixture(scope="module")
def module_place() -> Iterator[Path]:
    """The same for all tests of one file."""
    with folder_for_servers() as folder:
        yield folder


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Tiny true recordings, made when they are first asked for."""
    return Footage(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Record:
    """Puts one row into the table: the fault, how often, and what the reckoning found. Then raises if it is bad."""
    rows = pytestconfig.stash.setdefault(ROWS, [])

    def put(fault: str, reckoning: Reckoning, *, moments: int = 1, **seen: Any) -> None:
        counts = {word: len(getattr(reckoning, word)) for word in ("lost", "doubled", "stuck", "untrue")}
        row = {"fault": fault, "moments": moments, **counts, "files": reckoning.files, **seen}
        if not reckoning.is_clean:
            row["findings"] = reckoning.in_words().splitlines()[:50]
        rows.append(row)
        assert reckoning.is_clean, reckoning.in_words() or "there was nothing to check"

    return put


def pytest_configure(config: pytest.Config) -> None:
    """A table of an earlier run must not be taken for this one's."""
    if config.option.markexpr.strip() == "faults":
        OF_JOBS.unlink(missing_ok=True)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table; write it down, the job engine's rows and the failed tests included."""
    rows = [*config.stash.get(ROWS, []), *_of_jobs(), *_failed(terminalreporter)]
    if config.option.markexpr.strip() != "faults" or not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(_as_table(rows))
    WRITTEN.parent.mkdir(parents=True, exist_ok=True)
    WRITTEN.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


def _of_jobs() -> list[dict[str, Any]]:
    """The job engine's rows. Each is recorded after its test has shown that the job ran once and ended."""
    if not OF_JOBS.exists():
        return []
    rows = json.loads(OF_JOBS.read_text("utf-8"))
    return [{"fault": f"job engine: {row.pop('case')}", "moments": 1, **_counts(row), "seen": row} for row in rows]


def _counts(row: dict[str, Any]) -> dict[str, int]:
    return {word: int(row.pop(word, 0)) for word in ("lost", "doubled", "stuck")}


def _failed(reporter: pytest.TerminalReporter) -> list[dict[str, Any]]:
    """A test that did not come as far as its row is a row all the same."""
    reports = [*reporter.stats.get("failed", []), *reporter.stats.get("error", [])]
    return [
        {"fault": report.nodeid, "moments": 0, "lost": None, "doubled": None, "stuck": None, "failed": _words(report)}
        for report in reports
    ]


def _words(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)[:2000]


def _as_table(rows: list[dict[str, Any]]) -> str:
    table = Table(show_edge=False, header_style="bold")
    table.add_column("fault", max_width=64)
    for name in (*COUNTED[1:], "files", "seconds"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(str(row["fault"]), *(_cell(row.get(name)) for name in (*COUNTED[1:], "files", "seconds")))
    console = Console(width=118, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if isinstance(value, float) else str(value)
