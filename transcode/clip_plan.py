"""Decides how a clip is cut: which packets are the master's own, which pictures are encoded, and why. Pure.

A picture's number is its place in showing order, from 0. The first one wanted is named, and the one after the last.
Packets are copied from the first picture that decoding can begin at (an IDR picture: an I picture that later ones may
refer across is none) to the last place where what has been decoded is exactly what is to be shown. What lies before
and after is encoded.
"""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from transcode.media import FRAMES_FOR_STREAMS_WITHOUT_A_RATE, MediaFacts, StreamFacts

UNSAID: Final = -(1 << 63)
KEY, IDR, HIDDEN, FIELD = 1, 2, 4, 8
WARM_UP: Final = Fraction(1)
"""Seconds before the in point at which reading begins: sound lies beside its picture, not on it."""
PRIMING: Final = 1
"""AAC packets that a decoder must have heard before the first that counts (ISO 14496-3: windows overlap by half)."""
MOST_A_SECOND: Final = 240
SET_NUMBERS: Final = 32
"""Numbers that a sequence parameter set of H.264 can have (7.4.2.1.1)."""


class NoClip(ValueError):
    """What is asked for cannot be cut out of this recording; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One stream's packets in decoding order, times in ticks of `base` seconds. `sets`: H.264 parameter sets.

    `starts`: when what is shown or heard of it begins, by FFmpeg's word; before it may lie what decoding needs.
    `pace`: pictures a second, by FFmpeg's guess. `assumed`: the stream gives no times, and these are by that guess.
    `laps`: its own clock starts again at these packets, and so many ticks lead from it to these times.
    """

    index: int
    codec: str
    base: Fraction
    pts: Sequence[int]
    dts: Sequence[int]
    lasting: Sequence[int]
    flags: bytes
    starts: int = 0
    rate: int = 0
    lengths: int = 0
    sets: tuple[bytes, ...] = ()
    resets: bool = False
    pace: Fraction = Fraction(0)
    assumed: bool = False
    laps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """How a clip's pictures come to be. `ticks`: when each is shown in the master; `ends`: when the last one ends.

    `head` and `tail` pictures are encoded, the packets `first_packet` up to `end_packet` between them copied; nothing
    is copied where both are equal. `start`: where reading begins, in ticks, nothing for the beginning. `counted`:
    pictures are told apart by counting, as their times do not tell them apart. `seen`: when the decoder says each is
    shown, where that was looked at.
    """

    index: int
    base: Fraction
    ticks: tuple[int, ...]
    ends: int
    number: int
    head: int
    tail: int
    first_packet: int
    end_packet: int
    start: int | None
    tail_start: int | None
    counted: bool
    set_number: int
    why: str
    seen: tuple[int, ...] = ()

    @property
    def copied(self) -> int:
        """How many packets are the master's own."""
        return self.end_packet - self.first_packet

    @property
    def begins(self) -> Fraction:
        """The in point on the master's clock, in seconds."""
        return self.ticks[0] * self.base

    @property
    def stops(self) -> Fraction:
        """The out point on the master's clock, in seconds."""
        return self.ends * self.base


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """How one sound track comes to be: packets `first` up to `end` copied, or samples encoded exactly.

    `ends`: until when the master has sound there, in seconds on its clock.
    """

    index: int
    base: Fraction
    rate: int
    copied: bool
    first: int = 0
    end: int = 0
    first_tick: int = 0
    ends: Fraction = Fraction(0)
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Everything about one clip. `begins` and `stops` in seconds on the master's clock."""

    begins: Fraction
    stops: Fraction
    pictures: Pictures | None = None
    sounds: tuple[Sound, ...] = ()
    remarks: tuple[str, ...] = field(default=())


def with_times(line: Line) -> Line:
    """Pictures of a bare stream have no times: each is shown when its working copy shows it, one after another at the
    rate that FFmpeg takes the stream to have.
    """
    if not line.flags or set(line.pts) | set(line.dts) != {UNSAID}:
        return line
    pace = line.pace if 0 < line.pace <= MOST_A_SECOND else Fraction(FRAMES_FOR_STREAMS_WITHOUT_A_RATE)
    number = itertools.accumulate(0 if flags & HIDDEN else 1 for flags in line.flags)
    times = array("q", [max(0, each - 1) for each in number])
    return replace(line, base=1 / pace, pts=times, dts=times, lasting=array("q", [1] * len(times)), assumed=True)


def shown_ticks(line: Line) -> tuple[list[int], bool]:
    """When each picture is shown, in showing order; and whether these times tell pictures apart."""
    said = [at for at, flags in zip(line.pts, line.flags, strict=True) if not flags & HIDDEN]
    if UNSAID in said:
        # AVI says only when pictures are decoded, which is as evenly spaced.
        said = [at for at, flags in zip(line.dts, line.flags, strict=True) if not flags & HIDDEN]
        return sorted(at for at in said if at != UNSAID), False
    found = sorted(said)
    return found, not line.assumed and all(here < there for here, there in itertools.pairwise(found))


def pictures(line: Line, first: int, end: int, facts: MediaFacts, *, whole: str = "") -> Pictures:
    """How pictures `first` up to `end` come to be. `whole`: why every one must be encoded. Raises NoClip."""
    ticks, apart = shown_ticks(line)
    if not 0 <= first < end <= len(ticks):
        raise NoClip(f"the recording has {len(ticks)} pictures, and {first} up to {end} are not all among them")
    wanted = ticks[first:end]
    ends = ticks[end] if end < len(ticks) else wanted[-1] + _last_lasts(line, ticks)
    alike = "it gives its pictures no times" if line.assumed else "its times do not tell its pictures apart"
    hindrance = whole or ("" if apart else alike) or hinders(line, facts)
    number = free_set_number(line.sets)
    place = None if hindrance else _copied(line, ticks, first, end)
    if place is None and not hindrance:
        hindrance = "no picture that decoding can begin at lies between the in and the out point"
    if number is None and not hindrance:
        place, hindrance = None, "its parameter sets use every number there is"
    a, k, before = place or (0, 0, first)
    after = before + (k - a)
    return Pictures(
        index=line.index,
        base=line.base,
        ticks=tuple(wanted),
        ends=max(ends, wanted[-1] + 1),
        number=first,
        head=before - first if place else end - first,
        tail=end - after if place else 0,
        first_packet=a,
        end_packet=k,
        start=_start(line, wanted[0]) if apart else None,
        tail_start=_start(line, ticks[min(after, len(ticks) - 1)]) if apart else None,
        counted=not apart,
        set_number=number or 0,
        why=_says(before - first, k - a, end - after, end - first)
        if place
        else f"every picture is encoded: {hindrance}",
    )


def _says(head: int, copied: int, tail: int, asked: int) -> str:
    if copied == asked:
        return "every picture's packet is the master's own"
    return f"{copied} of {asked} pictures are the master's own packets; {head} before and {tail} after are encoded"


def hinders(line: Line, facts: MediaFacts) -> str:
    """Why no packet of these pictures can be copied; empty where they can."""
    stream = next((each for each in facts.streams if each.index == line.index), None)
    found = stream or StreamFacts(index=line.index)
    hindrances = (
        (line.codec != "h264", f"{line.codec} is not copied into clips, H.264 is"),
        (any(flags & FIELD for flags in line.flags), "its pictures are coded as two fields each"),
        (found.interlaced, "its pictures are interlaced"),
        (found.pixel_format not in ("yuv420p", "yuvj420p"), f"its pictures are {found.pixel_format}"),
        (not line.sets, "it has no parameter sets that could be kept beside the clip's own"),
        (line.resets, "its decoder is set up anew on the way"),
    )
    return next((why for so, why in hindrances if so), "")


def free_set_number(sets: Sequence[bytes]) -> int | None:
    """A number for the clip's own parameter sets that the master's use neither for a sequence nor for a picture set."""
    taken = set()
    for unit in sets:
        kind = unit[0] & 31
        taken.add(_first_number(unit[4:10] if kind == 7 else unit[1:7]))
    return next((each for each in range(1, SET_NUMBERS) if each not in taken), None)


def _first_number(data: bytes) -> int:
    """An Exp-Golomb number at the beginning (H.264, 9.1)."""
    bits = "".join(f"{byte:08b}" for byte in data)
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1 if zeros < 24 else 0


def _copied(line: Line, ticks: list[int], first: int, end: int) -> tuple[int, int, int] | None:
    """The packets to copy, [a, k) in decoding order, and the number of the first picture among them."""
    opens = (
        place
        for place, flags in enumerate(line.flags)
        if flags & IDR and not flags & HIDDEN and ticks[first] <= line.pts[place] <= ticks[end - 1]
    )
    a = next(opens, None)
    if a is None:
        return None
    number, latest, k = bisect_left(ticks, line.pts[a]), line.pts[a], a
    for place in range(a, min(a + end - number, len(line.pts))):
        if line.flags[place] & HIDDEN or line.pts[place] < line.pts[a]:
            break
        latest = max(latest, line.pts[place])
        if latest == ticks[number + place - a]:
            # All that was decoded up to here is all that is shown up to here.
            k = place + 1
    return (a, k, number) if k > a else None


def _start(line: Line, tick: int) -> int | None:
    """Where reading begins so that the picture of this tick comes out right: a second earlier, at a key picture.

    Where that is no IDR picture, one key picture earlier still: pictures that refer across it are not to be wanted.
    """
    early = tick - int(WARM_UP / line.base)
    keys = [place for place, flags in enumerate(line.flags) if flags & KEY and line.pts[place] <= early]
    if not keys:
        return None
    if line.flags[keys[-1]] & IDR:
        return line.pts[keys[-1]]
    return line.pts[keys[-2]] if len(keys) > 1 else None


def _last_lasts(line: Line, ticks: Sequence[int]) -> int:
    """How long the last picture is shown: what the container says, else as long as the one before."""
    last = max(range(len(line.pts)), key=lambda place: line.pts[place] if not line.flags[place] & HIDDEN else UNSAID)
    halves = line.flags[last : last + 2]
    pair = not line.assumed and [flags & FIELD for flags in halves] == [FIELD, FIELD] and halves[1] & HIDDEN
    lasts = sum(line.lasting[last : last + 2]) if pair else line.lasting[last]
    if lasts > 0:
        return lasts
    return ticks[-1] - ticks[-2] if len(ticks) > 1 else max(1, round(Fraction(1, 25) / line.base))


def sound(line: Line, begins: Fraction, stops: Fraction, facts: MediaFacts) -> Sound | None:
    """How one track's sound from `begins` to `stops` comes to be; nothing where it has none there."""
    stream = next((each for each in facts.streams if each.index == line.index), None)
    inside = [place for place, at in enumerate(line.pts) if _sounds(line, place, at, begins, stops)]
    if not inside:
        return None
    why = _why_encoded(line, stream, inside)
    ends = max(line.pts[place] + line.lasting[place] for place in inside) * line.base
    if why:
        return Sound(index=line.index, base=line.base, rate=line.rate, copied=False, ends=ends, why=f"encoded: {why}")
    first = max(0, inside[0] - PRIMING)
    return Sound(
        index=line.index,
        base=line.base,
        rate=line.rate,
        copied=True,
        first=first,
        end=inside[-1] + 1,
        first_tick=line.pts[first],
        ends=ends,
        why="every packet is the master's own; it is heard from the in point, and to the end of the packet "
        "that the out point lies in",
    )


def _sounds(line: Line, place: int, at: int, begins: Fraction, stops: Fraction) -> bool:
    return at != UNSAID and (at + max(line.lasting[place], 1)) * line.base > begins and at * line.base < stops


def _why_encoded(line: Line, stream: StreamFacts | None, inside: Sequence[int]) -> str:
    profile = (stream.profile or "") if stream is not None else ""
    run = list(range(inside[0], inside[-1] + 1)) == list(inside)
    hindrances = (
        (line.codec != "aac", f"{line.codec} does not go into MP4 as it is"),
        (stream is not None and stream.timeless, "its packets have no times"),
        ("HE" in profile, f"{profile} decodes only from further back"),
        (bool(line.laps), "its clock starts again on the way"),
        (not run or UNSAID in line.pts, "its packets are not in the order in which they are heard"),
    )
    return next((why for so, why in hindrances if so), "")


def begins_at(lines: Sequence[Line]) -> Fraction:
    """When the recording begins on the master's clock: with its first picture or sound.

    Below zero lies what is only decoded (the run-in of AAC, pictures before an edit list's cut), and that begins
    nothing; but also what was shown before the clock of a transport stream wrapped at 2^33 ticks (ISO 13818-1, 2.4.3.7:
    FFmpeg goes on at zero there), and then `starts` is below zero, too.
    """
    return min((first for line in lines if (first := _first(line)) is not None), default=Fraction(0))


def _first(line: Line) -> Fraction | None:
    first = min((at for at in line.pts if at != UNSAID), default=None)
    return None if first is None else (first if line.starts < 0 else max(first, 0)) * line.base


def column(data: bytes) -> array[int]:
    """A child's column of 64-bit numbers."""
    return array("q", data)
