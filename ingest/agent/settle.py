"""Has this file finished arriving? Pure; every answer has its reason.

Size and time unchanged between two looks is the rule. Three things outrank it: a program on this host that still
writes; a marker file beside it that the recorder leaves when it is done; a time of last writing so long ago that a
second look would teach nothing. A file that settles too early is not lost: what it becomes is taken in as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ingest.agent.sighting import Identity


class Verdict(StrEnum):
    """Whether the file may be read now."""

    SETTLED = "settled"
    SETTLING = "settling"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Quiet:
    """How long a file has looked the same: since `since` (monotonic seconds), after `changes` changes."""

    identity: Identity
    since: float
    changes: int = 0

    def seen(self, identity: Identity, at: float) -> Self:
        """The same record after one more look."""
        return self if identity == self.identity else type(self)(identity, at, self.changes + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one file at one moment, in seconds.

    `age` is this host's time less the file's own, None where that makes no sense; `written_to` is None where the
    host cannot tell; `marked` means that a marker beside it says the folder is whole.
    """

    unchanged_for: float
    changes: int
    size: int
    age: float | None = None
    written_to: bool | None = None
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, its reason, and in how many seconds to look again."""

    verdict: Verdict
    reason: str
    again_in: float = 0.0


def decide(facts: Facts, *, settle_seconds: float, sure_after_seconds: float) -> Decision:
    """Whether a file may be read now."""
    if facts.written_to:
        return Decision(Verdict.WAITING, "Another program on this host is still writing it.", settle_seconds)
    if because := _settled_because(facts, settle_seconds, sure_after_seconds):
        return Decision(Verdict.SETTLED, because)
    left = settle_seconds - facts.unchanged_for
    if facts.changes:
        return Decision(Verdict.WAITING, f"It is still growing or changing ({facts.size} bytes now).", left)
    return Decision(Verdict.SETTLING, "Seen just now; looked at again to be sure that it is whole.", left)


def _settled_because(facts: Facts, settle_seconds: float, sure_after_seconds: float) -> str | None:
    if facts.marked:
        return "the recorder marked its folder as complete"
    if facts.unchanged_for >= settle_seconds:
        return f"unchanged for {facts.unchanged_for:.1f} s"
    # A file that has changed before our eyes is judged by our eyes alone: its own time may be the camera's.
    if facts.changes == 0 and facts.age is not None and facts.age >= sure_after_seconds:
        return f"last written {facts.age:.0f} s ago"
    return None


def age_of(mtime_ns: int, *, now_ns: int) -> float | None:
    """Seconds since a file says it was last written; None where it says the future, or before 1980."""
    year_1980 = 315_532_800_000_000_000
    return (now_ns - mtime_ns) / 1e9 if year_1980 <= mtime_ns <= now_ns else None
