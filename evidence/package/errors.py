"""PackageError
├── NotAPackage         what was named cannot be read as a package         name another
├── NameTaken           there is something at that place already           choose another place
├── NotWritten          the place cannot be written: full, or not ours      make room, choose another
├── BytesDiffer         what the store gave is not what was registered      an incident; no package
├── DoesNotHold         what would prove it is contradicted                 an incident; no package
├── NotYetInLog         the sequencer has not published the events in time  see that it runs; try again
└── NothingToPackage    no recording was named, or one was named twice
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence.errors import EvidenceError


class PackageError(EvidenceError):
    """Something about making or reading a package."""


class NotAPackage(PackageError):
    """There is no package there, or nothing in it can be read as one."""

    def __init__(self, path: str, *, because: str) -> None:
        super().__init__(f"{path} cannot be read as a package: {because}")
        self.path, self.because = path, because


class NameTaken(PackageError):
    """Nothing is written over."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is there already, and nothing is written over: choose another place")
        self.path = path


class NotWritten(PackageError):
    """The place for the package or report cannot be written."""

    def __init__(self, path: str, *, because: str) -> None:
        super().__init__(f"{path} could not be written: {because}. Nothing was left there")
        self.path, self.because = path, because


class BytesDiffer(PackageError):
    """The store's bytes are not those of the register. `what` says which of size, SHA-256 and SHA-512."""

    def __init__(self, path: str, *, what: str, expected: object, found: object) -> None:
        super().__init__(
            f"{path}: the store gave bytes whose {what} is {found}, and {expected} was registered. No package was"
            " made, and an incident is open"
        )
        self.path, self.what, self.expected, self.found = path, what, expected, found


class DoesNotHold(PackageError):
    """What was gathered to prove a package contradicts itself, the log or the store: nothing is handed out."""

    def __init__(self, findings: Sequence[str]) -> None:
        more = f" ({len(findings)} findings)" if len(findings) > 1 else ""
        super().__init__(
            f"No package was made, and an incident is open. It would contradict itself: {findings[0]}{more}"
        )
        self.findings = tuple(findings)


class NotYetInLog(PackageError):
    """Nothing was published within the time that was given."""

    def __init__(self, *, seconds: float, halted: str | None = None) -> None:
        publishes = (
            f"the log does not publish these events. The log is halted: {halted}. Mend that"
            if halted
            else f"the log did not publish these events within {seconds:g} seconds."
            " See that `continuity sequencer` runs"
        )
        super().__init__(f"{publishes} and try again: what was asked for has been recorded, and nothing was handed out")
        self.seconds, self.halted = seconds, halted


class NothingToPackage(PackageError):
    """A package is made of at least one recording, each named once."""
