"""The full listing of a device: slower than the watcher, and the truth.

It finds what the watcher missed: events lost, network folders without events, files there before the agent was.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from ingest.agent.names import from_path
from ingest.agent.sighting import Identity, Sighting, is_reparse_point, sighting_of, unreadable


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything below a device's folder; `complete` is false where a folder would not be listed."""

    sightings: tuple[Sighting, ...]
    complete: bool


def list_device(root: bytes, *, deep: bool = True) -> Listing:
    """List every file below a device's folder, in the order of their names; with `deep` false only its own files.

    A folder that will not be listed appears as a refused sighting, so that what it may hold is not forgotten.
    Raises SourceUnreadable where the device's own folder will not be listed.
    """
    found: list[Sighting] = []
    complete = True
    folders = [b""]
    while folders:
        here = folders.pop()
        try:
            files, below = _list_folder(root, here)
        except OSError as error:
            if not here:
                raise unreadable(error) from error
            if isinstance(error, FileNotFoundError):
                continue  # taken away between its parent's listing and its own
            complete = False
            files, below = [_unlisted(here, error)], []
        found.extend(files)
        folders.extend(below if deep else [])
    return Listing(tuple(sorted(found, key=lambda sighting: sighting.name)), complete)


def _list_folder(root: bytes, here: bytes) -> tuple[list[Sighting], list[bytes]]:
    """The files of one folder, and the folders below it."""
    files, below = [], []
    with os.scandir(os.path.join(root, here)) as entries:  # noqa: PTH118 - Path cannot hold raw bytes
        for entry in entries:
            name = os.path.join(here, entry.name)  # noqa: PTH118
            with suppress(FileNotFoundError):  # taken away in this very moment: the next sweep sees it gone
                facts = _facts_of(entry)
                if stat.S_ISDIR(facts.st_mode) and not is_reparse_point(facts):
                    below.append(name)
                else:
                    files.append(sighting_of(from_path(name), facts))
    return files, below


def _facts_of(entry: os.DirEntry[bytes]) -> os.stat_result:
    # Windows leaves device and inode out of what a listing says.
    return os.lstat(entry.path) if os.name == "nt" else entry.stat(follow_symlinks=False)


def _unlisted(folder: bytes, error: OSError) -> Sighting:
    reason = f"This folder cannot be listed: {error.strerror or error}."
    return Sighting(from_path(folder) + b"/", Identity(0, 0, 0, 0), reason)
