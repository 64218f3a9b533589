"""A server of the test's own, to be stopped and killed, and the table of what was seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.embedded import EmbeddedPostgres
from evidence.migrations import upgrade
from tests.integration.evidence.jobs.yard import Yard

ROWS = pytest.StashKey[list[dict[str, Any]]]()
WRITTEN = Path(__file__).parents[3] / "build" / "faults" / "jobs.json"

Record = Callable[..., None]


@pytest.fixture
def server(servers_folder: Path, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that the test may do anything to. It acknowledges a commit only when it is in the log."""
    with EmbeddedPostgres(servers_folder / tmp_path.name, settings={"shared_buffers": "128MB"}) as made:
        upgrade(made.ensure_database("jobs"))
        yield made


@pytest.fixture
def yard(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[Yard]:
    """A database on that server, worker processes on demand, and the book that they write."""
    made = Yard(server.url("jobs"), tmp_path)
    yield made
    made.close()


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Record:
    """Puts one row into the table that is printed at the end and written to build/faults/jobs.json."""
    rows = pytestconfig.stash.setdefault(ROWS, [])

    def put(case: str, **seen: Any) -> None:
        rows.append({"case": case, **seen})

    return put


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table and write it down."""
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("job engine under faults")
    for row in rows:
        seen = "  ".join(f"{name} {_short(value)}" for name, value in row.items() if name != "case")
        terminalreporter.write_line(f"{row['case']:<58} {seen}")
    WRITTEN.parent.mkdir(parents=True, exist_ok=True)
    WRITTEN.write_text(json.dumps(rows, indent=2) + "\n")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
