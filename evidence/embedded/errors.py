"""EmbeddedError
├── ProgramMissing       a server's program is not installed           install the requirements
├── AlreadySupervised    another process runs this data directory      use that one, or stop it
├── PlaceRefused         the data cannot be reached by its account     move the data, or run as its owner
├── WrongMajor           the data belongs to another PostgreSQL major  dump and restore, then start
├── DidNotStart          a server ended or stayed silent at its start  read its log, which is quoted
└── NotStarted           it was never started, so it has no address    start it first
"""

from __future__ import annotations

from pathlib import Path


class EmbeddedError(Exception):
    """An embedded server cannot be run as it must be."""


class ProgramMissing(EmbeddedError):
    """A server's program is not where its wheel puts it."""

    def __init__(self, program: str, *, wheel: str) -> None:
        super().__init__(f"the program {program} is missing: install the requirements again (wheel {wheel})")
        self.program, self.wheel = program, wheel


class AlreadySupervised(EmbeddedError):
    """Another living process supervises the same data directory."""

    def __init__(self, place: Path) -> None:
        super().__init__(f"another process already runs the server whose data lie in {place}")
        self.place = place


class PlaceRefused(EmbeddedError):
    """The data directory cannot be used by the account that has to use it."""

    def __init__(self, place: Path, *, because: str) -> None:
        super().__init__(f"{place} cannot be used: {because}")
        self.place, self.because = place, because


class WrongMajor(EmbeddedError):
    """The data directory was made by another major version of PostgreSQL."""

    def __init__(self, place: Path, *, found: str, ours: str) -> None:
        super().__init__(
            f"the database in {place} was made by PostgreSQL {found} and this program brings {ours}: with the older "
            f"program, dump it (pg_dumpall), move the directory away, start again and restore the dump"
        )
        self.place, self.found, self.ours = place, found, ours


class DidNotStart(EmbeddedError):
    """A server ended, or did not answer in time, while it was being started."""

    def __init__(self, server: str, *, because: str, log: Path, last_words: str) -> None:
        super().__init__(f"{server} did not start: {because}; the end of {log} reads:\n{last_words}")
        self.server, self.because, self.log, self.last_words = server, because, log, last_words


class NotStarted(EmbeddedError):
    """The server was never started in this data directory, so it has no address yet."""

    def __init__(self, server: str, place: Path) -> None:
        super().__init__(f"{server} was never started in {place}")
        self.server, self.place = server, place
