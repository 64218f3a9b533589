"""Decides how soon a recording's work is due, and says why. Pure: facts in, a priority and its reason out.

The clocks of the law come first. A person in custody may be held for 24 hours before a charge (PACE 1984 s.41); after
a charge custody time limits run; a complaint and a hold have people who wait on them. What nobody has called urgent
goes in the order in which it came, and rises with its age (`evidence/jobs/upkeep.py`), so that bulk never starves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from evidence.vocabulary import RecordingKind, UrgencyReason

LIVE_CUSTODY: Final = 20
"""The class that a dock gives what comes from a place with a person in custody (`ingest/agent/admission.py`)."""
BY_REASON: Final[Mapping[UrgencyReason, tuple[int, str]]] = {
    UrgencyReason.CUSTODY: (100, "a person is in custody"),
    UrgencyReason.CHARGED: (96, "a person has been charged"),
    UrgencyReason.COMPLAINT: (92, "it is part of a complaint"),
    UrgencyReason.HOLD: (90, "it is under a hold"),
}
DOCKED_LIVE: Final = (98, "its dock says that a person is in custody")
INTERVIEW: Final = (88, "it is an interview")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a recording that bears on when its work is due. `stated`: a person's word, until `until`."""

    stated: UrgencyReason | None = None
    until: datetime | None = None
    dock_class: int = 0
    kind: RecordingKind = RecordingKind.OTHER


@dataclass(frozen=True, slots=True)
class Urgency:
    """How soon: `priority` above zero goes before all bulk. `reason` is for a person, empty where it may wait."""

    priority: int = 0
    reason: str = ""

    @property
    def is_urgent(self) -> bool:
        """It may not wait behind bulk."""
        return self.priority > 0


def decide(facts: Facts, now: datetime) -> Urgency:
    """The most urgent of all that holds now."""
    claims = [Urgency(0, "")]
    if facts.stated is not None and (facts.until is None or now < facts.until):
        claims.append(Urgency(*BY_REASON[facts.stated]))
    if facts.dock_class >= LIVE_CUSTODY:
        claims.append(Urgency(*DOCKED_LIVE))
    if facts.kind is RecordingKind.INTERVIEW:
        claims.append(Urgency(*INTERVIEW))
    return max(claims, key=lambda each: each.priority)
