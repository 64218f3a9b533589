"""What a census asks the records, and how what it finds is written down."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text

from evidence import clock
from evidence.completeness import taken
from evidence.completeness.expected import LONGEST, Recorded, expect
from evidence.completeness.matching import Difference, Gap, Wanted
from evidence.completeness.packed import Packed, digest_of, entry
from evidence.completeness.taken import OUR_KEY
from evidence.custody import ledger, rows
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.places import IN_LOG, NUMBER
from evidence.database import ReadSession, WriteSession
from evidence.identifiers import recording_reference
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.models import Arrival, Incident
from evidence.outside.strays import ADVICE, reason_of
from evidence.store import Lock
from evidence.store.keys import MASTERS
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House
    from evidence.completeness.census import Census

BY = Actor.system("census")
PAGE = 5_000  # records read at a time, each page in a transaction of its own
AT_ONCE = 100  # differences written down in one transaction
MOST_INCIDENTS = 200  # of one census; one more stands for all others
MOST_KEPT = 100_000  # differences named in a census's own report; each new one is an event as well
MOST_PACKED = 4_000_000  # of which it says beyond those which event told of them: 32 bytes each
NOT_COUNTED, MORE = "census not finished", "census more"  # subjects of incidents that name no object
VERSION = re.compile(r"[!-~][ -~]{0,199}")

# A key is `masters/` and the id, so the order of ids is the order of keys; two indexes give it, and a page of each
# side is enough for a page of both. One statement sees a master and its event, or neither. An event counts that has its
# number in the log, or waits for it: what somebody wrote past the ledger says nothing of what was stored.
WANTED = text(f"""
WITH recorded AS (SELECT * FROM master WHERE id > :after ORDER BY id LIMIT :page),
stored AS (
  SELECT e.subject, array_agg(e.leaf ORDER BY e.subject_no) AS leaves FROM custody.event e
  LEFT JOIN {NUMBER}
  WHERE e.type = :stored AND e.subject > :after AND {IN_LOG} GROUP BY e.subject ORDER BY e.subject LIMIT :page)
SELECT coalesce(m.id, stored.subject) AS master, m.id IS NOT NULL AS is_recorded, stored.leaves,
  m.bucket, m.key, m.version_id, m.size, m.sha256, m.sha512, m.tree, m.lock_mode, m.lock_until, m.verified_at,
  coalesce(r.number, beside.number) AS number, coalesce(r.id, beside.id) AS recording
FROM recorded m
FULL JOIN stored ON stored.subject = m.id
LEFT JOIN recording r ON r.id = m.id
LEFT JOIN sidecar s ON s.master_id = m.id
LEFT JOIN recording beside ON beside.id = s.recording_id
ORDER BY 1 LIMIT :page
""")  # noqa: S608 - put together of our own constants
# Of masters without a record: what else the log says of them.
OF_LOG = text(
    f"SELECT e.subject, e.leaf FROM custody.event e LEFT JOIN {NUMBER}"  # noqa: S608 - as above
    f" WHERE e.subject = ANY(:masters) AND e.type = ANY(:types) AND {IN_LOG}"
)
CLAIMED = text(
    f"SELECT DISTINCT e.subject FROM custody.event e LEFT JOIN {NUMBER}"  # noqa: S608 - as above
    f" WHERE e.subject = ANY(:arrivals) AND e.type = :claimed AND {IN_LOG}"
)


def wanted(house: House, seen: Callable[[Wanted], None]) -> Iterator[Wanted]:
    """Every master that must be in the store, in the order of keys; each is shown to `seen` on its way."""
    after = UUID(int=0)
    while True:
        words = {"after": after, "page": PAGE, "stored": EventType.MASTER_STORED.value}
        with house.reading() as session:
            page = session.execute(WANTED, words).all()
            of_log = _of_log(session, [row.master for row in page if not row.is_recorded])
        for row in page:
            each = _wanted(row, of_log, house.masters.bucket)
            seen(each)
            yield each
        if len(page) < PAGE:
            return
        after = page[-1].master


def known_arrivals(house: House, keys: Sequence[str]) -> Mapping[str, bool]:
    """Those of the keys that an arrival was given, whatever became of it; and whether the log says so too."""
    ids = {key: UUID(key.removeprefix(MASTERS)) for key in keys if OUR_KEY.fullmatch(key)}
    if not ids:
        return {}
    with house.reading() as session:
        recorded = set(session.scalars(select(Arrival.key).where(Arrival.key.in_(ids))))
        words = {"arrivals": list(ids.values()), "claimed": EventType.ARRIVAL_CLAIMED.value}
        logged = set(session.scalars(CLAIMED, words))
    return {key: arrival in logged for key, arrival in ids.items() if key in recorded or arrival in logged}


class Journal:
    """Writes differences down as they are found: an event for each new one, an incident for each.

    An event is new where the census before did not find the same. `kept` are the first `most_kept` of them, for the
    report, and `told_by` the events that told of each; `rest` says as much of all others. `refused` is the count
    before, where its row cannot be what it wrote.
    """

    def __init__(self, house: House, census: UUID, *, most_kept: int = MOST_KEPT) -> None:
        self.kept: list[Difference] = []
        self.told_by: list[UUID] = []
        self.rest: list[bytes] = []
        self.still_there: set[str] = set()
        self._in_order: set[str] = set()
        self._house, self._census, self._most_kept, self._opened = house, census, most_kept, 0
        with house.reading() as session:
            self._before = taken.differed_before(session)
            self.refused = self._before.refused
            of_census = select(Incident.subject).where(Incident.kind == IncidentKind.CENSUS_GAP)
            self._open = set(session.scalars(of_census.where(Incident.closed_at.is_(None))))
            # What a person has looked at and let be is counted again each day, and not brought up again.
            self._let_be = set(session.scalars(of_census.where(Incident.closed_by.is_not(None))))

    def add(self, found: Sequence[Difference]) -> None:
        """Write some differences down."""
        for start in range(0, len(found), AT_ONCE):
            batch = found[start : start + AT_ONCE]
            with self._house.writing() as session:
                before = self._standing(session, batch)
                told_by = [self._add(session, *each) for each in zip(batch, before, strict=True)]
            room = self._most_kept - len(self.kept)
            self.kept += batch[:room]
            self.told_by += told_by[:room]
            others = list(zip(batch, told_by, strict=True))[room : room + MOST_PACKED - len(self.rest)]
            self.rest += [entry(shown(each.subject), event) for each, event in others]

    def is_open(self, subject: str) -> bool:
        """Whether an incident of this subject stood open when the census began."""
        return subject in self._open

    def in_order(self, subject: str) -> None:
        """The object that this subject is about was itself looked at, and the trouble is over."""
        self._in_order |= {subject} & self._open

    def settled(self) -> set[str]:
        """The open incidents whose trouble this census has not found again.

        That an object is no longer expected settles nothing: where one was missing or changed, it itself must have been
        found in order. Of an unknown one, the list of the store went to its end without it.
        """
        about_ours = tuple(f"{gap} " for gap in (Gap.MISSING, Gap.CHANGED))
        over = {each for each in self._open if each in self._in_order or not each.startswith(about_ours)}
        return over - self.still_there

    def digest(self) -> str:
        """What the count's event says of the events that told of its differences, as its row will name them."""
        return digest_of(chain((each.bytes for each in self.told_by), Packed.of(self.rest).events()))

    def _standing(self, session: ReadSession, batch: Sequence[Difference]) -> list[UUID | None]:
        """Of each difference the event that told of it, where it was there before: as the log has that event."""
        said = [self._before.event_of(shown(each.subject)) for each in batch]
        told = taken.told(session, [event for event in said if event])
        as_told = [told.get(event) if event else None for event in said]
        return [
            event if before is not None and before == self._tells(each) else None
            for each, event, before in zip(batch, said, as_told, strict=True)
        ]

    def _tells(self, each: Difference) -> taken.Told:
        event = _event(self._census, each, self._house.masters.bucket)
        return event.subject, each.gap.value, event.facts.get("version_id")

    def _add(self, session: WriteSession, each: Difference, before: UUID | None) -> UUID:
        """The event that tells of the difference: a new one, or the one of `before`."""
        if each.subject in self._open:
            self.still_there.add(each.subject)
        event = before or ledger.record(session, _event(self._census, each, self._house.masters.bucket)).id
        if each.subject in self._open or (before and each.subject in self._let_be):
            return event
        self._opened += 1
        if self._opened <= MOST_INCIDENTS:
            open_incident(session, _trouble(each), by=BY)
        elif self._opened == MOST_INCIDENTS + 1:
            self.still_there.add(MORE)
            open_incident(session, _more(), by=BY)
        return event


def write_down(house: House, census: Census, journal: Journal) -> None:
    """Keep the census itself; close what it has found in order again, and tell where it did not come to its end."""
    with house.writing() as session:
        if census.failed is None:
            event = ledger.record(session, _taken(census, journal)).id
            for subject in journal.settled():
                settle_incident(
                    session,
                    kind=IncidentKind.CENSUS_GAP,
                    subject=subject,
                    because=f"the census of {census.began_at:%d %b %Y %H:%M} UTC did not find it again",
                    by=BY,
                )
        else:
            event = _failure(session, census)
        if journal.refused is not None:
            open_incident(session, _refused(journal.refused), by=BY)
        session.execute(insert(rows.Census).values(**_row(census, journal), event_id=event))


def _failure(session: WriteSession, census: Census) -> UUID:
    """The event that says that the census failed: that of its incident, which may stand open since an earlier one."""
    trouble = Trouble(
        kind=IncidentKind.CENSUS_GAP,
        subject=NOT_COUNTED,
        reason=census.words,
        advice="See that the store answers. The count is made again within the hour; until then nobody knows whether "
        "every master is there.",
    )
    open_incident(session, trouble, by=BY)
    standing = select(Incident.id).where(
        Incident.kind == trouble.kind, Incident.subject == trouble.subject, Incident.closed_at.is_(None)
    )
    return ledger.history(session, session.scalars(standing).one(), limit=1)[0].id


def _wanted(row: Row[Any], of_log: Mapping[UUID, Mapping[str, Any]], bucket: str) -> Wanted:
    recorded = _recorded(row) if row.is_recorded else None
    found = expect(row.master, recorded, [bytes(leaf) for leaf in row.leaves or ()], bucket=bucket)
    facts = of_log.get(row.master)
    if facts is None:
        return found
    receipt = f", receipt {facts['receipt']}" if "receipt" in facts else ", and no receipt"
    reference = str(facts["reference"])[:LONGEST] if "reference" in facts else None
    return replace(found, said=found.said + receipt[:LONGEST], reference=reference)


def _recorded(row: Row[Any]) -> Recorded:
    return Recorded(
        bucket=row.bucket,
        key=row.key,
        version_id=row.version_id,
        size=row.size,
        sha256=row.sha256,
        sha512=row.sha512,
        tree=row.tree,
        lock=Lock(row.lock_mode, row.lock_until),
        verified_at=row.verified_at,
        recording=row.recording,
        reference=None if row.number is None else recording_reference(row.number),
    )


def _of_log(session: ReadSession, masters: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """What the log says of masters that have no record: their receipts and references, out of its events' facts."""
    found: dict[UUID, dict[str, Any]] = {each: {} for each in masters}
    if not masters:
        return found
    types = [EventType.RECEIPT_ISSUED.value, EventType.RECORDING_REGISTERED.value]
    for row in session.execute(OF_LOG, {"masters": list(masters), "types": types}):
        try:
            found[row.subject].update(json.loads(bytes(row.leaf))["facts"])
        except (ValueError, LookupError, TypeError):
            continue  # the log's own verification names an event that cannot be read
    return found


def _event(census: UUID, each: Difference, bucket: str) -> Event:
    """An event of the master's own history where there is one, of the system's otherwise."""
    facts = {"census": str(census), "gap": each.gap.value, "bucket": bucket}
    if VERSION.fullmatch(each.version_id):
        facts["version_id"] = each.version_id
    subject = SYSTEM if each.master is None else each.master
    personal = {"key": shown(each.key)}
    return Event(type=EventType.CENSUS_GAP, subject=subject, actor=BY, facts=facts, personal=personal)


def _trouble(each: Difference) -> Trouble:
    return Trouble(
        kind=IncidentKind.CENSUS_GAP,
        subject=each.subject,
        reason=shown(each.in_words()),
        advice="See docs/runbooks/census-gap.md. Delete nothing, and keep the device and every copy.",
        recording_id=each.recording,
    )


def _refused(census: UUID) -> Trouble:
    return Trouble(
        kind=IncidentKind.LOG_DISAGREES,
        subject=f"report of the count {census}",
        reason=reason_of("custody.census", [f"the report of the count {census} cannot be what that count wrote"]),
        advice=ADVICE,
    )


def _more() -> Trouble:
    return Trouble(
        kind=IncidentKind.CENSUS_GAP,
        subject=MORE,
        reason=f"The census found more than {MOST_INCIDENTS} new differences; the log has an event for each of them.",
        advice=f"See docs/runbooks/census-gap.md: `continuity custody census --json` prints them, up to {MOST_KEPT:,}.",
    )


def _taken(census: Census, journal: Journal) -> Event:
    facts = {
        "census": str(census.id), "expected": census.expected, "found": census.found, "missing": census.missing,
        "extra": census.extra, "changed": census.changed, "root": census.root.hex(),
        "told_by": journal.digest(),
    }  # fmt: skip
    return Event(type=EventType.CENSUS_TAKEN, subject=SYSTEM, actor=BY, facts=facts)


def _row(census: Census, journal: Journal) -> dict[str, Any]:
    gaps = [
        {**as_said(each), "subject": shown(each.subject), "event": str(event)}
        for each, event in zip(journal.kept, journal.told_by, strict=True)
    ]
    report = {
        "words": census.words, "gaps": gaps, "versions": census.versions, "unfinished": census.unfinished,
        "locks_asked": census.locks_asked,
    }  # fmt: skip
    if journal.rest:
        report["rest"] = Packed.of(journal.rest).as_text
    if census.failed is not None:
        report["failed"] = census.failed
    return {
        "id": census.id, "began_at": census.began_at, "ended_at": clock.now(), "expected": census.expected,
        "found": census.found, "missing": census.missing, "extra": census.extra, "changed": census.changed,
        "root": census.root, "report": report,
    }  # fmt: skip


def as_said(each: Difference) -> dict[str, str | None]:
    """A difference as JSON has it."""
    return {
        "gap": each.gap.value, "key": shown(each.key), "version_id": each.version_id, "because": each.because,
        "recording": each.reference,
    }  # fmt: skip


def shown(words: str) -> str:
    """A stranger may have chosen the key: what cannot be printed is written as its number."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in words)
