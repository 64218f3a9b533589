"""EvidenceError
├── SettingsRefused     a setting is missing, unknown or unsafe      mend the setting
├── NotFound            nothing by that name that the caller may see
├── NoFolder            the folder for a file to write is not there  make it, or choose another place
├── NotEmpty            a copy needs a folder of its own             choose another place
├── NotPermitted        the caller may not do this
├── AlreadySettled      the thing has been decided by someone else   look again
├── NotAnEvent          an event says what its kind may not say      mend the caller
├── NotALeaf            the bytes are not a leaf of the custody log  stop, call someone
├── LogDisagrees        the custody log and a row do not agree       stop, call someone
└── DatabaseAway        the database cannot be reached               try again
"""

from __future__ import annotations


class EvidenceError(Exception):
    """Something in the records room is not as it must be."""


class SettingsRefused(EvidenceError):
    """A setting is missing, unknown or unsafe; the sentence says which and what to do."""


class NotFound(EvidenceError):
    """There is nothing by that name that the caller may see."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was not found")
        self.what = what


class NotEmpty(EvidenceError):
    """The place for a copy holds something already: nothing is written over, and nothing is mixed."""

    def __init__(self, folder: str, *, found: str) -> None:
        super().__init__(f"{folder} is {found}: name an empty folder, or one that is not there yet")
        self.folder = folder


class NoFolder(EvidenceError):
    """The folder that something is to be written into is not there. None is made: a mistyped path stays a mistake."""

    def __init__(self, folder: str, *, wanted: str) -> None:
        super().__init__(f"there is no folder {folder} to write {wanted} into: make it first, or choose another place")
        self.folder, self.wanted = folder, wanted


class NotPermitted(EvidenceError):
    """The caller may not do this."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlreadySettled(EvidenceError):
    """Someone else has decided this meanwhile."""


class NotAnEvent(EvidenceError):
    """An event cannot be recorded as it is; the sentence says which member of it is wrong and how."""


class NotALeaf(EvidenceError):
    """The bytes are not one leaf of the custody log in its one form."""


class LogDisagrees(EvidenceError):
    """The custody log and what it speaks of do not agree."""


class DatabaseAway(EvidenceError):
    """The database cannot be reached."""
