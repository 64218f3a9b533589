"""Decides where the clocks of a master start again on the way, and lays one lap after the other. Pure.

A transport stream that somebody joined from two has times that go back in its middle. FFmpeg mends them as packets
come, with one offset for all streams: a late packet of sound from before makes it count a lap twice. Here each packet
is told its place by its number, the same for pictures and sound: each lap begins when all of the one before has ended.
Which laps belong together is told by where in the file they begin. A stream that jumps on alone was silent or dark for
so long: that is no lap, and FFmpeg, which would close the gap, is told to leave it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice, pairwise
from typing import Final

from transcode.clip_numbers import GOES_BACK, GOES_ON, MICROSECONDS
from transcode.media import MediaFacts
from transcode.packets import UNSAID
from transcode.said import ReadingSaid, TrackSaid

CONTAINERS: Final = frozenset({"mpegts", "mpeg"})
"""Formats whose clocks FFmpeg lets start again (AVFMT_TS_DISCONT) and that are made of packets joined anyhow."""
MOST_LAPS: Final = 200
"""An argument names each of them, and it is worked out for each packet."""
WIDEST: Final = Fraction(1 << 32, 90_000)
"""Seconds between the least and the latest time: beyond half of what 33 bits count, FFmpeg takes them for wrapped."""
NOT_COPIED: Final = "its clock starts again on the way, and packets of a later lap would lie on those of an earlier one"
LAID: Final = (
    "the master's clock starts again {times} on the way: its stretches are played one after the other here, and what "
    "time lay between them is not known"
)
LOST: Final = "the master's clock starts again on the way, and the times of this copy are not the master's"
OF_THE_CLOCK: Final = ("non monotonically increasing dts", "Non-consecutive fragments", "Last message repeated")
"""What FFmpeg says where laps overlap or lie apart in a file of ours: nothing of what lies in the master."""


@dataclass(frozen=True, slots=True)
class Move:
    """One stream's way onto one clock: from packet `starts[n]` on, times move by `ticks[n]` of its base."""

    index: int
    starts: tuple[int, ...]
    ticks: tuple[int, ...]

    @property
    def filter(self) -> str:
        """FFmpeg's bitstream filter for it. Commas are escaped: they would part it from a next filter."""
        return f"setts=pts={self._moved('PTS')}:dts={self._moved('DTS')}".replace(",", "\\,")

    def _moved(self, time: str) -> str:
        """Worked out for each packet of the stream. One without a time keeps none."""
        steps = (there - here for here, there in pairwise(self.ticks))
        later = "".join(f"+gte(N,{start})*({step})" for start, step in zip(self.starts[1:], steps, strict=True))
        return f"if(eq({time},NOPTS),NOPTS,{time}+({self.ticks[0]}){later})"


@dataclass(frozen=True, slots=True)
class Laps:
    """A master whose clock does not simply go on. `moves`: nothing where which laps belong together is not certain."""

    moves: tuple[Move, ...]
    said: ReadingSaid
    """The master as it is read where its laps are laid one after the other; as it came where they are not."""

    @property
    def clock(self) -> tuple[tuple[int, str], ...]:
        """What moves the times of each stream, as a plan has it."""
        return tuple((move.index, move.filter) for move in self.moves)

    @property
    def length_ms(self) -> int:
        """How long the master lasts in all; 0 where nobody knows. Laps that are not laid are added up."""
        if self.moves:
            return max([*self.said.times_us, *self.said.sound_us], default=0) // 1000
        return max((_adds_up(track) for track in self.said.counted if track.listed), default=0)

    def complaints(self, messages: Sequence[str]) -> list[str]:
        """What FFmpeg had to say of the master itself."""
        return [said for said in messages if not any(words in said for words in OF_THE_CLOCK)]

    @property
    def start_again(self) -> bool:
        """Whether there is more than one lap, as far as is known: else a stream is silent or dark for a while."""
        return not self.moves or len(self.moves[0].starts) > 1

    @property
    def remark(self) -> str:
        """For whoever looks at the copy; nothing where its times are the master's."""
        if not self.moves:
            return LOST
        times = len(self.moves[0].starts) - 1
        return "" if not times else LAID.format(times="once" if times == 1 else f"{times} times")


def may_start_again(facts: MediaFacts) -> bool:
    """Whether a master is of a kind in which clocks start again: only then is it read before it is encoded."""
    return facts.container in CONTAINERS


def laps_of(said: ReadingSaid, streams: Sequence[int]) -> Laps | None:
    """The laps of these streams, pictures first; nothing where the clocks of all of them simply go on."""
    tracks = [track for index in streams for track in said.counted if track.index == index and track.packets]
    columns = [_Column(track) for track in tracks if track.listed]
    if not any(column.jumps for column in columns):
        return None
    if len(columns) < len(tracks) or not _parted(columns) or _width(columns) > WIDEST:
        return Laps((), said)
    offsets = _offsets(columns)
    moves = tuple(column.move(offsets) for column in columns)
    laid = _laid(said, columns, moves)
    return Laps(moves, laid) if laid else Laps((), said)


def starts_of(counted: Sequence[TrackSaid]) -> dict[int, tuple[int, ...]]:
    """The packets with which each lap begins, of every stream; nothing where which belong together is not certain. A
    stream that has nothing in a lap begins it where it begins the next.
    """
    columns = [_Column(track) for track in counted if track.packets and track.listed and track.places]
    return {column.index: tuple(column.starts) for column in columns} if _parted(columns) else {}


@dataclass(frozen=True, slots=True)
class _Jump:
    """Where the clock of one stream does not go on: at packet `number`, which begins after byte `low`, at `high`."""

    number: int
    back: bool
    low: float
    high: float


@dataclass(slots=True)
class _Bound:
    """Jumps of several streams, by their index, that may lie at one place: before byte `high` of the file."""

    high: float
    jumps: dict[int, _Jump]

    @property
    def back(self) -> bool:
        return any(jump.back for jump in self.jumps.values())


class _Column:
    """One stream's times, in ticks: `shown` when each packet is; `starts`: the packets with which a lap begins."""

    starts: list[int]

    def __init__(self, track: TrackSaid) -> None:
        self.index, self.kind, self.base = track.index, track.kind, Fraction(*track.base)
        self.dts, self.pts = array("q", track.dts), array("q", track.pts)
        # Pictures are shown in another order than they lie in: their clock is that of decoding, where it is known.
        known = any(at != UNSAID for at in self.dts)
        said = len(track.places) == len(track.dts)
        self.places = array("q", track.places) if said else array("q", [UNSAID]) * len(self.dts)
        # One more than may be is enough to know that they are too many; a hostile file may have one at each packet.
        found = islice(_jumps(self.dts if known else self.pts, self.base), MOST_LAPS)
        self.jumps = [_Jump(number, back, *self._lies(number)) for number, back in found]

    def _lies(self, number: int) -> tuple[float, float]:
        """After which byte of the file a packet begins, and where, or before what: not each has a place of its own."""
        before = (self.places[each] for each in range(number - 1, -1, -1))
        after = (self.places[each] for each in range(number, len(self.places)))
        low = next((at for at in before if at != UNSAID), -math.inf)
        return low, next((at for at in after if at != UNSAID), math.inf)

    def begins(self, bound: _Bound) -> int:
        """The packet with which this stream's lap begins there: behind its last where it has none after it."""
        if (jump := bound.jumps.get(self.index)) is not None:
            return jump.number
        return next((number for number, at in enumerate(self.places) if at >= bound.high), len(self.places))

    def goes_on_across(self, bound: _Bound) -> bool:
        """Whether it has packets on both sides, as far as is known, and its clock takes no notice."""
        if self.index in bound.jumps:
            return False
        return 0 < self.begins(bound) < len(self.places) or max(self.places) == UNSAID

    @cached_property
    def shown(self) -> list[int]:
        return [at if at != UNSAID else other for at, other in zip(self.pts, self.dts, strict=True)]

    def laps(self) -> Iterator[list[int]]:
        """The known times of each lap."""
        for start, end in pairwise([*self.starts, len(self.shown)]):
            yield [at for at in self.shown[start:end] if at != UNSAID]

    def move(self, offsets: Sequence[Fraction]) -> Move:
        return Move(self.index, tuple(self.starts), tuple(round(offset / self.base) for offset in offsets))

    def moved(self, move: Move) -> list[int]:
        """The known times on the clock that goes on."""
        return [at + ticks for lap, ticks in zip(self.laps(), move.ticks, strict=True) for at in lap]


def _jumps(ticks: Sequence[int], base: Fraction) -> Iterator[tuple[int, bool]]:
    """The packets at which a clock does not go on from the one before, and whether it goes back there."""
    back, on = int(GOES_BACK / base), int(GOES_ON / base)
    latest = UNSAID
    for number, at in enumerate(ticks):
        if at == UNSAID:
            continue
        if latest != UNSAID and not latest - back <= at <= latest + on:
            yield number, at < latest
        latest = at


def _parted(columns: Sequence[_Column]) -> bool:
    """Say of each stream where its laps begin; false where that is not certain."""
    few = all(len(column.jumps) < MOST_LAPS for column in columns)
    bounds = _bounds(columns) if few else None
    if bounds is None or len(bounds) >= MOST_LAPS:
        return False
    for column in columns:
        column.starts = [0, *(column.begins(bound) for bound in bounds)]
    return True


def _adds_up(track: TrackSaid) -> int:
    """Milliseconds in which a stream's clock goes on, leaving out where it jumps."""
    base, dts = Fraction(*track.base), array("q", track.dts)
    known = [at for at in (dts if any(at != UNSAID for at in dts) else array("q", track.pts)) if at != UNSAID]
    on = int(GOES_ON / base)
    return int(sum(step for here, there in pairwise(known) if 0 < (step := there - here) <= on) * base * 1000)


def _bounds(columns: Sequence[_Column]) -> list[_Bound] | None:
    """Where one lap of all streams ends and the next begins; nothing where a clock goes back that is not followed."""
    found: list[_Bound] = []
    jumps = [(jump, column.index) for column in columns for jump in column.jumps]
    for jump, _ in sorted(jumps, key=lambda each: (each[0].high, -each[0].low)):
        if not found or jump.low >= found[-1].high:
            found.append(_Bound(jump.high, {}))
    for jump, index in jumps:
        # A stream may have nothing between two of them: its one jump then lies at both.
        for bound in (each for each in found if jump.low < each.high <= jump.high):
            if index in bound.jumps:
                return None
            bound.jumps[index] = jump
    if not any(bound.back for bound in found):
        return []
    alone = [bound for bound in found if any(column.goes_on_across(bound) for column in columns)]
    return None if any(bound.back for bound in alone) else [bound for bound in found if bound not in alone]


def _width(columns: Sequence[_Column]) -> Fraction:
    known = [(min(lap) * each.base, max(lap) * each.base) for each in columns for lap in each.laps() if lap]
    return max(most for _, most in known) - min(least for least, _ in known)


def _offsets(columns: Sequence[_Column]) -> list[Fraction]:
    """Seconds from each lap of the master's clock to one that begins at zero and goes on."""
    found, ends = [], Fraction(0)
    for beside in zip(*(column.laps() for column in columns), strict=True):
        together = [(lap, column.base) for lap, column in zip(beside, columns, strict=True) if lap]
        begins = min(min(lap) * base for lap, base in together)
        found.append(ends - begins)
        ends += max((max(lap) + _step(lap)) * base for lap, base in together) - begins
    return found


def _step(lap: Sequence[int]) -> int:
    """How long the last packet of a lap lasts: as long as the one before it."""
    last = sorted(lap[-20:])[-2:]
    return last[-1] - last[0]


def _laid(said: ReadingSaid, columns: Sequence[_Column], moves: Sequence[Move]) -> ReadingSaid | None:
    """The master as its copy is to be; nothing where its times are not those of its packets."""
    times: list[int] = []
    sounds: list[int] = []
    for column, move in zip(columns, moves, strict=True):
        moved, tick = column.moved(move), column.base * MICROSECONDS
        if column.kind == "video":
            times = [round(at * tick) for at in moved]
        else:
            sounds.append(round((max(moved) + _step(moved)) * tick))
    if len(times) != len(said.times_us) or len(sounds) != len(said.sound_us):
        return None
    return said.model_copy(update={"times_us": tuple(times), "sound_us": tuple(sounds), "start_us": 0})
