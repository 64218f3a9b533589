"""What children say, checked before it is believed."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from transcode.ending import Ending, How
from transcode.errors import ChildBroke, RenderFailed

DECADE_US = 10 * 366 * 86_400 * 1_000_000
Moment = Annotated[int, Field(ge=-DECADE_US, le=DECADE_US)]
Tick = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Most = Field(default=(), max_length=8_000_000)
SayingT = TypeVar("SayingT", bound="Saying")


class Saying(BaseModel):
    """A child's answer. `refused` is FFmpeg's reason where the bytes could not be worked on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    refused: str = Field(default="", max_length=1000)


class PacketsSaid(BaseModel):
    """The running digest of one stream's packets, and how many there were."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    packets: int = Field(ge=0)


class ReadingSaid(Saying):
    """A file read through. Times in microseconds; `packets` by the streams' places among those asked for."""

    times_us: tuple[Moment, ...] = Most
    ticks: tuple[Tick, ...] = Most
    timescale: int = Field(default=0, ge=0, le=1 << 40)
    sound_us: tuple[Moment, ...] = Field(default=(), max_length=100)
    start_us: Moment = 0
    packets: dict[int, PacketsSaid] = Field(default_factory=dict, max_length=100)


class SurveySaid(Saying):
    """What a survey found: frames, faults in decoding, packets whose structure is broken, when pictures begin."""

    frames: int = Field(default=0, ge=0)
    faults: int = Field(default=0, ge=0)
    broken: int = Field(default=0, ge=0)
    sound_frames: int = Field(default=0, ge=0)
    starts: tuple[Annotated[float, Field(ge=0, le=1e8)], ...] = Field(default=(), max_length=2000)


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
        told: Any = json.loads(ending.output)
        said = kind.model_validate(told)
    except ValueError as error:
        # Times decades apart, more streams than anything has: the child has only repeated what the master says.
        raise RenderFailed(doing, _refusal(ending, "what the master says of itself cannot be")) from error
    if said.refused:
        raise RenderFailed(doing, _refusal(ending, said.refused))
    return said


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
