"""TranscodeError
├── SettingsRefused      a setting is missing or unsafe                mend the setting
├── SandboxRefused       a layer that the settings demand is missing   mend the host
├── MasterChanged        the fetched bytes are not the master's        stop, call someone
├── ScratchFull          no room to work in                            try again
├── ChildFailed          a limited child did not end as it should      record, a person may retry
│   ├── ChildBroke       it never began, or was starved                 try again
│   │   └── ChildKilled  somebody else ended it, for the first time     try again, once
│   └── RenderFailed     no rendition came of it                       record
├── OutputUntrue         the rendition is not true to its master       record
└── AlreadyPast          a time that has gone by was named             ask for another
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from transcode.ending import Ending, How


class TranscodeError(Exception):
    """A working copy could not be made, or not be trusted."""

    try_again = False

    @property
    def how(self) -> How | None:
        """How the child ended whose end this is; nothing where it is nobody's end."""
        return None


class SettingsRefused(TranscodeError):
    """A setting is missing, unknown or unsafe; the sentence says which and what to do."""


class SandboxRefused(TranscodeError):
    """The host lacks a layer of the sandbox that the settings demand."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"media is not opened on this host: {', '.join(missing)} missing from the sandbox")
        self.missing = missing


class MasterChanged(TranscodeError):
    """The bytes that the store gave are not those that the master's digest names."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(f"the store gave bytes with SHA-256 {found}, the master is {expected}")
        self.expected, self.found = expected, found


class ScratchFull(TranscodeError):
    """The scratch folder has no room for what must lie in it."""

    try_again = True

    def __init__(self, *, needed: int, free: int) -> None:
        super().__init__(f"the scratch folder has {free:,} bytes free, this work needs {needed:,}")
        self.needed, self.free = needed, free


class ChildFailed(TranscodeError):
    """A limited child did not end as it should."""

    def __init__(self, doing: str, ending: Ending) -> None:
        super().__init__(f"{doing} did not succeed: {ending.in_words()}")
        self.doing, self.ending = doing, ending

    @property
    @override
    def how(self) -> How | None:
        return self.ending.how


class ChildBroke(ChildFailed):
    """The child never began or got no time to work, which says nothing about the master."""

    try_again = True


class ChildKilled(ChildBroke):
    """Somebody else ended it, and for the first time in its job: the second time is the verdict."""


class RenderFailed(ChildFailed):
    """No rendition came of the work."""


class OutputUntrue(TranscodeError):
    """The rendition does not agree with its master; it is not kept."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


class AlreadyPast(TranscodeError):
    """Something was to hold until a time that has gone by."""
