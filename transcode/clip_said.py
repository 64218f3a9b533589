"""What children say of masters to be cut and of clips that were made, checked before it is believed."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from transcode.clip_plan import Line
from transcode.media import Count
from transcode.said import Counted, ReadingSaid, Saying

MOST_PACKETS = 16_000_000


def _plain(told: object) -> object:
    return base64.b64decode(told, validate=True) if isinstance(told, str) else told


def _of_hex(told: object) -> object:
    return tuple(bytes.fromhex(each) for each in told) if isinstance(told, list) else told


Column = Annotated[bytes, BeforeValidator(_plain), Field(max_length=8 * MOST_PACKETS)]
Unit = Annotated[bytes, Field(min_length=2, max_length=65_535)]


class LineSaid(BaseModel):
    """One stream's packets."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    index: int = Field(ge=0, lt=10_000)
    codec: str = Field(pattern=r"^[a-z0-9_.-]{1,60}$")
    base: tuple[Annotated[int, Field(gt=0, le=1 << 40)], Annotated[int, Field(gt=0, le=1 << 40)]]
    pace: tuple[Annotated[int, Field(ge=0, lt=1 << 31)], Annotated[int, Field(gt=0, lt=1 << 31)]] = (0, 1)
    starts: int = Field(default=0, gt=-(1 << 62), lt=1 << 62)
    rate: int = Field(ge=0, lt=1 << 31)
    lengths: int = Field(ge=0, le=4)
    sets: Annotated[tuple[Unit, ...], BeforeValidator(_of_hex), Field(max_length=100)] = ()
    resets: bool = False
    pts: Column
    dts: Column
    lasting: Column
    flags: Annotated[bytes, BeforeValidator(_plain), Field(max_length=MOST_PACKETS)]

    def as_line(self) -> Line:
        """For the planner. Raises ValueError where the columns do not fit together."""
        columns = [array("q", each) for each in (self.pts, self.dts, self.lasting)]
        if {len(each) for each in columns} != {len(self.flags)}:
            raise ValueError("a stream's columns are not of one length")
        return Line(
            index=self.index,
            codec=self.codec,
            base=Fraction(*self.base),
            pts=columns[0],
            dts=columns[1],
            lasting=columns[2],
            flags=self.flags,
            starts=self.starts,
            rate=self.rate,
            pace=Fraction(*self.pace),
            lengths=self.lengths,
            sets=self.sets,
            resets=self.resets,
        )


class IndexSaid(Counted):
    """A master's packets, with what is needed to cut it."""

    picture: LineSaid | None = None
    sounds: tuple[LineSaid, ...] = Field(default=(), max_length=100)


class DecodedSaid(Saying):
    """When each picture is shown that comes out of a master's decoder, in the order in which they come."""

    ticks: Column

    def as_ticks(self) -> Sequence[int]:
        """For the planner. Raises ValueError where it is no column."""
        return array("q", self.ticks)


class HashesSaid(Saying):
    """SHA-256 of the neutral form of packets that were asked for, 32 bytes each, by the number of their stream."""

    hashes: dict[Annotated[int, Field(ge=0, lt=10_000)], Column] = Field(default={}, max_length=100)


class WrittenSaid(Saying):
    """A file was written. Sizes in pixels, of a still picture. `disordered`: it was not, as the master's pictures come
    out of the decoder in another order than their times have, or not one of each packet.
    """

    disordered: bool = False

    width: int = Field(default=0, ge=0, lt=1 << 24)
    height: int = Field(default=0, ge=0, lt=1 << 24)


class ClipSaid(ReadingSaid):
    """What was made, read through: how many pictures the decoder gave, and how often it failed."""

    decoded: Count = 0
    faults: Count = 0
