"""A cap on what is sent to the store: a token bucket. The bucket is pure; the throttle waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from ingest.agent import clock
from ingest.agent.errors import Stopping

LARGEST_SLICE, SMALLEST_SLICE = 256 * 1024, 4 * 1024  # bytes
SLICE_SECONDS = 0.1  # of the whole rate: no sender is silent for so long that the store hangs up
OPEN_SLICE = 1 << 20  # bytes; without a limit, only so often as progress is worth showing


class TokenBucket:
    """Lets `rate` bytes a second through, and up to one second's worth at once after a pause."""

    def __init__(self, rate: float, *, at: float) -> None:
        self.rate = rate
        self._free_at = at - 1.0

    def book(self, octets: int, *, at: float) -> float:
        """Take bytes out of the bucket and say how many seconds to wait before sending them."""
        starts = max(self._free_at, at - 1.0)
        self._free_at = starts + octets / self.rate
        return max(0.0, self._free_at - at)


def slice_for(rate: float) -> int:
    """Bytes to send at once under this rate (bytes a second)."""
    return max(SMALLEST_SLICE, min(LARGEST_SLICE, int(rate * SLICE_SECONDS)))


class Throttle:
    """One bucket for all sending threads; without a rate it lets everything through whole."""

    def __init__(self, rate: float | None, stop: threading.Event) -> None:
        self._bucket = TokenBucket(rate, at=clock.monotonic()) if rate else None
        self._lock, self._stop = threading.Lock(), stop

    def paced(self, body: memoryview) -> Iterator[memoryview]:
        """The body in slices, each given out when its turn has come. Raises Stopping."""
        step = OPEN_SLICE if self._bucket is None else slice_for(self._bucket.rate)
        for start in range(0, len(body), step):
            piece = body[start : start + step]
            self._await_turn(len(piece))
            yield piece

    def _await_turn(self, octets: int) -> None:
        if self._bucket is None:
            return
        with self._lock:
            seconds = self._bucket.book(octets, at=clock.monotonic())
        if seconds and self._stop.wait(seconds):
            raise Stopping
