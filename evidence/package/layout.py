"""Whether a ZIP file is its files and its list and nothing else: no two programs may read two packages from one file.

From its first byte on the files follow one another, each with its own header, then the list, then the end (PKWARE's
APPNOTE, 4.3). Bytes between them belong to nobody: no digest of a package is over them.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO, Final
from zipfile import ZIP_STORED, ZipInfo

from evidence.package.bag import NAME, is_top

END: Final = struct.Struct("<4s4HLLH")
LONG_END: Final = struct.Struct("<4sQHHLLQQQQ")
LOCATOR: Final = struct.Struct("<4sLQL")
LISTED_HEADER: Final = 46  # bytes of an entry of the list, without its name and its fields
HEADER: Final = struct.Struct("<4s5HLLLHH")
BEHIND: Final = struct.Struct("<4sLLL")  # sizes of a file that was written before they were known
LONG_BEHIND: Final = struct.Struct("<4sLQQ")
LATER, UTF8 = 0x8, 0x800  # flags: sizes stand behind the file; its name is UTF-8
SHORT_FULL, FULL = 0xFFFF, 0xFFFFFFFF  # the true number is in a longer field
SIZES: Final = 0x0001
# What fields beside an entry may be: long sizes, times (NTFS, Unix), owners. None of them gives it another name.
FIELDS: Final = {SIZES, 0x000A, 0x5455, 0x7875}


class Loose(Exception):
    """A ZIP file has bytes that belong to no file in its list, or says two things of one file; the words say which."""


def hold_names(entries: Sequence[ZipInfo]) -> None:
    """Hold the names of a ZIP file's entries to those of a package, each once. Raises Loose."""
    names = [each.orig_filename for each in entries]
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1 or len(set(names)) != len(names) or not all(map(is_top, tops)):
        raise Loose("the ZIP file has not one top folder with a plain name, or holds one name twice")
    files = {name for name in names if NAME.fullmatch(name.partition("/")[2])}
    folders = {f"{above}/" for name in files for above in accumulate(name.split("/")[:-1], "{}/{}".format)}
    for each in entries:
        said = each.orig_filename.isascii() or each.flag_bits & UTF8
        if not said or each.orig_filename not in (folders if each.is_dir() else files):
            raise Loose(f"the ZIP file holds {each.orig_filename[:200]!r}, which is no name that a package holds")


def hold_layout(stream: BinaryIO, size: int, entries: Sequence[ZipInfo]) -> None:
    """Hold the bytes of a ZIP file of that size against its list, as it was read. Raises Loose."""
    starts, at = _list_start(stream, size, entries), 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset != at:
            raise Loose(f"the ZIP file has bytes that belong to no file in its list, or to two, at byte {at}")
        at = _end_of(stream, entry)
    if at != starts:
        raise Loose(f"the ZIP file has bytes that belong to no file in its list, or to two, at byte {at}")


def _read(stream: BinaryIO, at: int, form: struct.Struct) -> tuple[int | bytes, ...]:
    data = _bytes(stream, at, form.size)
    return form.unpack(data)


def _bytes(stream: BinaryIO, at: int, length: int) -> bytes:
    if at < 0:
        raise Loose("the ZIP file is cut off")
    stream.seek(at)
    data = stream.read(length)
    if len(data) != length:
        raise Loose("the ZIP file is cut off")
    return data


def _list_start(stream: BinaryIO, size: int, entries: Sequence[ZipInfo]) -> int:
    """Where the list begins, which ends where the end begins. Raises Loose."""
    at = size - END.size
    mark, disk, first, here, count, length, starts, comment = _read(stream, at, END)
    if mark != b"PK\x05\x06" or comment:
        raise Loose("the ZIP file has a comment, or something follows after its end")
    long = _long_end(stream, at)
    if here != count:
        raise Loose("the ZIP file is one of several")
    if long is not None:
        at -= LOCATOR.size + LONG_END.size
        told = ((count, SHORT_FULL), (length, FULL), (starts, FULL))
        if any(short not in (full, true) for (short, full), true in zip(told, long, strict=True)):
            raise Loose("the ZIP file's two ends differ")
        count, length, starts = long
    listed = sum(LISTED_HEADER + len(name_of(each)) + len(each.extra) + len(each.comment) for each in entries)
    if (disk, first, count, length, starts) != (0, 0, len(entries), listed, at - listed):
        raise Loose("the ZIP file's list is not what its end says, or there are bytes between the two")
    return at - listed


def _long_end(stream: BinaryIO, at: int) -> tuple[int, int, int] | None:
    """Count, length and start of the list by the longer end before the end at `at`, where there is one."""
    before = at - LOCATOR.size - LONG_END.size
    if before < 0:
        return None
    mark, disk, where, disks = _read(stream, at - LOCATOR.size, LOCATOR)
    if mark != b"PK\x06\x07":
        return None
    begin, more, _, _, *rest = _read(stream, before, LONG_END)
    own, first, here, count, length, starts = (int(each) for each in rest)
    if (begin, more, disk, where, disks) != (b"PK\x06\x06", LONG_END.size - 12, 0, before, 1):
        raise Loose("the ZIP file's longer end cannot be read")
    if (own, first, here) != (0, 0, count):
        raise Loose("the ZIP file is one of several")
    return count, length, starts


def name_of(entry: ZipInfo) -> bytes:
    """An entry's name as its bytes."""
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & UTF8 else "cp437")


def _end_of(stream: BinaryIO, entry: ZipInfo) -> int:
    """Where an entry ends. Raises Loose where its own header says something else than the list."""
    at = entry.header_offset
    mark, _, flags, method, _, _, *numbers = _read(stream, at, HEADER)
    crc, packed, size, named, more = (int(each) for each in numbers)
    rest = _bytes(stream, at + HEADER.size, named + more)
    long = _fields(entry, rest[named:]).get(SIZES)
    if long is not None:
        size, packed = _long_sizes(entry, long, size, packed)
    true, unknown = (entry.CRC, entry.compress_size, entry.file_size), (0, 0, 0)
    alike = (mark, flags, method, rest[:named]) == (b"PK\x03\x04", entry.flag_bits, entry.compress_type, name_of(entry))
    later = bool(entry.flag_bits & LATER)
    if not alike or ((crc, packed, size) != true and not (later and (crc, packed, size) == unknown)):
        raise _two_things(entry)
    _hold_plain(entry)
    end = at + HEADER.size + named + more + entry.compress_size
    if not later:
        return end
    form = BEHIND if long is None else LONG_BEHIND
    if _read(stream, end, form) != (b"PK\x07\x08", *true):
        raise _two_things(entry)
    return end + form.size


def _hold_plain(entry: ZipInfo) -> None:
    """Raises Loose where the list says more of an entry than that it is a file, or a folder without bytes."""
    _fields(entry, entry.extra)
    if entry.comment or entry.filename != entry.orig_filename or (entry.is_dir() and entry.file_size):
        raise Loose(f"the ZIP file holds more of {entry.filename[:200]!r} than a file: a comment, or bytes of a folder")
    kind = stat.S_IFDIR if entry.is_dir() else stat.S_IFREG
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, kind):
        raise Loose(f"the ZIP file says that {entry.filename[:200]!r} is no plain file, and no plain folder")
    if entry.flag_bits & ~(LATER | UTF8) or entry.compress_type != ZIP_STORED or entry.file_size != entry.compress_size:
        raise Loose(f"the ZIP file holds {entry.filename[:200]!r} compressed or encrypted, and a package's are stored")


def _two_things(entry: ZipInfo) -> Loose:
    return Loose(f"the ZIP file says two different things of {entry.filename[:200]!r}")


def _fields(entry: ZipInfo, data: bytes) -> dict[int, bytes]:
    """The fields beside an entry, by their kind. Raises Loose for kinds that none in good faith needs."""
    found: dict[int, bytes] = {}
    while data:
        kind, length = struct.unpack("<HH", data[:4]) if len(data) >= 4 else (0, 0)
        if kind not in FIELDS or kind in found or len(data) < 4 + length:
            raise Loose(f"the ZIP file holds more beside {entry.filename[:200]!r} than its size, times and owner")
        found[kind], data = data[4 : 4 + length], data[4 + length :]
    return found


def _long_sizes(entry: ZipInfo, field: bytes, size: int, packed: int) -> tuple[int, int]:
    """The two sizes in a header by its field for long ones; those of 32 bits say the same or nothing."""
    if len(field) != 16:
        raise _two_things(entry)
    long: tuple[int, int] = struct.unpack("<QQ", field)
    if any(short not in (FULL, true) for short, true in zip((size, packed), long, strict=True)):
        raise _two_things(entry)
    return long
