"""Tells a NAL unit of H.264 or H.265 from other bytes, by what the standards allow it to begin and end with.

A file without an index has no list of its pictures. What is known is that each unit stands behind its own length in
four bytes (ISO 14496-15, 5.3.3), that nothing inside it looks like a start code (ITU-T H.264, 7.4.1), and how its
header reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

START_CODE: Final = b"\x00\x00\x00\x01"
FORBIDDEN: Final = re.compile(rb"\x00\x00(?:[\x00-\x02]|\x03[^\x00-\x03])")
MOST_SETS: Final = 64
LARGEST_SET: Final = 4096
LARGEST_MESSAGE: Final = 32 << 10
MOST_MESSAGES: Final = 64
MOST_AHEAD: Final = 2
"""Frame numbers that may be missing between two pictures, and one more: nobody loses them without a gap."""
HIGH: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose parameter sets say more (ITU-T H.264, 7.3.2.1.1)."""
PROFILES: Final = frozenset({66, 77, 88}) | HIGH
BEFORE: Final = {"h264": frozenset({6, 7, 8, 9}), "hevc": frozenset({32, 33, 34, 35, 39})}
"""Units that begin a new picture where they follow a slice."""
SETS: Final = {"h264": (7, 8), "hevc": (32, 33, 34)}
HEADS: Final = {
    "h264": re.compile(
        rb"(?=[\x00-\x03][\x00-\xff]{3}[\x01\x05-\x09\x21\x25\x27\x28\x41\x45\x47\x48\x61\x65\x67\x68])"
    ),
    "hevc": re.compile(rb"(?=[\x00-\x03][\x00-\xff]{3}[\x00-\x13\x20-\x2b\x40-\x4e][\x01-\x07])"),
}
"""What a unit with its length can begin with."""
SETS_BEGIN: Final = {
    "h264": re.compile(rb"(?=\x00\x00[\x00-\x0f][\x00-\xff][\x27\x47\x67][\x42\x4d\x58\x64\x6e\x7a\xf4])"),
    "hevc": re.compile(rb"(?=\x00\x00[\x00-\x0f][\x00-\xff]\x40\x01\x0c)"),
}


class EndOfBits(ValueError):
    """A header that goes on behind its own end."""


class Bits:
    """Reads numbers as the standards write them. Raises EndOfBits behind the end."""

    def __init__(self, data: bytes) -> None:
        plain = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value, self._left = int.from_bytes(plain, "big"), 8 * len(plain)

    def take(self, count: int) -> int:
        """The next bits as a number."""
        if count > self._left:
            raise EndOfBits
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def number(self) -> int:
        """An Exp-Golomb number without a sign: ue(v)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise EndOfBits
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """An Exp-Golomb number with its sign: se(v)."""
        code = self.number()
        return (code + 1) // 2 if code % 2 else -(code // 2)


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit as far as it can be told. `picture`: the first slice of a picture; `slice`: any slice.

    `number` and `first`: a slice's frame number and first macroblock, in H.264.
    """

    kind: int
    slice: bool = False
    picture: bool = False
    key: bool = False
    number: int = 0
    first: int = 0


@dataclass(slots=True)
class Reader:
    """Tells units of one codec, with the parameter sets that its slices name."""

    codec: str
    sets: list[bytes]
    pictures: set[int] = field(default_factory=set)
    number_bits: int = 0
    separate: bool = False
    last: Unit | None = None

    def __post_init__(self) -> None:
        for each in self.sets:
            self._learn(each)

    def _learn(self, body: bytes) -> None:
        try:
            if self.codec == "h264" and body[0] & 31 == 7:
                self.number_bits, self.separate = number_bits(body)
            elif self.codec == "h264":
                self.pictures.add(Bits(body[1:20]).number())
            elif body[0] >> 1 == 34:
                self.pictures.add(Bits(body[2:20]).number())
        except EndOfBits:
            return

    def read(self, body: bytes, *, chained: bool) -> Unit | None:
        """What a unit is, or nothing where no encoder writes it. `chained`: it stands right behind another."""
        if len(body) < 2:
            return None
        unit = self._h264(body, chained=chained) if self.codec == "h264" else self._hevc(body, chained=chained)
        return None if unit is None or FORBIDDEN.search(body.rstrip(b"\x00")) else unit

    def begins(self, head: bytes, length: int, *, chained: bool) -> bool:
        """Whether a unit of some length may begin like this: a slice that follows, or a message to be read whole."""
        kind = head[0] & 31 if self.codec == "h264" else head[0] >> 1
        is_slice = kind in (1, 5) if self.codec == "h264" else kind < 32
        return self.read(head, chained=chained) is not None if is_slice else length <= LARGEST_MESSAGE

    def follow(self, unit: Unit) -> None:
        """This unit is taken: the next one has to follow it."""
        if unit.slice:
            self.last = unit

    def forget(self) -> None:
        """So much was lost that the next unit need not follow the last one."""
        self.last = None

    def _h264(self, body: bytes, *, chained: bool) -> Unit | None:
        weight, kind = body[0] >> 5, body[0] & 31
        if weight > 3 or (kind in (5, 7, 8) and not weight) or (kind in (6, 9, 10, 11, 12) and weight):
            return None
        if kind in (1, 5):
            return self._slice(body, kind, chained=chained)
        if kind in (7, 8):
            likely = body[1] in PROFILES if kind == 7 else chained
            return Unit(kind) if body in self.sets or (likely and len(body) < LARGEST_SET) else None
        if kind == 9:
            return Unit(kind) if len(body) == 2 and body[1] & 31 == 16 else None
        return Unit(kind) if kind == 6 and is_message(body[1:]) else None

    def _slice(self, body: bytes, kind: int, *, chained: bool) -> Unit | None:
        """ITU-T H.264, 7.3.3: first macroblock, type, parameter set, and the number that goes up by one."""
        try:
            bits = Bits(body[1:24])
            first, shape, pictures = bits.number(), bits.number(), bits.number()
            if first > 139_264 or shape > 9 or pictures not in self.pictures or (kind == 5 and shape % 5 in (0, 1, 3)):
                return None
            if self.separate:
                bits.take(2)
            number = bits.take(self.number_bits)
        except EndOfBits:
            return None
        unit = Unit(kind, slice=True, picture=first == 0, key=kind == 5, number=number, first=first)
        return unit if self._follows(unit, chained=chained) else None

    def _follows(self, unit: Unit, *, chained: bool) -> bool:
        last = self.last
        if not unit.picture:
            return chained and last is not None and unit.number == last.number and unit.first > last.first
        if unit.key:
            return unit.number == 0
        return last is None or (unit.number - last.number) % (1 << self.number_bits) <= MOST_AHEAD

    def _hevc(self, body: bytes, *, chained: bool) -> Unit | None:
        """ITU-T H.265, 7.3.1.2 and 7.3.6.1."""
        kind, layer, level = body[0] >> 1, (body[0] & 1) << 5 | body[1] >> 3, body[1] & 7
        if body[0] & 0x80 or layer or not level:
            return None
        if kind <= 9 or 16 <= kind <= 21:
            return self._segment(body, kind, chained=chained)
        if kind in (32, 33, 34):
            return Unit(kind) if body in self.sets or (chained and len(body) < LARGEST_SET) else None
        if kind == 35:
            return Unit(kind) if len(body) == 3 and body[2] & 31 == 16 else None
        return Unit(kind) if kind in (39, 40) and is_message(body[2:]) else None

    def _segment(self, body: bytes, kind: int, *, chained: bool) -> Unit | None:
        try:
            bits = Bits(body[2:24])
            first = bool(bits.take(1))
            if kind >= 16:
                bits.take(1)
            if bits.number() not in self.pictures or not (first or chained):
                return None
        except EndOfBits:
            return None
        return Unit(kind, slice=True, picture=first, key=16 <= kind <= 21)


def is_message(body: bytes) -> bool:
    """Supplemental information: kinds and sizes that add up to its end (ITU-T H.264, 7.3.2.3)."""
    plain, place = body.replace(b"\x00\x00\x03", b"\x00\x00").rstrip(b"\x00"), 0
    for _ in range(MOST_MESSAGES):
        if place + 2 >= len(plain):
            break
        values = []
        for _half in range(2):
            value = 0
            while place < len(plain) and plain[place] == 0xFF:
                value, place = value + 255, place + 1
            if place >= len(plain):
                return False
            values.append(value + plain[place])
            place += 1
        place += values[1]
    return place == len(plain) - 1 and plain[place] == 0x80


def number_bits(body: bytes) -> tuple[int, bool]:
    """How many bits frame numbers have, and whether colours are coded apart (ITU-T H.264, 7.3.2.1.1).

    Raises EndOfBits.
    """
    _, found, apart = to_numbers(body)
    return found, apart


def to_numbers(body: bytes) -> tuple[Bits, int, bool]:
    """A sequence parameter set read as far as `number_bits` needs it, and what that gives. Raises EndOfBits."""
    if len(body) < 2:
        raise EndOfBits
    bits, profile, apart = Bits(body[4:400]), body[1], False
    bits.number()
    if profile in HIGH:
        chroma = bits.number()
        apart = bool(chroma == 3 and bits.take(1))
        bits.number(), bits.number(), bits.take(1)
        if bits.take(1):
            for place in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_scaling(bits, 16 if place < 6 else 64)
    found = bits.number() + 4
    if found > 16:
        raise EndOfBits
    return bits, found, apart


def _skip_scaling(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def sets_of(codec: str, extradata: bytes) -> list[bytes]:
    """The parameter sets in a configuration record, avcC or hvcC (ISO 14496-15, 5.3.3 and 8.3.3), or behind start
    codes; none where it makes no sense.
    """
    if extradata[:3] == b"\x00\x00\x01" or extradata[:4] == START_CODE:
        parts = re.split(rb"\x00\x00\x01", extradata)
        return kept(codec, [part.rstrip(b"\x00") for part in parts])
    found: list[bytes] = []
    if codec == "h264" and len(extradata) > 6 and extradata[0] == 1:
        place = _take(extradata, 6, extradata[5] & 31, found)
        if place < len(extradata):
            _take(extradata, place + 1, extradata[place], found)
    elif codec == "hevc" and len(extradata) > 23:
        place = 23
        for _ in range(min(extradata[22], MOST_SETS)):
            count = int.from_bytes(extradata[place + 1 : place + 3], "big")
            place = _take(extradata, place + 3, count, found)
    return kept(codec, found)


def _take(data: bytes, place: int, count: int, found: list[bytes]) -> int:
    for _ in range(min(count, MOST_SETS)):
        size = int.from_bytes(data[place : place + 2], "big")
        found.append(data[place + 2 : place + 2 + size])
        place += 2 + size
    return place


def kept(codec: str, units: Sequence[bytes]) -> list[bytes]:
    """Those of the units that are parameter sets, each once, in their order."""
    shift = 0x1F if codec == "h264" else 0x7E
    down = 0 if codec == "h264" else 1
    wanted = [each for each in units if 1 < len(each) <= LARGEST_SET and (each[0] & shift) >> down in SETS[codec]]
    return list(dict.fromkeys(wanted))[:MOST_SETS]


def complete(codec: str, sets: Sequence[bytes]) -> bool:
    """At least one of each kind that a decoder needs."""
    shift, down = (0x1F, 0) if codec == "h264" else (0x7E, 1)
    return set(SETS[codec]) <= {(each[0] & shift) >> down for each in sets}
