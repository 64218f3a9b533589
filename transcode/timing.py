"""When frames are shown, and whether a copy shows them when its master does. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import Final

SAME_US: Final = 1000
"""Two times are the same moment when no more than this lies between: Matroska counts in milliseconds."""
FRAMES: Final = "frames.json"
MICROSECONDS: Final = 1_000_000
SILENCE: Final = Fraction(1, 4)
"""Seconds: a packet of sound that is followed by none for so long is followed by silence."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a copy's frames lie against its master's. `strangers` are shown when the master shows none."""

    master_frames: int
    copy_frames: int
    strangers: int = 0
    worst_us: int = 0

    @property
    def exact(self) -> bool:
        """Frame n of the copy is frame n of the master, at the same time."""
        return self.master_frames == self.copy_frames and not self.strangers


def agreement(master: Sequence[int], copy: Sequence[int], *, start: int) -> Agreement:
    """Compare times in microseconds. The copy begins at zero, the master at `start` or with its first frame:
    which of the two fits better is what the copy was made by.
    """
    if not master or not copy:
        return Agreement(len(master), len(copy), strangers=0)
    mine, theirs = sorted(master), sorted(copy)
    strangers, worst = min(_compare(mine, theirs, shift) for shift in {start, mine[0] - theirs[0], 0})
    if strangers and len(mine) == len(theirs):
        worst = max(abs((a - mine[0]) - (b - theirs[0])) for a, b in zip(mine, theirs, strict=True))
    return Agreement(len(mine), len(theirs), strangers, worst)


def _compare(master: Sequence[int], copy: Sequence[int], shift: int) -> tuple[int, int]:
    """Each picture of the copy claims the first of the master's that is near and not yet claimed: no two the same."""
    strangers = worst = place = 0
    for moment in copy:
        while place < len(master) and master[place] < moment + shift - SAME_US:
            place += 1
        if place == len(master) or master[place] > moment + shift + SAME_US:
            strangers += 1
            continue
        worst = max(worst, abs(master[place] - moment - shift))
        place += 1
    return strangers, worst


@dataclass(frozen=True, slots=True)
class Span:
    """When the packets of a sound begin and end, and how long they last together. Microseconds."""

    first: int
    ends: int
    lasts: int


def span(ticks: Sequence[int], numerator: int, denominator: int) -> Span | None:
    """Of times in the order of the file. Silence between packets does not last, and a clock that starts again adds
    what follows. Nothing where there are no two times that differ.
    """
    forward = [later - earlier for earlier, later in pairwise(ticks) if later > earlier]
    if not forward:
        return None
    usual = median_low(forward)
    widest = max(int(SILENCE * denominator / numerator), usual * 3 // 2)
    lasts, latest = usual, ticks[0]
    for at in ticks[1:]:
        step = at - latest
        if step > 0:
            lasts += step if step <= widest else usual
        if step > 0 or -step > widest:
            latest = at
    first, ends, long = (
        each * numerator * MICROSECONDS // denominator for each in (min(ticks), max(ticks) + usual, lasts)
    )
    return Span(max(0, first), ends, long)


def steps(ticks: Sequence[int]) -> list[list[int]]:
    """Differences between neighbours as [difference, how often in a row]: an even recording is one line."""
    told: list[list[int]] = []
    for earlier, later in pairwise(ticks):
        if told and told[-1][0] == later - earlier:
            told[-1][1] += 1
        else:
            told.append([later - earlier, 1])
    return told


def frame_table(ticks: Sequence[int], timescale: int) -> str:
    """What the player steps by, as JSON: frame n is shown at (first + the first n steps) / timescale seconds."""
    shown = sorted(ticks)
    table = {"version": 1, "timescale": timescale, "frames": len(shown), "first": shown[0], "steps": steps(shown)}
    return json.dumps(table, separators=(",", ":"))
