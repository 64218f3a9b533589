"""The log verifies itself: what is new within the hour, all of it within the day; what it finds is an incident."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from evidence import clock
from evidence.completeness import fsck
from evidence.completeness.claims import Verdict, Verification
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.leaf import Leaf, read_leaf
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House

BY = Actor.system("self-audit")
WHOLE_AFTER = timedelta(hours=23, minutes=30)
OWN_EVENT = 1  # each audit writes one; where nothing else has come, there is nothing to write about
ADVICE = (
    "Change nothing in the database or the store. See docs/runbooks/chain-does-not-verify.md: `continuity verify` "
    "names what differs."
)

# Newest first along the subject's own numbers, which have an index; audits are among the last of them.
AUDITS = text("""
SELECT leaf FROM custody.event WHERE subject = :subject AND type = :type ORDER BY subject_no DESC LIMIT :most
""")
MOST = 48  # audits looked back upon: two days of them


def audit(house: House, *, stopping: threading.Event | None = None) -> Verification | None:
    """Verify what is new, or all where the last whole round is a day old; None where there is nothing to look at."""
    with house.reading() as session:
        words = {"subject": SYSTEM, "type": EventType.LOG_VERIFIED.value, "most": MOST}
        earlier = [read_leaf(bytes(leaf)) for leaf in session.scalars(AUDITS, words)]
    since = _since(earlier, clock.now())
    found = fsck.verify(house, since=since, read_back=True, stopping=stopping)
    if found.size == 0 and not found.contradicted:
        return None
    if found.contradicted or since is None or found.size > since + OWN_EVENT:
        write_down(house, found)
    return found


def write_down(house: House, found: Verification) -> None:
    """An event that says what was found, an incident for each claim that is contradicted; none that is proved again."""
    facts = {
        "size": found.size,
        "from_size": found.start,
        "root": found.root.hex(),
        "verdict": "contradicted" if found.contradicted else "agrees",
        "contradictions": len(found.contradicted),
    }
    with house.writing() as session:
        ledger.record(session, Event(type=EventType.LOG_VERIFIED, subject=SYSTEM, actor=BY, facts=facts))
        for claim in found.claims:
            name = f"log {claim.claim}"
            if claim.verdict is Verdict.CONTRADICTED:
                trouble = Trouble(kind=IncidentKind.LOG_DISAGREES, subject=name, reason=claim.words, advice=ADVICE)
                open_incident(session, trouble, by=BY)
            elif claim.verdict is Verdict.PROVED and found.start == 0:
                because = f"all {found.size} events were verified and agree"
                settle_incident(session, kind=IncidentKind.LOG_DISAGREES, subject=name, because=because, by=BY)


def _since(earlier: list[Leaf], now: datetime) -> int | None:
    """From which event on to read again; None: from the beginning."""
    agreed = [leaf for leaf in earlier if leaf.facts["verdict"] == "agrees"]
    whole = [leaf for leaf in agreed if leaf.facts.get("from_size", 0) == 0]
    if not whole or now - clock.from_text(whole[0].at) > WHOLE_AFTER or agreed[0] is not earlier[0]:
        return None
    return int(agreed[0].facts["size"])
