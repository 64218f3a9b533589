"""Reads FFmpeg's progress lines (`-progress`), and the lines of ours on each picture that was encoded (`at=`): how far
into the recording the work is. Words that make no sense are passed over. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ENOUGH: Final = 0.2
"""Seconds after which pictures tell a speed: several are heard at once, and between those lies no time at all."""

MOST: Final = 1e10
"""More seconds than any clock of a recording tells, and faster than any work is."""
WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


@dataclass(slots=True)
class ProgressReader:
    """Takes lines as they come. `length_ms` is the recording's; 0 where nobody knows it.

    FFmpeg says nothing of its speed before every output has begun, and a sheet of pictures begins with its last one:
    until then the speed is told from the pictures' times and `now`, a clock in seconds.
    """

    length_ms: int
    now: Callable[[], float] | None = None
    done_us: int = 0
    frames: int = 0
    speed: float | None = None
    ended: bool = False
    since: tuple[float, float] | None = None
    """When the first picture was encoded, and its time in the recording; both in seconds."""

    def take(self, line: str) -> bool:
        """Take one `key=value` line; true at the end of each block, when there is something new to say."""
        key, _, value = line.partition("=")
        if key in ("out_time_us", "out_time_ms") and WHOLE.fullmatch(value.strip()):
            # FFmpeg's `out_time_ms` has always been microseconds too.
            self.done_us = max(self.done_us, int(value))
        elif key == "frame" and WHOLE.fullmatch(value.strip()):
            self.frames = max(0, int(value))
        elif key == "speed":
            self.speed = _number(value.strip().rstrip("x"))
        elif key == "at":
            return self._picture(_number(value))
        elif key == "progress":
            self.ended = value.strip() == "end"
            return True
        return False

    def _picture(self, at: float | None) -> bool:
        """A picture of this time was encoded, in seconds."""
        if at is None:
            return False
        self.done_us = max(self.done_us, int(at * 1_000_000))
        if self.now is not None:
            now = self.now()
            began, first = self.since = self.since or (now, at)
            if now - began >= ENOUGH and at > first:
                self.speed = round((at - first) / (now - began), 3)
        return True

    @property
    def fraction(self) -> float | None:
        """From 0 to 1; nothing where the length is not known."""
        if not self.length_ms:
            return None
        return min(1.0, self.done_us / (self.length_ms * 1000))


def _number(text: str) -> float | None:
    """Nothing where it is no number, or one that neither a time nor a speed can be."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) < MOST else None
