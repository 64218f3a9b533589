"""Finds the pictures in a file that has no index: walks from unit to unit, and searches where the walk breaks.

Between the pictures lie sound and what else a device writes; none of it says where it begins. Memory is bounded by
the largest unit: what is found goes out at once.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from transcode.inside.opening import Readable
from transcode.inside.units import HEADS, LARGEST_SET, SETS_BEGIN, Reader, Unit, complete, kept

LARGEST_UNIT: Final = 8 << 20
LARGEST_FIRST: Final = 4 << 20
LARGEST_FOUND: Final = 256 << 10
"""This much, or four times the largest unit so far: no length is believed further."""
NEAR: Final = 8 << 10
PEEK: Final = 64
PIECE: Final = 64 << 10
LOST: Final = 1 << 20
"""Bytes after which a unit need no longer follow the last one."""
BOXES: Final = 64
KNOWN: Final = (b"ftyp", b"free", b"skip", b"wide", b"uuid", b"pnot", b"moov", b"udta", b"meta", b"styp", b"sidx")


class Bytes:
    """A file at any place, as much as is asked for."""

    def __init__(self, raw: Readable, size: int, limit: int | None = None) -> None:
        self._raw, self.size = raw, size if limit is None else min(size, limit)

    def at(self, place: int, length: int) -> bytes:
        """Bytes at a place, less at the end only."""
        length = min(length, self.size - place)
        if length <= 0:
            return b""
        self._raw.seek(place, os.SEEK_SET)
        data = self._raw.read(length)
        while len(data) < length:
            more = self._raw.read(length - len(data))
            if not more:
                break
            data += more
        return data


def media_begins(raw: Bytes) -> int:
    """Where the media begin: behind the header of the first mdat (ISO 14496-12, 4.2 and 8.1.1), or where boxes end
    to make sense.
    """
    place = 0
    for _ in range(BOXES):
        head = raw.at(place, 16)
        if len(head) < 16:
            return min(place, raw.size)
        length, kind = struct.unpack(">I4s", head[:8])
        if kind == b"mdat":
            return place + (16 if length == 1 else 8)
        if length == 1:
            (length,) = struct.unpack(">Q", head[8:])
        if kind not in KNOWN or length < 8 or place + length > raw.size:
            return place
        place += length
    return place


@dataclass(slots=True)
class Found:
    """What was walked over, in bytes; `blank` are zeros that a device reserved and never wrote."""

    used: int = 0
    passed: int = 0
    blank: int = 0
    cut: bool = False


@dataclass(slots=True)
class Walk:
    """One walk from a place to the end. `gaps` are handed out too, where `gap` is set, for whoever reads sound."""

    raw: Bytes
    reader: Reader
    place: int
    found: Found = field(default_factory=Found)
    _largest: int = 0
    _lost: int = 0

    def units(self) -> Iterator[tuple[Unit, bytes, int]]:
        """Each unit with its bytes, and how many bytes lay before it that are none of its kind."""
        gap, chained = 0, False
        while self.place < self.raw.size:
            taken = self._at(self.place, chained=chained)
            if taken is not None and not self._is_doubtful(taken):
                self._take(*taken)
                yield *taken, gap
                gap, chained = 0, True
                continue
            chained = False
            skipped = self._search()
            gap += skipped
            self.found.passed += skipped

    def _take(self, unit: Unit, body: bytes) -> None:
        self.reader.follow(unit)
        self.place += 4 + len(body)
        self.found.used += 4 + len(body)
        self._largest, self._lost = max(self._largest, len(body) if unit.slice else 0), 0

    def _at(self, place: int, *, chained: bool = False) -> tuple[Unit, bytes] | None:
        """The unit at a place, if it can be one."""
        head = self.raw.at(place, 6)
        length = int.from_bytes(head[:4], "big")
        most = max(LARGEST_FOUND, 4 * self._largest) if self._largest else LARGEST_FIRST
        # Most of what is no unit shows in its first bytes: the rest need not be fetched.
        if not 2 <= length <= min(most, LARGEST_UNIT) or not HEADS[self.reader.codec].match(head):
            return None
        if length > PEEK and not self.reader.begins(self.raw.at(place + 4, PEEK), length, chained=chained):
            return None
        body = self.raw.at(place + 4, length)
        unit = self.reader.read(body, chained=chained) if len(body) == length else None
        if unit is None:
            self.found.cut |= chained and len(body) < length
            return None
        return unit, body

    def _is_doubtful(self, taken: tuple[Unit, bytes]) -> bool:
        """Sound may look like the length and head of a unit, and would take the pictures behind it along: where a
        unit begins within another, the one that leads on to more is the right one.
        """
        _, body = taken
        for match in HEADS[self.reader.codec].finditer(body, 0, min(NEAR, len(body))):
            inner = self._at(self.place + 4 + match.start()) if len(body) > 16 else None
            if inner is not None and self._leads_on(self.place + 8 + match.start() + len(inner[1])):
                return not self._leads_on(self.place + 4 + len(body))
        return False

    def _leads_on(self, place: int) -> bool:
        """A unit begins at a place or near behind it, or the file ends there."""
        near = self.raw.at(place, NEAR)
        if len(near) < NEAR:
            return True
        return any(self._at(place + match.start()) for match in HEADS[self.reader.codec].finditer(near))

    def _search(self) -> int:
        """Go on to the next place where a unit may begin; how far that was."""
        began = self.place
        piece = self.raw.at(self.place + 1, PIECE)
        match = HEADS[self.reader.codec].search(piece)
        # The last bytes of a piece may be the beginning of what the next one shows whole.
        self.place += 1 + (match.start() if match else max(len(piece) - 6, 0 if len(piece) > 6 else len(piece)))
        passed = self.place - began
        if not match and piece.count(0) == len(piece):
            self.found.blank += passed
        self._lost += passed
        if self._lost > LOST:
            self.reader.forget()
        return passed


def sets_in(raw: Bytes, begins: int, codec: str) -> list[bytes]:
    """The first parameter sets that stand between the pictures, one behind another; none where there are none."""
    place = begins
    while place < raw.size:
        piece = raw.at(place, PIECE)
        for match in SETS_BEGIN[codec].finditer(piece):
            found = _chain_of_sets(raw, place + match.start(), codec)
            if complete(codec, found):
                return found
        if len(piece) < PIECE:
            break
        place += len(piece) - 8
    return []


def _chain_of_sets(raw: Bytes, place: int, codec: str) -> list[bytes]:
    found: list[bytes] = []
    for _ in range(8):
        length = int.from_bytes(raw.at(place, 4), "big")
        if not 2 <= length <= LARGEST_SET:
            break
        body = raw.at(place + 4, length)
        if len(body) < length or not kept(codec, [body]):
            break
        found.append(body)
        place += 4 + length
    return kept(codec, found)
