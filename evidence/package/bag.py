"""Writes a bag (BagIt 1.0, RFC 8493): a folder, or one ZIP file, whose manifests are made while it is written.

Everything is written beside the place under another name, and gets its own name as the last act. What was
interrupted has no name of a package, and no `bagit.txt` either: that is written last.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from evidence.errors import NoFolder
from evidence.package.errors import NameTaken, NotWritten

BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
ALGORITHMS = ("sha256", "sha512")
TOP = re.compile(r'(?! )[^/\\:*?"<>|]+(?<![ .])')
LONGEST_TOP = 255  # bytes
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # kinds of characters that turn, hide or break a line
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def is_top(name: str) -> bool:
    """Whether a ZIP file's one top folder may have this name: it is unpacked where one stands, and reads as it is."""
    plain = TOP.fullmatch(name) is not None and not any(unicodedata.category(each) in UNSEEN for each in name)
    return plain and len(name.encode()) <= LONGEST_TOP


@dataclass(frozen=True, slots=True)
class Written:
    """One file of a bag: digests in lower-case hex, size in bytes."""

    path: str
    sha256: str
    sha512: str
    size: int


class Place(Protocol):
    """Where the files of a bag go."""

    def opened(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """A file to write from its start to its end, once."""
        ...

    def close(self) -> None:
        """Everything has been written: give it its name."""
        ...

    def abandon(self) -> None:
        """Leave nothing behind."""
        ...


class FolderPlace:
    """A folder, written beside its place and renamed at the end. Raises NameTaken."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._draft = folder, _draft(folder)
        self._draft.mkdir()

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        """A file to write, on the disk when the block has ended."""
        where = self._draft / path
        where.parent.mkdir(parents=True, exist_ok=True)
        with where.open("xb") as file:
            yield file
            _settle(file)

    def close(self) -> None:
        """Give the folder its name."""
        if self._folder.exists():
            raise NameTaken(str(self._folder))
        self._draft.rename(self._folder)
        _settle_folder(self._folder.parent)

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self._draft, ignore_errors=True)


class ZipPlace:
    """A ZIP file with one top folder, stored and not compressed. Raises NameTaken."""

    def __init__(self, file: Path) -> None:
        self._file, self._draft = file, _draft(file)
        self._stream = self._draft.open("xb")
        self._inside = ZipStream(self._stream, top=file.stem if is_top(file.stem) else "package")

    def opened(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """A file in the ZIP file."""
        return self._inside.opened(path)

    def close(self) -> None:
        """End the ZIP file and give it its name."""
        self._inside.close()
        _settle(self._stream)
        self._stream.close()
        if self._file.exists():
            raise NameTaken(str(self._file))
        self._draft.rename(self._file)
        _settle_folder(self._file.parent)

    def abandon(self) -> None:
        """Remove what was written."""
        self._inside.abandon()
        with suppress(OSError):
            self._stream.close()
        self._draft.unlink(missing_ok=True)


class ZipStream:
    """A ZIP file that goes into a stream which nobody can turn back, such as the answer to a request."""

    def __init__(self, stream: IO[bytes], *, top: str) -> None:
        self._top = top
        self._zip = zipfile.ZipFile(stream, "w", compression=zipfile.ZIP_STORED, allowZip64=True)

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        """A file in the ZIP file."""
        entry = zipfile.ZipInfo(f"{self._top}/{path}", date_time=ZIP_EPOCH)
        entry.external_attr = 0o100644 << 16
        with self._zip.open(entry, "w", force_zip64=True) as file:
            yield file

    def close(self) -> None:
        """Write the list of what is in it."""
        self._zip.close()

    def abandon(self) -> None:
        """The stream ends in the middle: without its list nothing can take it for a whole ZIP file."""
        self._zip.fp = None  # or it would write that list when it is forgotten


class Bag:
    """Writes files into a place and keeps their digests; `finish` writes what makes a bag of them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._written: dict[str, Written] = {}

    def add(self, path: str, pieces: Iterable[bytes]) -> Iterator[int]:
        """Write one file, piece by piece; yields the size of each piece once it is written."""
        if not NAME.fullmatch(path) or path in self._written:
            raise ValueError(f"{path!r} is not the name of a new file of a bag")
        digests = [hashlib.new(name) for name in ALGORITHMS]
        size = 0
        with self._place.opened(path) as file:
            for piece in pieces:
                for digest in digests:
                    digest.update(piece)
                file.write(piece)
                size += len(piece)
                yield len(piece)
        self._written[path] = Written(path, digests[0].hexdigest(), digests[1].hexdigest(), size)

    def put(self, path: str, body: bytes) -> Written:
        """Write one small file."""
        for _ in self.add(path, (body,)):
            pass
        return self._written[path]

    def written(self, path: str) -> Written:
        """What was written under that name."""
        return self._written[path]

    def finish(self, described: Mapping[str, str]) -> None:
        """Write bag-info, the manifests and, last of all, bagit.txt; then the bag gets its name."""
        payload = [each for path, each in sorted(self._written.items()) if path.startswith("data/")]
        oxum = f"{sum(each.size for each in payload)}.{len(payload)}"
        lines = [f"{name}: {value}" for name, value in {**described, "Payload-Oxum": oxum}.items()]
        self.put("bag-info.txt", "".join(f"{line}\n" for line in lines).encode())
        for name in ALGORITHMS:
            self.put(f"manifest-{name}.txt", _manifest(name, payload))
        bagit = Written("bagit.txt", hashlib.sha256(BAGIT).hexdigest(), hashlib.sha512(BAGIT).hexdigest(), len(BAGIT))
        tags = [each for path, each in self._written.items() if not path.startswith("data/")]
        tags = sorted([*tags, bagit], key=lambda each: each.path)
        for name in ALGORITHMS:
            self.put(f"tagmanifest-{name}.txt", _manifest(name, tags))
        self.put("bagit.txt", BAGIT)
        self._place.close()


@contextmanager
def bag_at(out: Path) -> Iterator[Bag]:
    """A bag at a place on a disk: a ZIP file where its name ends in `.zip`, else a folder.

    Raises NameTaken and NoFolder before anything is written, NotWritten where the disk is full or the place is not
    ours; in these and all other errors nothing is left at the place.
    """
    with ExitStack() as undo, _told(out):
        place: FolderPlace | ZipPlace = ZipPlace(out) if out.suffix.lower() == ".zip" else FolderPlace(out)
        undo.callback(place.abandon)
        yield Bag(place)
        # Renamed by now: what `abandon` would remove is not there any more.


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotWritten(str(out), because=error.strerror or str(error)) from error


def _draft(place: Path) -> Path:
    """The name under which a bag is written: beside its place, so that renaming it is one step."""
    if place.exists() or place.is_symlink():
        raise NameTaken(str(place))
    if not place.parent.is_dir():
        raise NoFolder(str(place.parent), wanted=place.name)
    return place.parent / f".{place.name}.{os.getpid()}-{os.urandom(4).hex()}.unfinished"


def _manifest(algorithm: str, files: Iterable[Written]) -> bytes:
    return "".join(f"{getattr(each, algorithm)}  {each.path}\n" for each in files).encode()


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _settle_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
