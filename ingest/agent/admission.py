"""Whose turn is it? Pure: legal urgency first, then the oldest; never more at once than the cap.

Live custody has one place beyond the cap, so that an interview never waits behind a shift's worth of patrols.
While server or store are away, one file at a time is tried: it finds out whether they are back, and a camera is not
read through for nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from ingest.agent.settings import Kind


class Priority(IntEnum):
    """Classes of urgency, as the server knows them; higher goes first."""

    LIVE_CUSTODY = 20
    ROUTINE = 10


def priority_of(kind: Kind) -> Priority:
    """The class that a kind of place gives its files: an interview suite means a person in custody."""
    return Priority.LIVE_CUSTODY if kind is Kind.SUITE else Priority.ROUTINE


@dataclass(frozen=True, slots=True)
class Candidate:
    """A settled file that could be taken now: key, class, own time in ns, name, and when it was last tried (s)."""

    key: int
    priority: Priority
    mtime_ns: int
    name: bytes
    tried_at: float = 0.0

    def order(self) -> tuple[int, int, bytes, int]:
        """Urgency, then age."""
        return -self.priority, self.mtime_ns, self.name, self.key


@dataclass(frozen=True, slots=True)
class Turn:
    """The keys of those whose turn it is, in order, and why the others wait."""

    chosen: tuple[int, ...]
    reason: str


def whose_turn(
    candidates: Sequence[Candidate], under_way: Sequence[Priority], *, cap: int, away: str | None = None
) -> Turn:
    """Choose who starts now. `away` is the reason why server or store do not answer, if they do not."""
    places = (1 if away else cap) - len(under_way)
    places = max(places, 0)
    # While somebody is away those go first that were not tried for longest: the fault may be with one file alone.
    first = heapq.nsmallest(places + 1, candidates, key=lambda one: (one.tried_at if away else 0.0, *one.order()))
    chosen = first[:places]
    if len(first) > places and not away:
        chosen += _live_extra(first[-1], chosen, under_way)
    reason = away or f"Waits its turn: {cap} files are sent at once, live custody first, then the oldest."
    return Turn(tuple(one.key for one in chosen), reason)


def _live_extra(first: Candidate, chosen: Sequence[Candidate], under_way: Sequence[Priority]) -> list[Candidate]:
    live = sum(priority is Priority.LIVE_CUSTODY for priority in [*under_way, *(one.priority for one in chosen)])
    return [first] if first.priority is Priority.LIVE_CUSTODY and live == 0 else []
