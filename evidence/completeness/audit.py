"""The log verifies itself: what is new within the hour, all of it within the day; what it finds is an incident."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import text

from evidence import clock
from evidence.completeness import fsck
from evidence.completeness.claims import Verdict, Verification
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.facts_of_log import LogVerified
from evidence.custody.leaf import Leaf, read_leaf
from evidence.custody.places import END, IN_LOG, NUMBER
from evidence.database import ReadSession
from evidence.errors import NotALeaf
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.outside.strays import MOST_AHEAD
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

# Newest first along the subject's own numbers, which have an index; audits are among the last of them. An event counts
# that has its number in the log, or waits for it; `below` is how many events the log can have had when it was written.
AUDITS = text(f"""
SELECT e.leaf, coalesce(l.seq, {END}) AS below
FROM custody.event e
LEFT JOIN {NUMBER}
WHERE e.subject = :subject AND e.type = :type AND e.at <= :latest AND {IN_LOG}
ORDER BY e.subject_no DESC LIMIT :most
""")  # noqa: S608 - put together of our own constants
MOST = 48  # audits looked back upon: two days of them


def audit(house: House, *, stopping: threading.Event | None = None) -> Verification | None:
    """Verify what is new, or all where the last whole round is a day old; None where there is nothing to look at."""
    now = clock.now()
    with house.reading() as session:
        earlier = _earlier(session, now)
    since = _since(earlier, now)
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


def _earlier(session: ReadSession, now: datetime) -> list[Leaf]:
    """The audits that the log tells of, the newest first: none of a time to come, or of more events than there were."""
    latest = now + MOST_AHEAD
    words = {"subject": SYSTEM, "type": EventType.LOG_VERIFIED.value, "latest": latest, "most": MOST}
    found = []
    for row in session.execute(AUDITS, words):
        try:
            leaf = read_leaf(bytes(row.leaf))
            said = LogVerified.model_validate(leaf.facts)
        except (NotALeaf, ValidationError):
            continue  # verification names it
        if said.size <= row.below and clock.from_text(leaf.at) <= latest:
            found.append(leaf)
    return found


def _since(earlier: list[Leaf], now: datetime) -> int | None:
    """From which event on to read again; None: from the beginning."""
    agreed = [leaf for leaf in earlier if leaf.facts["verdict"] == "agrees"]
    whole = [leaf for leaf in agreed if leaf.facts.get("from_size", 0) == 0]
    if not whole or now - clock.from_text(whole[0].at) > WHOLE_AFTER or agreed[0] is not earlier[0]:
        return None
    return int(agreed[0].facts["size"])
