"""What children say, checked before it is believed."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from transcode.ending import Ending, How, words_placeless
from transcode.errors import ChildBroke, RenderFailed
from transcode.media import Count
from transcode.packets import Header, Manifest, Track, times

DECADE_US = 10 * 366 * 86_400 * 1_000_000
Moment = Annotated[int, Field(ge=-DECADE_US, le=DECADE_US)]
Tick = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Most = Field(default=(), max_length=8_000_000)
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0, lt=1 << 31)]
MOST_PACKETS = 1 << 40
SayingT = TypeVar("SayingT", bound="Saying")


def _plain(told: object) -> object:
    return base64.b64decode(told, validate=True) if isinstance(told, str) else told


Reason = Annotated[str, BeforeValidator(words_placeless)]
"""A tool's words: it names our scratch files by their whole path."""
Column = Annotated[bytes, BeforeValidator(_plain), Field(max_length=64 << 20)]


class Saying(BaseModel):
    """A child's answer. `refused` is FFmpeg's reason where the bytes could not be worked on; `ended` is not the
    child's word but how it ended.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    refused: Reason = Field(default="", max_length=1000)
    ended: How = How.CLEAN


class TrackSaid(BaseModel):
    """One stream's header, and its packets as columns; or roots alone, where there are too many of them.

    `places`: the byte of the file at which each packet begins, in containers whose clock may start again.
    """

    model_config = ConfigDict(frozen=True)

    index: int = Field(ge=0, lt=10_000)
    kind: Literal["video", "audio"]
    codec: str = Field(pattern=r"^[a-z0-9_.-]{1,60}$")
    config: Digest
    base: tuple[Annotated[int, Field(gt=0, le=1 << 40)], Annotated[int, Field(gt=0, le=1 << 40)]]
    width: Size = 0
    height: Size = 0
    rate: Size = 0
    channels: Size = 0
    matrix: tuple[Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)], ...] | None = Field(
        default=None, min_length=9, max_length=9
    )
    decoder: str = Field(default="", pattern=r"^[0-9a-f]{0,64}$")
    packets: int = Field(ge=0, le=MOST_PACKETS)
    listed: bool
    hashes: Column = b""
    neutral_hashes: Column | None = None
    dts: Column = b""
    pts: Column = b""
    keys: Column = b""
    places: Column = b""
    payload: Digest | None = None
    neutral: Digest | None = None

    def as_track(self) -> Track:
        """As a track. Raises ValueError where its columns do not fit together."""
        named = ("index", "kind", "codec", "config", "width", "height", "rate", "channels", "matrix", "decoder")
        header = Header(**{name: getattr(self, name) for name in named})
        if not self.listed:
            folded = (bytes.fromhex(self.payload or ""), bytes.fromhex(self.neutral or ""))
            return Track(header=header, packets=self.packets, folded=folded)
        dts, pts = times(array("q", self.dts), array("q", self.pts), numerator=self.base[0], denominator=self.base[1])
        return Track(
            header=header,
            packets=self.packets,
            hashes=self.hashes,
            neutral_hashes=self.neutral_hashes,
            dts=dts,
            pts=pts,
            keys=array("I", self.keys),
        )


class Counted(Saying):
    """A file's packets. `ended_early`: why it was not read to its end; `beside`: what is in it that nobody counts."""

    counted: tuple[TrackSaid, ...] = Field(default=(), max_length=1000)
    ended_early: Reason = Field(default="", max_length=1000)
    beside: Reason = Field(default="", max_length=1000)

    def manifest(self) -> Manifest:
        """As a manifest; an empty one with its reason where what was said cannot be."""
        try:
            tracks = tuple(each.as_track() for each in self.counted)
        except ValueError as error:
            return Manifest((), f"its packets could not be counted: {error}")
        nothing = "" if any(each.packets for each in tracks) else "there are no packets of pictures or sound in it"
        return Manifest(tracks, self.ended_early or nothing)


class ReadingSaid(Counted):
    """A file read through. Times in microseconds. `looked_at`: what `probe.facts_of` reads, where that was asked.

    `lapped`: it was not read to its end, because its clock starts again.
    """

    times_us: tuple[Moment, ...] = Most
    ticks: tuple[Tick, ...] = Most
    timescale: int = Field(default=0, ge=0, le=1 << 40)
    looked_at: dict[str, Any] | None = None
    sound_us: tuple[Moment, ...] = Field(default=(), max_length=100)
    start_us: Moment = 0
    lapped: bool = False


class CutSaid(Saying):
    """When each picture of a part is shown, in the master's ticks, and how its decoder is set up."""

    ticks: tuple[Tick, ...] = Most
    config: str = Field(default="", pattern=r"^[0-9a-f]{0,64}$")


class JoinedSaid(Saying):
    """Of how many pictures a copy was put together."""

    frames: Count = 0


class SurveySaid(Counted):
    """What a survey found: frames, faults in decoding, packets whose structure is broken, when pictures begin."""

    frames: Count = 0
    faults: Count = 0
    broken: Count = 0
    sound_frames: Count = 0
    starts: tuple[Annotated[float, Field(ge=0, le=1e8)], ...] = Field(default=(), max_length=2000)


def words(output: bytes) -> Any:
    """What a child said, as JSON. Raises ValueError where it is none, or is nested deeper than anybody can follow."""
    try:
        return json.loads(output)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def understood(ending: Ending, kind: type[SayingT], doing: str) -> SayingT:
    """A child's answer as `kind`.

    Raises RenderFailed where the child ended badly, was refused the bytes or says what cannot be, and ChildBroke
    where it never began.
    """
    if ending.how is How.NO_WALL:
        raise ChildBroke(doing, ending)
    if not ending.usable:
        raise RenderFailed(doing, ending)
    try:
        said = kind.model_validate(words(ending.output))
    except ValueError as error:
        # Times decades apart, more streams than anything has: the child has only repeated what the master says.
        raise RenderFailed(doing, _refusal(ending, "what the master says of itself cannot be")) from error
    if said.refused:
        raise RenderFailed(doing, _refusal(ending, said.refused))
    return said.model_copy(update={"ended": ending.how})


def _refusal(ending: Ending, because: str) -> Ending:
    return Ending(
        how=How.EXIT_CODE,
        code=ending.code,
        messages=(*ending.messages, because),
        seconds=ending.seconds,
        cpu_seconds=ending.cpu_seconds,
        peak_memory=ending.peak_memory,
        layers=ending.layers,
    )
