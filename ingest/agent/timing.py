"""How far is this host's clock from the server's? Measured at docking, written down, never corrected.

What the device itself says of time is kept as its own words elsewhere; nothing here changes any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.agent import clock
from ingest.agent.errors import ServerAway

LOOKS = 3


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """This host's time less the server's, in ms, and the round trip it was measured with."""

    offset_ms: int
    round_trip_ms: int


def offset_of(*, asked_at: datetime, server_time: datetime, round_trip: float) -> ClockOffset:
    """The offset, taking the server to have answered in the middle of the round trip (in seconds)."""
    middle = asked_at + timedelta(seconds=round_trip / 2)
    offset = (middle - server_time).total_seconds()
    return ClockOffset(round(offset * 1000), round(round_trip * 1000))


def measure(ask: Callable[[], str]) -> ClockOffset | None:
    """Ask the server's time a few times and keep the quickest answer; None where the server is away."""
    best: ClockOffset | None = None
    for _ in range(LOOKS):
        asked_at, began = clock.now(), clock.monotonic()
        try:
            server_time = clock.from_text(ask())
        except (ServerAway, ValueError):
            return best
        measured = offset_of(asked_at=asked_at, server_time=server_time, round_trip=clock.monotonic() - began)
        if best is None or measured.round_trip_ms < best.round_trip_ms:
            best = measured
    return best
