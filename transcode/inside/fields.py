"""Tells which packets of H.264 are the second field of a picture whose first field came in the packet before.

AVCHD and broadcast recordings code a picture as two fields (ITU-T H.264, 3.30 and 7.4.1.2.4), and a transport stream
gives each field a packet of its own. A decoder makes one picture of both, shown when the first one is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from transcode.inside.units import Bits, EndOfBits, to_numbers

HEADER: Final = 24
"""Bytes in which a slice says which field it is of."""
SLICES: Final = (1, 5)
IDR_SLICE: Final = 5
SEQUENCE, PICTURE = 7, 8


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a sequence parameter set says of slices: bits of a frame's number, colours apart, whole frames only."""

    bits: int
    apart: bool
    frames_only: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `number`: its frame's, which both share."""

    number: int
    bottom: bool


class Fields:
    """Follows the fields of one stream, packet by packet, in decoding order."""

    def __init__(self) -> None:
        self._sequences: dict[int, Sequence] = {}
        self._pictures: dict[int, int] = {}
        self._waiting: Field | None = None

    def learn(self, unit: bytes) -> None:
        """A parameter set. One that makes no sense is left out: its slices then count as whole pictures."""
        try:
            if unit[0] & 31 == SEQUENCE:
                number, found = _sequence(unit)
                self._sequences[number] = found
            elif unit[0] & 31 == PICTURE:
                bits = Bits(unit[1:HEADER])
                number, sequence = bits.number(), bits.number()
                self._pictures[number] = sequence
        except EndOfBits:
            return

    def take(self, units: Iterable[bytes]) -> tuple[bool, bool]:
        """One packet's units: whether it is one field alone, and whether that is the second of its picture."""
        if all(each.frames_only for each in self._sequences.values()):
            return False, False
        found = list(dict.fromkeys(each for unit in units if (each := self._field(unit)) is not None))
        if len({each.bottom for each in found}) != 1:
            self._waiting = None  # a whole frame, or both of its fields at once
            return False, False
        second = self._completes(found[0])
        self._waiting = None if second else found[0]
        return True, second

    def _completes(self, field: Field) -> bool:
        """As FFmpeg's decoder pairs them, which is more than the standard allows: some cameras code both as IDR."""
        first = self._waiting
        return first is not None and first.number == field.number and first.bottom != field.bottom

    def _field(self, unit: bytes) -> Field | None:
        if unit[0] & 31 not in SLICES:
            return None
        try:
            bits = Bits(unit[1:HEADER])
            bits.number(), bits.number()
            sequence = self._sequences.get(self._pictures.get(bits.number(), -1))
            if sequence is None or sequence.frames_only:
                return None
            bits.take(2 if sequence.apart else 0)
            number = bits.take(sequence.bits)
            return Field(number, bool(bits.take(1))) if bits.take(1) else None
        except EndOfBits:
            return None


def _sequence(unit: bytes) -> tuple[int, Sequence]:
    """A sequence parameter set (7.3.2.1.1) by its number. Raises EndOfBits."""
    bits, width, apart = to_numbers(unit)
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1), bits.signed(), bits.signed()
        for _ in range(min(bits.number(), 255)):
            bits.signed()
    bits.number(), bits.take(1), bits.number(), bits.number()
    return Bits(unit[4:HEADER]).number(), Sequence(width, apart, bool(bits.take(1)))
