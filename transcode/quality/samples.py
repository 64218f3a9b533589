"""Which pictures of a copy are held against the master's. Pure.

The copy has the master's pictures, each at its own time: picture n of one is picture n of the other. A sample begins
between two pictures' times, so that both files give the same one first, however their clocks round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SAMPLES: Final = 3
FRAMES: Final = 8
SETTLING: Final = 2
"""Pictures that a sample passes over: filters that look at neighbours have theirs only then."""
SHORT: Final = SAMPLES * (FRAMES + SETTLING)
EARLY: Final = 100
"""How far into a file that cannot be entered in its middle: so many pictures are decoded to see the next ones."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Pictures `first` and the `count` from there on, after `skip`. Seconds: where to seek in either file to see
    picture `first` first; nothing where that is the beginning.
    """

    first: int
    skip: int
    count: int
    in_master: float | None = None
    in_copy: float | None = None


def spread(master_us: Sequence[int], copy_us: Sequence[int]) -> tuple[Sample, ...]:
    """A few pictures in a few places; nothing where the two do not have the same number of pictures.

    Times in microseconds, as each file has them.
    """
    mine, theirs = sorted(master_us), sorted(copy_us)
    if not mine or len(mine) != len(theirs):
        return ()
    if len(mine) <= SHORT:
        return (Sample(0, 0, len(mine)),)
    places = [len(mine) * (2 * number + 1) // (2 * SAMPLES) - FRAMES // 2 for number in range(SAMPLES)]
    return tuple(
        Sample(place, SETTLING, FRAMES, _between(mine, place), _between(theirs, place))
        for place in (max(place, 1) for place in places)
    )


def early(master_us: Sequence[int], copy_us: Sequence[int]) -> tuple[Sample, ...]:
    """As many pictures in one place near the beginning, counted; nothing where the two do not have the same number."""
    if not master_us or len(master_us) != len(copy_us):
        return ()
    count = min(len(master_us), SAMPLES * FRAMES)
    return (Sample(0, min(EARLY, len(master_us) - count), count),)


def unsought(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The same pictures, counted from the beginning: slower, and sure where a container seeks badly."""
    return tuple(Sample(0, each.first + each.skip, each.count) for each in samples)


def whole(count: int) -> tuple[Sample, ...]:
    """Every picture."""
    return (Sample(0, 0, count),)


def _between(times: Sequence[int], place: int) -> float:
    """A moment after the picture before this one and not after this one, in seconds."""
    return (times[place - 1] + times[place]) / 2_000_000
