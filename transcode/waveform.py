"""The loudest and the quietest sample of each tenth of a second, for drawing a recording's sound. Pure."""

from __future__ import annotations

import array
import json
import sys
from typing import Final

RATE: Final = 8000
"""Samples a second that come in, 16 bit, little-endian, channels side by side."""
A_SECOND: Final = 10
FILE: Final = "waveform.json"
MOST_SECONDS: Final = 48 * 3600


class Waveform:
    """Takes samples as they come and keeps two small numbers for each tenth of a second and channel."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._window = RATE // A_SECOND * channels
        self._waiting = bytearray()
        self.taken = 0
        self.peaks: list[list[int]] = [[] for _ in range(channels)]

    @property
    def length_ms(self) -> int:
        """How much sound has come in, in milliseconds."""
        return self.taken * 1000 // (2 * self.channels * RATE)

    def take(self, data: bytes) -> None:
        """Take the next bytes, whole samples or not."""
        self.taken += len(data)
        self._waiting += data
        size = self._window * 2
        whole = len(self._waiting) // size * size
        if whole:
            self._measure(bytes(self._waiting[:whole]))
            del self._waiting[:whole]

    def _measure(self, data: bytes) -> None:
        samples = array.array("h", data)
        if sys.byteorder == "big":
            samples.byteswap()
        for start in range(0, len(samples), self._window):
            for channel, peaks in enumerate(self.peaks):
                part = samples[start + channel : start + self._window : self.channels]
                if part and len(peaks) < 2 * MOST_SECONDS * A_SECOND:
                    # Eight bits are as high as a screen draws.
                    peaks.extend((min(part) >> 8, max(part) >> 8))

    def as_json(self) -> str:
        """What the player reads: `peaks[channel]` is quietest, loudest, quietest, loudest … from -128 to 127."""
        rest = len(self._waiting) // (2 * self.channels) * 2 * self.channels
        if rest:
            self._measure(bytes(self._waiting[:rest]))
            self._waiting.clear()
        told = {"version": 1, "per_second": A_SECOND, "channels": self.channels, "peaks": self.peaks}
        return json.dumps(told, separators=(",", ":"))
