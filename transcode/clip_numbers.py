"""Decides which picture of a master has which number, where packets alone do not say it, and what clock sound lies on.

Numbers are those of the working copy: it is what a person looks at who asks. Packets that give no picture have none,
and where a clock starts again on the way, what comes later is shown later. Pure.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from transcode.clip_plan import HIDDEN, UNSAID, Line, NoClip, Pictures, shown_ticks
from transcode.timing import SAME_US

GOES_BACK: Final = Fraction(1, 10)
"""Seconds by which a clock must go back to have started again: FFmpeg's own word for streams (dts_delta_threshold)."""
GOES_ON: Final = 10
"""Seconds of a jump forward that is no gap but another clock, by the same word."""
MICROSECONDS: Final = 1_000_000
DAMAGED: Final = "some of the master's bytes make no sense; its pictures are counted as they are decoded"
PASSED_OVER: Final = "decoded, because some of the master's bytes make no sense"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """When the working copy shows each of its pictures: ticks of `base` seconds after its beginning."""

    ticks: Sequence[int]
    base: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The pictures of a recording in the order of their numbers.

    `ticks`: when each is shown, in units of `base` seconds of a clock on which the recording begins at `origin`;
    `seen`: the time that the decoder gives it. `offsets`: seconds from each lap of the master's clock to that one;
    nothing where sound lies on it already.
    """

    ticks: Sequence[int]
    base: Fraction
    seen: Sequence[int]
    origin: Fraction
    why: str
    offsets: tuple[Fraction, ...] | None = None


def shown_by(table: Mapping[str, Any]) -> Shown:
    """What a working copy's frame table says."""
    following = itertools.chain.from_iterable(itertools.repeat(step, times) for step, times in table["steps"])
    ticks = itertools.accumulate(following, initial=int(table["first"]))
    return Shown(ticks=array("q", ticks), base=Fraction(1, int(table["timescale"])))


def one_to_one(line: Line, shown: Shown) -> bool:
    """Every packet that should give a picture is one of the working copy's, at the same time."""
    ticks = shown_ticks(line)[0]
    if len(ticks) != len(shown.ticks):
        return False
    # In whole numbers: a long recording has a million pictures.
    mine = line.base.numerator * shown.base.denominator
    theirs = shown.base.numerator * line.base.denominator
    most = line.base.denominator * shown.base.denominator * SAME_US // MICROSECONDS
    return all(
        abs((one - ticks[0]) * mine - (other - shown.ticks[0]) * theirs) <= most
        for one, other in zip(ticks, shown.ticks, strict=True)
    )


def proven(line: Line, decoded: Sequence[int]) -> bool:
    """Every packet that should give a picture has given one, at its own time and in the order of times."""
    return list(decoded) == shown_ticks(line)[0]


def numbers(
    line: Line, decoded: Sequence[int], shown: Shown | None, origin: Fraction, *, damaged: bool = False
) -> Numbers:
    """Number the pictures that come out of the master's decoder, at `decoded`. `origin`: when packets begin.
    `damaged`: some of its bytes make no sense, and no packet of it is trusted to be a picture.

    Raises NoClip where it cannot be said for certain which of them the working copy shows under which number.
    """
    packets = shown_ticks(line)[0]
    if shown is None:
        rising = all(here < there for here, there in itertools.pairwise(decoded))
        if len(decoded) != len(packets) or not (rising or line.assumed):
            raise NoClip("its packets do not say which picture is which, and no working copy does yet")
        return Numbers(ticks=packets, base=line.base, seen=decoded, origin=origin, why=DAMAGED if damaged else "")
    if len(decoded) != len(shown.ticks):
        raise NoClip(
            f"its working copy shows {len(shown.ticks)} pictures, and {len(decoded)} come out of the master's decoder: "
            "it cannot be said for certain which of them is which"
        )
    if one_to_one(line, shown):
        if damaged:
            return Numbers(ticks=packets, base=line.base, seen=decoded, origin=origin, why=DAMAGED)
        why = "its times have another order than its pictures, which are taken as they are decoded and shown at these "
        return Numbers(ticks=packets, base=line.base, seen=decoded, origin=origin, why=f"{why}times in their order")
    return _by_copy(line, decoded, shown, whole=len(packets) == len(decoded))


def _by_copy(line: Line, decoded: Sequence[int], shown: Shown, *, whole: bool) -> Numbers:
    """As the working copy shows them. `whole`: every packet gives a picture."""
    why = "its packets are not its pictures one to one" if not whole else "its clock is not that of its working copy"
    why += "; pictures are those of the working copy, by their order and time"
    if UNSAID in line.pts:
        return Numbers(ticks=shown.ticks, base=shown.base, seen=decoded, origin=Fraction(0), why=why)
    starts, offsets = _laps_shown(decoded, line.base, shown)
    if len(offsets) == 1:
        return Numbers(ticks=decoded, base=line.base, seen=decoded, origin=-offsets[0], why=why)
    jumps = set(_starts(decoded, line.base))
    if not whole and not jumps.issuperset(starts):
        raise NoClip("the times of its pictures are not those of its working copy: which is which is not certain")
    return Numbers(
        ticks=shown.ticks, base=shown.base, seen=decoded, origin=Fraction(0), why=why, offsets=tuple(offsets)
    )


def _laps_shown(decoded: Sequence[int], base: Fraction, shown: Shown) -> tuple[list[int], list[Fraction]]:
    """Where the distance between both clocks changes, and what it is from there on."""
    most = Fraction(2 * SAME_US, MICROSECONDS)
    starts: list[int] = []
    offsets: list[Fraction] = []
    for place, (mine, theirs) in enumerate(zip(decoded, shown.ticks, strict=True)):
        offset = theirs * shown.base - mine * base
        if not offsets or abs(offset - offsets[-1]) > most:
            starts.append(place)
            offsets.append(offset)
    return starts, offsets


def _starts(ticks: Sequence[int], base: Fraction) -> list[int]:
    """The places at which a clock starts again, the first one among them."""
    back, on = GOES_BACK / base, GOES_ON / base
    found, latest = [], UNSAID
    for place, at in enumerate(ticks):
        if at == UNSAID:
            continue
        if latest == UNSAID or at < latest - back or at > latest + on:
            found.append(place)
        latest = at
    return found


def goes_back(line: Line) -> bool:
    """The stream's clock starts again somewhere: its times alone do not say when what is heard."""
    back = GOES_BACK / line.base
    known = (at for at in line.pts if at != UNSAID)
    return any(there < here - back for here, there in itertools.pairwise(known))


def following(line: Line) -> tuple[Fraction, ...]:
    """Seconds from each lap of a stream's clock to one that goes on: each lap begins when the one before ends."""
    found: list[Fraction] = []
    ends = 0
    starts = _starts(line.pts, line.base)
    for start, end in itertools.pairwise([*starts, len(line.pts)]):
        found.append((ends - line.pts[start]) * line.base)
        last = max(place for place in range(start, end) if line.pts[place] != UNSAID)
        ends += line.pts[last] + line.lasting[last] - line.pts[start]
    return tuple(found)


def moved(line: Line, offsets: Sequence[Fraction], known: Sequence[int] = ()) -> Line:
    """A sound's packets on the clock that the offsets lead to. Raises NoClip where its laps are not those.

    `known`: the packets with which laps begin, by where they lie in the file; those without sound among them.
    """
    starts = list(known) if len(known) == len(offsets) else _starts(line.pts, line.base)
    if len(starts) != len(offsets):
        raise NoClip(
            f"the clock of sound track {line.index} starts again in other places than that of the pictures, so that it "
            "cannot be said for certain when what is heard; pictures can be cut out without their sound"
        )
    laps = tuple((start, round(offset / line.base)) for start, offset in zip(starts, offsets, strict=True))
    times = array("q", line.pts)
    for (start, ticks), end in zip(laps, [*starts[1:], len(times)], strict=True):
        for place in range(start, end):
            times[place] += ticks if times[place] != UNSAID else 0
    return replace(line, pts=times, dts=times, laps=laps)


def taken(line: Line, found: Numbers, first: int, end: int) -> Pictures:
    """Pictures `first` up to `end`, all of them encoded. Raises NoClip where there are none such."""
    if not 0 <= first < end <= len(found.ticks):
        raise NoClip(f"the recording has {len(found.ticks)} pictures, and {first} up to {end} are not all among them")
    wanted = tuple(found.ticks[first:end])
    before = found.ticks[-1] - found.ticks[-2] if len(found.ticks) > 1 else 0
    ends = found.ticks[end] if end < len(found.ticks) else wanted[-1] + before
    return Pictures(
        index=line.index,
        base=found.base,
        ticks=wanted,
        ends=max(ends, wanted[-1] + 1),
        number=first,
        head=end - first,
        tail=0,
        first_packet=0,
        end_packet=0,
        start=None,
        tail_start=None,
        counted=True,
        set_number=0,
        why=f"every picture is encoded: {found.why}",
        seen=tuple(found.seen[first:end]),
    )


def hidden(line: Line) -> list[int]:
    """The packets that add no picture."""
    return [place for place, flags in enumerate(line.flags) if flags & HIDDEN]
