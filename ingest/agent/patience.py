"""How long to wait before trying again: growing pauses with a cap, spread so that docks do not knock together. Pure."""

from __future__ import annotations

import random

FIRST, MOST = 0.5, 300.0  # seconds


def pause_after(failures: int, *, first: float = FIRST, most: float = MOST, chance: float | None = None) -> float:
    """Seconds to wait after so many failures in a row: doubling, capped, between half and all of it at random."""
    whole = min(most, first * 2.0 ** min(max(failures - 1, 0), 40))
    drawn = random.random() if chance is None else chance  # noqa: S311 - spreads load, keeps no secret
    return whole * (0.5 + drawn / 2)
