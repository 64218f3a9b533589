"""Decides whether a long copy is made by many workers, and where it is cut. Pure: times and key frames in, cuts out.

A cut lies at a key frame before which every earlier picture is shown, so that what is shown on either side of it is
decoded without the other side. Pictures that are decoded after a key frame and shown before it (leading pictures of an
open group) belong to the part before: that part gets the packets of the key frame too, and drops what it shows of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil
from typing import Any, Final

from evidence.vocabulary import Condition, RenditionMethod
from transcode.media import MediaFacts
from transcode.plan import RECIPE, Plan
from transcode.said import ReadingSaid

SHORTEST_SECONDS: Final = 4.0
"""Below this, starting a part costs more than the part."""
PARTS_EACH: Final = 3
"""Parts for each worker at least: one that falls behind, or makes the sound, does not hold up the rest for long."""
MOST_PARTS: Final = 2000
WIDEST_GAP_MS: Final = 10_000
"""FFmpeg itself bridges wider gaps in some containers, and parts would not know of each other's."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One part: pictures [first, end) by time, in ticks; end is nothing for the last.

    Decoding begins at the key frame shown at `begin`, whose first `skip` pictures are dropped; `frames` are kept.
    """

    number: int
    first: int
    end: int | None
    begin: int
    skip: int
    frames: int

    def as_facts(self) -> dict[str, Any]:
        """For the segment's row."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class InOnePiece:
    """It is made by one worker, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A master's pictures in the order in which they are decoded: times in ticks, and the places of key frames.

    `timescale` is how many ticks a second has. `packets` is how many packets of pictures were counted.
    """

    ticks: Sequence[int]
    keys: Sequence[int]
    timescale: int
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How long a part is to be, in seconds, and how many workers could begin at once."""

    seconds: float
    slots: int


def survey_of(said: ReadingSaid, picture: int) -> tuple[Survey, Fraction] | None:
    """What was read of a master as a survey of one stream, with its time base; nothing where it is not known."""
    track = next((each for each in said.counted if each.index == picture and each.listed), None)
    if track is None:
        return None
    survey = Survey(ticks=said.ticks, keys=array("I", track.keys), timescale=said.timescale, packets=track.packets)
    return survey, Fraction(*track.base)


def start_of(said: ReadingSaid) -> int:
    """When the recording begins, in microseconds of the master's clock; an encoder's run-in lies before it."""
    return max(0, said.start_us)


def is_worth_it(plan: Plan, facts: MediaFacts, *, urgent: bool, least_minutes: float) -> bool:
    """Whether many workers are put to one copy: urgent, long, and its pictures encoded by the recipe.

    What is not urgent is made in one piece: FFmpeg's own threads use a machine as well, and the master is read once.
    """
    encoded = plan.method is RenditionMethod.TRANSCODE and bool(plan.filters) and plan.recipe == RECIPE
    return encoded and urgent and facts.length_ms >= least_minutes * 60_000


def oddity(facts: MediaFacts, condition: Condition) -> str:
    """Why this master stays in one piece, by what is known before its packets are read; empty where it may be cut."""
    picture = facts.pictures[0]
    oddities = (
        (condition is not Condition.SOUND, "the master is not intact"),
        (picture.untimed, "its pictures have no times of their own"),
        (picture.uneven, "its pictures come at uneven times"),
        ((picture.widest_gap_ms or 0) > WIDEST_GAP_MS, "there is a gap between its pictures"),
        (any(sound.timeless for sound in facts.sounds), "its sound has no times of its own"),
        (bool(picture.rotation), "it is shown turned"),
    )
    return next((reason for holds, reason in oddities if holds), "")


def cuts(survey: Survey, room: Room, *, lead: bool) -> tuple[Cut, ...] | InOnePiece:
    """Where to cut, by length and by the number of workers: several parts for each.

    `lead`: pictures are worked on together with their neighbours, so each part decodes the group before it as well.
    """
    shown = sorted(survey.ticks)
    odd = _odd_times(survey, shown)
    if odd:
        return InOnePiece(odd)
    keys = _clean_keys(survey)
    starts = _starts(keys, shown, survey.timescale, room)
    if len(starts) < 2:
        return InOnePiece("its key frames are too far apart")
    if len(starts) > MOST_PARTS:
        return InOnePiece("it would be cut into too many parts")
    bounds = [*starts, None]
    return tuple(
        _cut(number, (first, end), shown, keys if lead else ())
        for number, (first, end) in enumerate(pairwise(bounds), 1)
    )


def _odd_times(survey: Survey, shown: Sequence[int]) -> str:
    if not shown or survey.timescale <= 0:
        return "its pictures have no times"
    if survey.packets != len(survey.ticks):
        return "not every packet is a picture that is shown"
    if any(earlier == later for earlier, later in pairwise(shown)):
        return "two of its pictures are shown at the same time"
    if survey.ticks[0] != shown[0]:
        return "its first picture is not the first that is shown"
    return ""


def _clean_keys(survey: Survey) -> list[int]:
    """The times of key frames before which all that was decoded earlier is shown, and after which nothing comes late.

    Only pictures that follow at once may be shown earlier than the key frame: its leading pictures.
    """
    ticks, count = survey.ticks, len(survey.ticks)
    latest, later_least = [0] * count, [0] * (count + 1)
    running = ticks[0]
    for place, tick in enumerate(ticks):
        latest[place] = running = max(running, tick)
    later_least[count] = latest[-1] + 1
    for place in range(count - 1, -1, -1):
        later_least[place] = min(later_least[place + 1], ticks[place])
    clean = []
    for place in survey.keys:
        key = ticks[place]
        after = place + 1
        while after < count and ticks[after] < key:
            after += 1
        if (place == 0 or latest[place - 1] < key) and later_least[after] > key:
            clean.append(key)
    return clean


def _starts(keys: Sequence[int], shown: Sequence[int], timescale: int, room: Room) -> list[int]:
    """The key frames that lie next to even cuts: as many as length and workers ask for, and none too short."""
    if not keys or keys[0] != shown[0]:
        return []
    whole = shown[-1] - shown[0]
    slots = max(room.slots, 1)
    by_length = ceil(whole / (room.seconds * timescale))
    # A multiple of the workers, so that they end together.
    wanted = max(ceil(by_length / slots), PARTS_EACH) * slots
    count = max(1, min(wanted, int(whole / (SHORTEST_SECONDS * timescale))))
    lengths = _lengths(count, slots, halves=whole >= 2 * count * SHORTEST_SECONDS * timescale)
    begins = (shown[0] + whole * before // sum(lengths) for before in accumulate(lengths[:-1], initial=0))
    places = (bisect_left(keys, begin) for begin in begins)
    return sorted({keys[place] for place in places if place < len(keys)})


def _lengths(count: int, slots: int, *, halves: bool) -> list[int]:
    """How long each part is beside the others. The last of each worker comes in halves, where there are several: one
    that was held up by the sound, by a beginning or by its machine keeps the others waiting for half as long then.
    """
    if not halves or not 1 < slots < count:
        return [1] * count
    return [2] * (count - slots) + [1] * (2 * slots)


def _cut(number: int, bounds: tuple[int | None, int | None], shown: Sequence[int], leads: Sequence[int]) -> Cut:
    first, end = bounds
    assert first is not None  # noqa: S101 - only the last bound is open
    here = bisect_left(shown, first)
    until = len(shown) if end is None else bisect_left(shown, end)
    before = bisect_left(leads, first) - 1 if leads else -1
    begin = leads[before] if before >= 0 else first
    return Cut(number, first, end, begin, here - bisect_left(shown, begin), until - here)


def is_due(ready: int, of_parts: int, shown: int) -> bool:
    """Whether so many finished parts from the beginning are worth putting together, after `shown` of them were.

    After 1, 2, 4, 8 … parts: every byte is copied about twice in all. Not where less than a quarter is still to come:
    the whole is there soon, and putting together takes a core from the parts that it waits for.
    """
    return ready >= max(1, 2 * shown) and 4 * (of_parts - ready) >= of_parts


def ready_from_start(numbers: Sequence[int]) -> int:
    """How many parts from the first are there without a gap; `numbers` are those that are ready, in any order."""
    there, count = set(numbers), 0
    while count + 1 in there:
        count += 1
    return count
