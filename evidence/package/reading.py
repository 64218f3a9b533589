"""Reads a package that a stranger brings: a folder, or a ZIP file with one top folder.

Nothing in it is trusted: no link is followed, no file is read beyond the limit that its reader names, and what
cannot be read at all is an error that says so.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from evidence.package.errors import NotAPackage
from evidence.package.layout import Loose, hold_layout, hold_names

PIECE: Final = 1 << 20  # bytes
MOST_FILES: Final = 1_000_000
DEEPEST: Final = 16  # folders within one another, the top one not counted


class Unreadable(Exception):
    """One file of the package cannot be read; the words say why."""


class Package(Protocol):
    """The files of a package, by their paths from its top."""

    files: dict[str, int]
    """Path and size in bytes of each plain file."""
    odd: list[str]
    """What is wrong with the shape itself: links, names that stand twice, files beside the top folder."""

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of one file. Raises Unreadable."""
        ...


def read(package: Package, path: str, *, most: int) -> bytes:
    """A small file as a whole. Raises Unreadable where it is absent or larger than `most` bytes."""
    size = package.files.get(path)
    if size is None:
        raise Unreadable(f"{path} is not in the package")
    if size > most:
        raise Unreadable(f"{path} has {size} bytes, and more than {most} are not read")
    return b"".join(package.pieces(path))


@contextmanager
def opened(path: Path) -> Iterator[Package]:
    """The package at a place. Raises NotAPackage."""
    if path.is_dir():
        yield FolderPackage(path)
    elif path.is_file():
        try:
            with path.open("rb") as stream, zipfile.ZipFile(stream) as file:
                hold_layout(stream, path.stat().st_size, file.infolist())
                hold_names(file.infolist())
                yield ZipPackage(path, file)
        except Loose as error:
            raise NotAPackage(str(path), because=str(error)) from error
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
            raise NotAPackage(str(path), because=f"it is no whole ZIP file ({error})") from error
    else:
        raise NotAPackage(str(path), because="there is no folder and no file of that name")


class FolderPackage:
    """A package as a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, int] = {}
        self.odd: list[str] = []
        self._look(os.fsencode(folder), "")
        if not self.files:
            raise NotAPackage(str(folder), because="there is no file in it")

    def _look(self, folder: bytes, before: str) -> None:
        if before.count("/") > DEEPEST:
            raise NotAPackage(str(self._folder), because="its folders are nested too deep")
        with os.scandir(folder) as found:
            for entry in sorted(found, key=lambda each: each.name):
                path = before + entry.name.decode("utf-8", "backslashreplace")
                kind = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(kind):
                    self._look(entry.path, path + "/")
                elif stat.S_ISREG(kind):
                    self.files[path] = entry.stat(follow_symlinks=False).st_size
                else:
                    self.odd.append(f"{path} is no plain file")
                if len(self.files) > MOST_FILES:
                    raise NotAPackage(str(self._folder), because=f"it has more than {MOST_FILES} files")

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of one file."""
        try:
            handle = os.open(self._folder / path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            with os.fdopen(handle, "rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror or error}") from error


class ZipPackage:
    """A package as a ZIP file."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self._zip = file
        self.odd: list[str] = []  # a ZIP file that is odd in its shape is none
        entries = [each for each in file.infolist() if not each.is_dir()]
        if not entries or len(entries) > MOST_FILES:
            raise NotAPackage(str(path), because=f"it holds {len(entries)} files")
        self._entries = {each.filename.partition("/")[2]: each for each in entries}
        self.files = {name: each.file_size for name, each in self._entries.items()}

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of one file."""
        entry = self._entries[path]
        try:
            with self._zip.open(entry) as file:
                while piece := file.read(PIECE):
                    yield piece
        except (OSError, zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
            raise Unreadable(f"{path}: {error}") from error
