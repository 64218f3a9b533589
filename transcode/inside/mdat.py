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
LARGEST_FOUND: Final = 256 << 10
"""At first, and four times the largest unit so far: a length that was found by searching is not believed further."""
PIECE: Final = 64 << 10
LOST: Final = 1 << 20
"""Bytes after which a searcher no longer insists on the next number in the row."""
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
    cut: int = 0


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
        gap, in_chain = 0, False
        while self.place < self.raw.size:
            taken = self._here(strict=not in_chain)
            if taken is not None:
                unit, body = taken
                yield unit, body, gap
                gap, in_chain = 0, True
                continue
            in_chain = False
            skipped = self._search()
            gap += skipped
            self.found.passed += skipped

    def _here(self, *, strict: bool) -> tuple[Unit, bytes] | None:
        head = self.raw.at(self.place, 4)
        length = int.from_bytes(head, "big")
        most = max(LARGEST_FOUND, 4 * self._largest) if strict else LARGEST_UNIT
        if len(head) < 4 or not 2 <= length <= min(most, LARGEST_UNIT):
            return None
        # Most of what is no unit shows in its first bytes: the rest need not be fetched.
        if not strict or HEADS[self.reader.codec].match(head + self.raw.at(self.place + 4, 2)):
            return self._whole(length, strict=strict)
        return None

    def _whole(self, length: int, *, strict: bool) -> tuple[Unit, bytes] | None:
        body = self.raw.at(self.place + 4, length)
        if len(body) < length:
            self.found.cut = 1 if not strict else self.found.cut
            return None
        unit = self.reader.read(body, strict=strict and self._lost < LOST)
        if unit is None:
            return None
        self.place += 4 + length
        self.found.used += 4 + length
        self._largest, self._lost = max(self._largest, length), 0
        return unit, body

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
