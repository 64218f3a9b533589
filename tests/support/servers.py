"""Real servers for tests: one PostgreSQL and one S3 server for each test process.

Each pytest-xdist worker runs its own pair. That costs about two seconds and 200 MB, and no worker can pull
a server from under another, whichever ends first. A pair that a killed run left behind is cleared away by
the next run.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from evidence.embedded import EmbeddedPostgres
from evidence.embedded.process import find

# Tests kill processes, never the power: what PostgreSQL has handed to the kernel survives that.
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
TEMPLATE = "template_continuity"

_numbers = itertools.count(1)


@contextmanager
def folder_for_servers() -> Iterator[Path]:
    """A folder that a server's account may pass through even when root runs the tests; gone afterwards.

    pytest's own temporary folders are private to root, so PostgreSQL could not live in one.
    """
    above = Path(tempfile.gettempdir()) / f"continuity-tests-{os.geteuid()}"
    above.mkdir(mode=0o755, exist_ok=True)
    _clear_left_over(above)
    folder = Path(tempfile.mkdtemp(dir=above))
    folder.chmod(0o755)
    with (folder / "in-use").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            _end_servers_below(folder)
            shutil.rmtree(folder)


def _clear_left_over(above: Path) -> None:
    """End what a killed run left: its folder is there and nobody holds its lock."""
    for folder in above.iterdir():
        try:
            with (folder / "in-use").open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_servers_below(folder)
        except (BlockingIOError, FileNotFoundError):
            continue
        shutil.rmtree(folder, ignore_errors=True)


def _end_servers_below(folder: Path) -> None:
    """No process may stay behind, whatever a test did to its servers."""
    for program in ("postgres", "weed"):
        for left in find(program, below=folder):
            left.send(signal.SIGKILL)
            if not left.has_ended(within=10):
                raise RuntimeError(f"{program} {left.pid} of {folder} does not end")


def build_template(server: EmbeddedPostgres) -> None:
    """Make the database that each test's own is cloned from."""
    # Imported here: servers and stores can be tested where the schema cannot be built.
    from evidence.migrations import upgrade

    upgrade(server.ensure_database(TEMPLATE))


@contextmanager
def fresh_database(server: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a database with the newest schema and no rows; dropped afterwards. About 15 ms."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    database, template = sql.Identifier(name), sql.Identifier(TEMPLATE)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(database, template))
        try:
            yield server.url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
