"""The loudest and the quietest sample of each tenth of a second, for drawing a recording's sound. Pure."""

from __future__ import annotations

import array
import json
import struct
import sys
from typing import Final

RATE: Final = 8000
"""Samples a second that come in, 16 bit, little-endian, channels side by side."""
FORMAT: Final = "smjpeg"
"""What FFmpeg is to write samples as: the plainest of its formats that says of each block when it is heard."""
A_SECOND: Final = 10
FILE: Final = "waveform.json"
MOST_SECONDS: Final = 48 * 3600
LONGEST_HEAD: Final = 1 << 16


class Waveform:
    """Takes samples as they come and keeps two small numbers for each tenth of a second and channel.

    Where nothing was heard it is silent; where several samples were heard at one time, the extremes of all count.
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._window = RATE // A_SECOND * channels
        self._waiting = bytearray()
        self._next = 0
        self.taken = 0
        self.peaks: list[list[int]] = [[] for _ in range(channels)]

    @property
    def length_ms(self) -> int:
        """How much sound has come in, in milliseconds: silence in which none came is not counted."""
        return self.taken * 1000 // (2 * self.channels * RATE)

    def place(self, at_ms: int) -> None:
        """What comes next is heard at this time; without a word it is heard after what came before."""
        tenth = 1000 // A_SECOND
        expected = self._next * tenth + len(self._waiting) * 1000 // (2 * self.channels * RATE)
        if abs(at_ms - expected) > tenth:
            self._finish()
            self._next = round(at_ms / tenth)

    def take(self, data: bytes) -> None:
        """Take the next bytes, whole samples or not."""
        self.taken += len(data)
        self._waiting += data
        size = self._window * 2
        whole = len(self._waiting) // size * size
        if whole:
            self._measure(bytes(self._waiting[:whole]))
            del self._waiting[:whole]

    def _finish(self) -> None:
        """Measure what does not fill a tenth of a second."""
        rest = len(self._waiting) // (2 * self.channels) * 2 * self.channels
        if rest:
            self._measure(bytes(self._waiting[:rest]))
        self._waiting.clear()

    def _measure(self, data: bytes) -> None:
        samples = array.array("h", data)
        if sys.byteorder == "big":
            samples.byteswap()
        for start in range(0, len(samples), self._window):
            if 0 <= self._next < MOST_SECONDS * A_SECOND:
                for channel, peaks in enumerate(self.peaks):
                    part = samples[start + channel : start + self._window : self.channels]
                    # Eight bits are as high as a screen draws.
                    _put(peaks, 2 * self._next, min(part) >> 8, max(part) >> 8)
            self._next += 1

    def as_json(self) -> str:
        """What the player reads: `peaks[channel]` is quietest, loudest, quietest, loudest … from -128 to 127."""
        self._finish()
        told = {"version": 1, "per_second": A_SECOND, "channels": self.channels, "peaks": self.peaks}
        return json.dumps(told, separators=(",", ":"))


def _put(peaks: list[int], place: int, least: int, most: int) -> None:
    if place < len(peaks):
        peaks[place], peaks[place + 1] = min(peaks[place], least), max(peaks[place + 1], most)
        return
    peaks.extend([0] * (place - len(peaks)))
    peaks.extend((least, most))


class Blocks:
    """Reads what FFmpeg writes in FORMAT and lets a waveform have it. What is not in that format is left unread."""

    def __init__(self, waveform: Waveform) -> None:
        self._waveform = waveform
        self._waiting = bytearray()
        self._in_head, self._over, self._left = True, False, 0

    def take(self, data: bytes) -> None:
        """Take the next bytes, whole blocks or not."""
        if self._over:
            return
        self._waiting += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Whether there may be more to read in what has come."""
        if self._in_head:
            ends = self._waiting.find(b"HEND")
            self._in_head, self._over = ends < 0, ends < 0 and len(self._waiting) > LONGEST_HEAD
            del self._waiting[: ends + 4 if ends >= 0 else 0]
            return ends >= 0
        if self._left:
            part = bytes(self._waiting[: self._left])
            del self._waiting[: len(part)]
            self._left -= len(part)
            self._waveform.take(part)
            return bool(part)
        if len(self._waiting) < 12:
            return False
        mark, at_ms, self._left = struct.unpack_from(">4siI", self._waiting)
        del self._waiting[:12]
        self._over = mark != b"sndD"
        if not self._over:
            self._waveform.place(at_ms)
        return not self._over
