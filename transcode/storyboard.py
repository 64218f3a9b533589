"""Where the small pictures of a recording come from, and the WebVTT that says which shows when. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from transcode.media import MediaFacts

ACROSS: Final = 10
DOWN: Final = 10
WIDTH: Final = 160
POSTER_HEIGHT: Final = 360
MOST: Final = 800
SHEET: Final = "storyboard-%03d.jpg"
POSTER: Final = "poster.jpg"
CUES: Final = "storyboard.vtt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storyboard:
    """One picture every `interval` seconds, `width` by `height` pixels, ten by ten to a sheet.

    `from_zero`: what people play beside it is a copy, which begins at zero, whenever its master does.
    """

    interval: float
    count: int
    width: int = WIDTH
    height: int
    poster_width: int
    from_zero: bool = False

    @property
    def sheets(self) -> int:
        """How many sheets that makes."""
        return math.ceil(self.count / (ACROSS * DOWN))


def storyboard(facts: MediaFacts) -> Storyboard:
    """A picture every ten seconds; more often in a short recording, less often in one of many hours."""
    seconds = max(facts.length_ms, 1) / 1000
    interval = max(min(10.0, max(1.0, seconds / 100)), seconds / MOST)
    aspect = facts.pictures[0].shown_aspect
    return Storyboard(
        interval=round(interval, 3),
        count=max(1, math.ceil(seconds / interval)),
        height=_even(WIDTH / aspect),
        poster_width=_even(POSTER_HEIGHT * aspect),
    )


def _even(length: Fraction | float) -> int:
    return max(2, round(float(length) / 2) * 2)


def cues(starts: Sequence[float], *, end: float, width: int, height: int) -> str:
    """The WebVTT for pictures shown from `starts` (seconds, rising) until the next one, the last until `end`."""
    lines = ["WEBVTT", ""]
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], max(end, starts[-1] + 0.001)], strict=True)):
        sheet, place = divmod(number, ACROSS * DOWN)
        row, column = divmod(place, ACROSS)
        where = f"{column * width},{row * height},{width},{height}"
        lines += [f"{_stamp(start)} --> {_stamp(stop)}", f"{SHEET % (sheet + 1)}#xywh={where}", ""]
    return "\n".join(lines)


def _stamp(seconds: float) -> str:
    milliseconds = round(max(seconds, 0) * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
