"""Devices and the places they are in: what is docked, what is on it, and when it was taken away.

Each first-level subfolder of a dock folder is a device; files directly in a dock folder belong to a device named
for the folder. A device whose folder is gone, or is suddenly another folder, has been unplugged.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ingest.agent import names
from ingest.agent.errors import SourceGone, SourceUnreadable
from ingest.agent.settings import Dock, Kind
from ingest.agent.sighting import SIGNED, Sighting, has_writer, look, opened, path_of, unreadable
from ingest.agent.sweep import list_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a device is: its folder, how it is called, and which of its files are meant."""

    root: bytes
    label: str
    bay: str
    kind: Kind
    deep: bool = True
    only: frozenset[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """One look at a device: what was seen, and of what was looked for, what is not there or is being written."""

    sightings: tuple[Sighting, ...]
    missing: tuple[bytes, ...] = ()
    written_to: dict[bytes, bool | None] = field(default_factory=dict)
    complete: bool = True
    whole: bool = False
    """Whether everything was listed, so that what was not seen is gone."""
    folders: bool = False
    """Whether a folder was met where a file was looked for: then the device wants listing."""


def places_in(dock: Dock) -> list[Place]:
    """The devices in one dock folder now. Raises SourceUnreadable."""
    # Resolved once here, where the folder is our own setting; below it no link is followed.
    root = os.fsencode(dock.folder.resolve())
    own = os.fsencode(dock.folder.absolute().name) or b"dock"
    places = []
    has_files = False
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    label = names.as_label(entry.name)
                    places.append(Place(root=entry.path, label=label, bay=label, kind=dock.kind))
                else:
                    has_files = True
    except OSError as error:
        raise _folder_fault(dock.folder, error) from error
    if has_files:
        label = names.as_label(own)
        places.append(Place(root=root, label=label, bay=label, kind=dock.kind, deep=False))
    return sorted(places, key=lambda place: place.root)


def _folder_fault(folder: Path, error: OSError) -> SourceUnreadable:
    if isinstance(error, FileNotFoundError):
        return SourceUnreadable(f"The dock folder {folder} is not there.")
    return SourceUnreadable(f"The dock folder {folder} cannot be listed: {error.strerror}.")


def place_of_path(path: bytes, bay: str) -> Place:
    """The place of one file or folder handed in by name. Raises SourceGone, SourceUnreadable."""
    whole = os.path.abspath(path)  # noqa: PTH100 - Path cannot hold raw bytes
    try:
        facts = os.lstat(whole)
    except FileNotFoundError:
        raise SourceGone("There is no file or folder of this name.") from None
    except OSError as error:
        raise unreadable(error) from error
    if stat.S_ISDIR(facts.st_mode):
        return Place(root=whole, label=names.as_label(whole), bay=bay, kind=Kind.WORKSTATION)
    root, name = os.path.split(whole)
    return Place(
        root=root, label=names.as_label(root), bay=bay, kind=Kind.WORKSTATION, deep=False, only=frozenset({name})
    )


def gathered(places: Iterable[Place]) -> list[Place]:
    """Files handed in from one folder are one device."""
    found: dict[tuple[bytes, bool], Place] = {}
    for place in places:
        key = (place.root, place.only is None)
        known = found.get(key)
        if known is not None and known.only is not None and place.only is not None:
            place = Place(  # noqa: PLW2901 - the same place with one file more
                root=place.root, label=place.label, bay=place.bay, kind=place.kind, deep=False,
                only=known.only | place.only,
            )  # fmt: skip
        found[key] = place
    return list(found.values())


def presence_of(place: Place) -> tuple[int, int]:
    """Device and inode number of a device's folder. Raises SourceGone, SourceUnreadable."""
    try:
        facts = os.stat(place.root)  # noqa: PTH116 - Path cannot hold raw bytes
    except (FileNotFoundError, NotADirectoryError):
        raise SourceGone("The device was unplugged.") from None
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISDIR(facts.st_mode):
        raise SourceGone("The device was unplugged.")
    return facts.st_dev & SIGNED, facts.st_ino & SIGNED


def examine(place: Place, expected: tuple[int, int], *, wanted: Iterable[bytes] | None) -> Examination:
    """Look at some files of a device, or list all of it where `wanted` is None.

    Raises SourceGone where the device is not the one that was docked, SourceUnreadable.
    """
    if presence_of(place) != expected:
        raise SourceGone("The device was unplugged and another put in its place.")
    if wanted is None:
        return list_place(place)
    found, missing, written_to, folders = [], [], {}, False
    for name in wanted:
        sighting = look(place.root, name)
        if sighting is None:
            missing.append(name)
            folders = folders or os.path.isdir(path_of(place.root, name))  # noqa: PTH112 - raw bytes
            continue
        found.append(sighting)
        written_to[name] = None if sighting.refused else _is_written_to(place.root, name)
    return Examination(tuple(found), tuple(missing), written_to, folders=folders)


def list_place(place: Place) -> Examination:
    """Everything that is meant at a place. Raises SourceUnreadable."""
    if place.only is not None:
        looks = {name: look(place.root, name) for name in sorted(place.only)}
        missing = tuple(name for name, sighting in looks.items() if sighting is None)
        return Examination(tuple(one for one in looks.values() if one), missing, whole=True)
    listing = list_device(place.root, deep=place.deep)
    return Examination(listing.sightings, complete=listing.complete, whole=True)


def _is_written_to(root: bytes, name: bytes) -> bool | None:
    try:
        with opened(root, name) as source:
            return has_writer(source.handle)
    except (SourceGone, SourceUnreadable):
        # Then reading will say why, at its turn.
        return None
