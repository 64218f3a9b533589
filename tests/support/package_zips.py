"""Packages as ZIP files: made and re-made in good faith, and with something more or something else in them."""

from __future__ import annotations

import io
import struct
import subprocess
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from unittest.mock import patch

from typing_extensions import override

from evidence.package.bag import Bag, ZipStream, bag_at
from tests.support.package_maker import write, zipped

Files = dict[str, bytes]
WRONG_CRC = (
    "bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha512.txt", "custody/contents.json",
    "custody/events.jsonl", "custody/checkpoint.txt", "custody/report.pdf", "data/exhibits/R0000001/master.mp4",
)  # fmt: skip
HIDDEN = b"a film that nobody listed"
LISTED, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


# --- in good faith ----------------------------------------------------------------------------------------------------


class _OneWay(io.RawIOBase):
    """A stream that cannot be turned back, as the answer to a request."""

    def __init__(self) -> None:
        super().__init__()
        self.held = bytearray()

    @override
    def writable(self) -> bool:
        """It is for writing alone."""
        return True

    @override
    def write(self, data: object) -> int:
        """Hold it."""
        self.held += bytes(cast("bytes", data))
        return len(cast("bytes", data))


def _fill(bag: Bag, files: Files) -> None:
    for path, data in files.items():
        if not path.startswith("bag") and "manifest-" not in path:
            bag.put(path, data)
    bag.finish({"Bagging-Date": "2026-11-02"})


@contextmanager
def _everything_is_large() -> Iterator[None]:
    """What the library writes of files, places and numbers beyond 32 bits, it writes of these."""
    with patch.object(zipfile, "ZIP64_LIMIT", 100), patch.object(zipfile, "ZIP_FILECOUNT_LIMIT", 3):
        yield


def _by_maker(files: Files, path: Path) -> None:
    with bag_at(path) as bag:
        _fill(bag, files)


def _streamed(files: Files, path: Path) -> None:
    stream = _OneWay()
    _fill(Bag(ZipStream(cast("IO[bytes]", stream), top="package")), files)
    path.write_bytes(stream.held)


def _large(make: Callable[[Files, Path], None]) -> Callable[[Files, Path], None]:
    def made(files: Files, path: Path) -> None:
        with _everything_is_large():
            make(files, path)

    return made


def _by_info_zip(files: Files, path: Path) -> None:
    """With entries for folders, and extra fields of times and owners."""
    folder = path.with_suffix(".folder")
    write(files, folder / "package")
    subprocess.run(["zip", "-0", "-q", "-r", str(path.resolve()), "package"], cwd=folder, check=True)


def _by_library(files: Files, path: Path) -> None:
    zipped(files, path)


def _called(top: str, *folders: str) -> Callable[[Files, Path], None]:
    """With a top folder of another name, and entries for folders."""

    def make(files: Files, path: Path) -> None:
        with zipfile.ZipFile(zipped(files, path, top=top), "a") as archive:
            for each in folders:
                archive.mkdir(f"{top}/{each}")

    return make


GENUINE: Mapping[str, Callable[[Files, Path], None]] = {
    "made": _by_maker,
    "streamed": _streamed,
    "made, and large": _large(_by_maker),
    "streamed, and large": _large(_streamed),
    "by the library": _by_library,
    "by Info-ZIP": _by_info_zip,
    "with another name": _called("Fall 12 (Tŷ), copy.2"),
    "with entries for folders": _called("package", "", "data/exhibits/", "custody/"),
}


# --- with more, or with something else --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Twist:
    """What is done while a ZIP file is written: bytes of no entry `before` entry number, an entry's other `extra`."""

    before: int | None = None
    extra: bytes = b""
    comment: bytes = b""
    whole_comment: bytes = b""
    unlisted: bool = False
    folder: bytes | None = None
    top: str = "package"
    more: str = ""
    kind: int = 0


def _written(files: Files, twist: _Twist) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (path, data) in enumerate(sorted(files.items())):
            _hide(archive, number == twist.before)
            entry = zipfile.ZipInfo(f"{twist.top}/{path}")
            entry.extra, entry.comment = (twist.extra, twist.comment) if number == 1 else (b"", b"")
            archive.writestr(entry, data)
        if twist.more:
            entry = zipfile.ZipInfo(twist.more)
            entry.external_attr = twist.kind << 16
            archive.writestr(entry, b"")
        if twist.folder is not None:
            archive.writestr("package/more/", twist.folder)
        if twist.unlisted:
            archive.writestr("package/data/unlisted.mp4", HIDDEN)
            archive.filelist.pop()
        _hide(archive, twist.before == -1)
        archive.comment = twist.whole_comment
    return buffer.getvalue()


def _hide(archive: zipfile.ZipFile, now: bool) -> None:
    if now:
        assert archive.fp is not None
        archive.fp.seek(archive.start_dir)
        archive.fp.write(HIDDEN)
        archive.start_dir += len(HIDDEN)


def _field(head: bytes, at: int, form: str, value: int, which: int = 0) -> Callable[[bytes], bytes]:
    """One field of the header that comes after `which` others of its kind."""

    def change(data: bytes) -> bytes:
        place = -1
        for _ in range(which + 1):
            place = data.index(head, place + 1)
        size = struct.calcsize(form)
        return data[: place + at] + struct.pack(form, value) + data[place + at + size :]

    return change


def with_wrong_crc(files: Files, path: str) -> bytes:
    """The ZIP file says of one file, in both of its places, that it has another CRC-32."""
    place, data = sorted(files).index(path), _plain(files)
    for head, at in ((LOCAL, 14), (LISTED, 16)):
        data = _field(head, at, "<L", 1, which=place)(data)
    return data


def _renamed(data: bytes) -> bytes:
    return data.replace(b"package/bagit.txt", b"package/bagit.tXt", 1)


def _over_the_next(data: bytes) -> bytes:
    """The first entry is so long that it holds the second one too, by both of its headers."""
    (size,) = struct.unpack_from("<L", data, 22)
    longer = size + data.index(LOCAL, data.index(LOCAL, 4) + 4) - data.index(LOCAL, 4)
    for head, at in ((LOCAL, 18), (LOCAL, 22), (LISTED, 20), (LISTED, 24)):
        data = _field(head, at, "<L", longer)(data)
    return data


def _before_the_end(data: bytes) -> bytes:
    place = data.rindex(END)
    return data[:place] + HIDDEN + data[place:]


def _moved(data: bytes) -> bytes:
    """Bytes before all else, and every place in the file told anew."""
    with io.BytesIO(HIDDEN) as buffer:
        buffer.seek(0, 2)
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "a") as new:
            for each in old.infolist():
                new.writestr(each.filename, old.read(each))
        return buffer.getvalue()


def _descriptor(data: bytes) -> bytes:
    place = data.index(b"PK\x07\x08") + 4
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _plain(files: Files) -> bytes:
    return _written(files, _Twist())


def _stream(files: Files) -> bytes:
    stream = _OneWay()
    _fill(Bag(ZipStream(cast("IO[bytes]", stream), top="package")), files)
    return bytes(stream.held)


def _twisted(twist: _Twist) -> Callable[[Files], bytes]:
    def made(files: Files) -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _written(files, twist)

    return made


def _changed(change: Callable[[bytes], bytes], of: Callable[[Files], bytes] = _plain) -> Callable[[Files], bytes]:
    return lambda files: change(of(files))


TWISTED: Mapping[str, Callable[[Files], bytes]] = {
    "bytes before it": _changed(lambda data: HIDDEN + data),
    "bytes before its first file": _changed(_moved),
    "bytes that are one of no file, before the first": _twisted(_Twist(before=0)),
    "bytes between two files": _twisted(_Twist(before=3)),
    "bytes between the last file and the list": _twisted(_Twist(before=-1)),
    "bytes between the list and the end": _changed(_before_the_end),
    "bytes behind its end": _changed(lambda data: data + HIDDEN),
    "a comment": _twisted(_Twist(whole_comment=HIDDEN)),
    "a comment beside a file": _twisted(_Twist(comment=HIDDEN)),
    "a field beside a file that nobody knows": _twisted(_Twist(extra=struct.pack("<HH", 0xCAFE, 25) + HIDDEN)),
    "a file that is in no list": _twisted(_Twist(unlisted=True)),
    "a folder with bytes of its own": _twisted(_Twist(folder=HIDDEN)),
    "two names of one file": _changed(_renamed),
    "two digests of one file": _changed(_field(LOCAL, 14, "<L", 1)),
    "two sizes of one file": _changed(_field(LOCAL, 22, "<L", 1)),
    "two packed sizes of one file": _changed(_field(LOCAL, 18, "<L", 1)),
    "two kinds of packing of one file": _changed(_field(LOCAL, 8, "<H", 8)),
    "two kinds of flags of one file": _changed(_field(LOCAL, 6, "<H", 2)),
    "a file over the next": _changed(_over_the_next),
    "two files at one place": _changed(_field(LISTED, 42, "<L", 0, which=1)),
    "another count in its end": _changed(_field(END, 8, "<H", 1)),
    "another count in its end, twice": _changed(_field(END, 8, "<L", 0x00010001)),
    "a part of several": _changed(_field(END, 4, "<L", 0x00010001)),
    "a link to another file": _changed(_field(LISTED, 38, "<L", 0o120777 << 16)),
    "a folder that is a link": _twisted(_Twist(more="package/custody/", kind=0o120777)),
    "a folder that is a plain file": _twisted(_Twist(more="package/custody/", kind=0o100644)),
    "a folder with the name of a file": _twisted(_Twist(more="package/custody/verify.py/")),
    "a folder that nobody knows": _twisted(_Twist(more="package/other/evil folder/")),
    "a folder that is known and empty": _twisted(_Twist(more="package/custody/tst/")),
    "a folder beside the top folder": _twisted(_Twist(more="others/")),
    "a file beside the top folder": _twisted(_Twist(more="others/file")),
    "a file with the name of the top folder": _twisted(_Twist(more="package")),
    "a file above": _twisted(_Twist(more="package/data/../../x")),
    "a file with a name of a shell": _twisted(_Twist(more="package/-x")),
    "a file twice": _twisted(_Twist(more="package/bagit.txt")),
    "the top folder above": _twisted(_Twist(top="..")),
    "the top folder itself": _twisted(_Twist(top=".")),
    "a folder from the root": _twisted(_Twist(top="/abs")),
    "a top folder without a name": _twisted(_Twist(top="")),
    "a drive": _twisted(_Twist(top="C:")),
    "a folder of another system": _twisted(_Twist(top="a\\b")),
    "a folder that ends in a space": _twisted(_Twist(top="package ")),
    "a folder that begins with a space": _twisted(_Twist(top=" package")),
    "a folder with a line feed": _twisted(_Twist(top="pack\nage")),
    "a folder whose letters run backwards": _twisted(_Twist(top="p\u202ekg")),
    "a folder with a letter that nobody sees": _twisted(_Twist(top="p\u200bkg")),
    "a folder whose name is too long": _twisted(_Twist(top="ö" * 128)),
    "a name in letters that are not said": _changed(lambda data: data.replace(b"package/", b"p\x84ckage/")),
    "flags for another way of packing": _changed(
        lambda data: _field(LISTED, 8, "<H", 2)(_field(LOCAL, 6, "<H", 2)(data))
    ),
    "an encrypted file": _changed(lambda data: _field(LISTED, 8, "<H", 1)(_field(LOCAL, 6, "<H", 1)(data))),
    "a device": _changed(_field(LISTED, 38, "<L", 0o020666 << 16)),
    "another digest behind a file": _changed(_descriptor, _stream),
}
