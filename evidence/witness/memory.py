"""What a witness remembers of each log, in one SQLite file: the size and root that it signed last.

The look at the old size and the writing of the new one happen under one write lock, over all threads and
processes; a commit is on the disk when it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from evidence.witness.submission import Seen

SCHEMA = "CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT"


class Memory:
    """Opened anew for each request: SQLite's connections do not like threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._file = folder / "witness.sqlite"
        with closing(self._connect()) as connection:
            connection.execute(SCHEMA)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """The right to look and to write, for one at a time. What was written stands when the block ends well."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Turn(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def known(self) -> dict[str, Seen]:
        """Every log that was signed for."""
        with closing(self._connect()) as connection:
            rows = connection.execute("SELECT origin, size, root FROM log ORDER BY origin").fetchall()
        return {origin: Seen(size, root) for origin, size, root in rows}

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=20, isolation_level=None)
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection


class Turn:
    """One look and one writing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def seen(self, origin: str) -> Seen:
        """What was signed last for this log."""
        row = self._connection.execute("SELECT size, root FROM log WHERE origin = ?", (origin,)).fetchone()
        return Seen(*row) if row else Seen()

    def remember(self, origin: str, seen: Seen) -> None:
        """Write down what is about to be signed."""
        self._connection.execute(
            "INSERT INTO log (origin, size, root) VALUES (?, ?, ?)"
            " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root",
            (origin, seen.size, seen.root),
        )
