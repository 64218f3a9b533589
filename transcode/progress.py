"""Reads FFmpeg's progress lines (`-progress`): how far into the recording the work is. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ProgressReader:
    """Takes lines as they come. `length_ms` is the recording's; 0 where nobody knows it."""

    length_ms: int
    done_us: int = 0
    frames: int = 0
    speed: float | None = None
    ended: bool = False

    def take(self, line: str) -> bool:
        """Take one `key=value` line; true at the end of each block, when there is something new to say."""
        key, _, value = line.partition("=")
        if key in ("out_time_us", "out_time_ms") and value.strip().lstrip("-").isdigit():
            # FFmpeg's `out_time_ms` has always been microseconds too.
            self.done_us = max(self.done_us, int(value))
        elif key == "frame" and value.strip().isdigit():
            self.frames = int(value)
        elif key == "speed":
            self.speed = _number(value.strip().rstrip("x"))
        elif key == "progress":
            self.ended = value.strip() == "end"
            return True
        return False

    @property
    def fraction(self) -> float | None:
        """From 0 to 1; nothing where the length is not known."""
        if not self.length_ms:
            return None
        return min(1.0, self.done_us / (self.length_ms * 1000))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
