"""Whether a source may be let go now: its receipt must be committed, its master in the store, and nothing in doubt.

A receipt is a promise about the past. Before the last copy beside ours goes, the store is asked once more for the very
object that the signed receipt names, whatever the records say since, and nothing goes while the custody log is halted
or while it stands open that this master is missing or not what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from sqlalchemy import any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from evidence import clock
from evidence.bootstrap import House
from evidence.completeness.counted import MORE
from evidence.custody.canonical import NotCanonical, read_canonical
from evidence.database import ReadSession
from evidence.models import Agent, Arrival, Incident, Master, Receipt, Sidecar, SidecarBeside
from evidence.sequencing.reading import halt_reason
from evidence.store import Lock
from evidence.store.errors import MasterMissing
from evidence.vocabulary import IncidentKind
from ingest.lost_receipts import unknown_of
from ingest.receipt import ReceiptKey

IN_DOUBT = (IncidentKind.CENSUS_GAP, IncidentKind.FIXITY_FAILED)
HALTED = (
    "The custody log is halted: no source is let go before a person has looked (`continuity status`; run-book"
    " rolled-back)."
)
OPEN = (
    "An incident stands open that its master, or one of its recording, is missing from the store or changed there:"
    " its source is kept."
)
MISSING = "The store does not have its master now: its source may be the only copy, and is kept."
UNSIGNED = "Its receipt, as it is kept here, is not what this system's key signed: its source is kept."
DIFFERS = "The record of its master is not what its signed receipt says: its source is kept."
UNLOCKED = "The store does not lock its master any more as its receipt says: its source is kept."
SIGNED = ("sha256", "sha512", "tree", "size", "bucket", "key", "version_id")  # of a master, and never changed


@dataclass(frozen=True, slots=True)
class Answer:
    """Receipts that are not committed as this agent's, and those whose sources are to be kept, each with the reason."""

    unknown: tuple[UUID, ...]
    withheld: Mapping[UUID, str]


def may_go(house: House, agent: Agent, receipts: Sequence[UUID], *, key: ReceiptKey) -> Answer:
    """What is to be known before sources are let go. Raises StoreError where the store cannot be asked."""
    unknown = unknown_of(house, agent, receipts)
    with house.reading() as session:
        promises = _promises(session, agent, receipts)
        halted = halt_reason(session) is not None
        doubted = _doubted(session, [master.id for _, master in promises.values()])
    withheld = {}
    for receipt in set(receipts).difference(unknown):
        # A receipt whose master these records do not have any more lets nothing go either.
        if receipt not in promises:
            withheld[receipt] = MISSING
            continue
        promise, master = promises[receipt]
        if halted:
            withheld[receipt] = HALTED
        elif master.id in doubted:
            withheld[receipt] = OPEN
        elif reason := _not_as_signed(house, promise, master, key=key):
            withheld[receipt] = reason
    return Answer(tuple(unknown), withheld)


def _promises(session: ReadSession, agent: Agent, receipts: Sequence[UUID]) -> dict[UUID, tuple[Receipt, Master]]:
    own = (
        select(Receipt, Master)
        .join(Arrival, Arrival.id == Receipt.arrival_id)
        .join(Master, Master.id == Arrival.master_id)
        .where(Receipt.id.in_(receipts), Arrival.agent_id == agent.id)
    )
    return {row.Receipt.id: (row.Receipt, row.Master) for row in session.execute(own)}


def _doubted(session: ReadSession, masters: Sequence[UUID]) -> set[UUID]:
    """The masters that an open incident is about: by their own id or that of a recording they belong to.

    An incident names a recording, or has the id of a master in its subject. One that stands for more differences than a
    census names may be about any master.
    """
    concerned = _belonging(session, masters)
    ids = {each for belongs in concerned.values() for each in belongs}
    words = literal([f"%{each}%" for each in ids], ARRAY(TEXT))
    incidents = select(Incident.subject, Incident.recording_id).where(
        Incident.kind.in_(IN_DOUBT),
        Incident.closed_at.is_(None),
        or_(Incident.recording_id.in_(ids), Incident.subject == MORE, Incident.subject.like(any_(words))),
    )
    found = session.execute(incidents).all()
    if any(each.subject == MORE for each in found):
        return set(masters)
    named = {each.recording_id for each in found}
    subjects = " ".join(each.subject for each in found)
    return {
        master
        for master, belongs in concerned.items()
        if any(each in named or str(each) in subjects for each in belongs)
    }


def _belonging(session: ReadSession, masters: Sequence[UUID]) -> dict[UUID, set[UUID]]:
    """Each master's own id, and those of the recordings beside which it stands."""
    found = {each: {each} for each in masters}
    first = select(Sidecar.master_id, Sidecar.recording_id).where(Sidecar.master_id.in_(masters))
    others = select(SidecarBeside.sidecar_id, SidecarBeside.recording_id).where(SidecarBeside.sidecar_id.in_(masters))
    for master, recording in session.execute(first.union_all(others)):
        if recording is not None:
            found[master].add(recording)
    return found


def _not_as_signed(house: House, receipt: Receipt, master: Master, *, key: ReceiptKey) -> str:
    """Why the store does not hold what the receipt says, or nothing. Rows can be changed, what was signed cannot."""
    said = _signed(receipt, key)
    if said is None or said.get("receipt_id") != str(receipt.id):
        return UNSIGNED
    now = {name: getattr(master, name) for name in SIGNED} | {"recording_id": str(master.id)}
    if any(said.get(name) != value for name, value in now.items()):
        return DIFFERS
    try:
        found = house.masters.head(said["key"], version_id=said["version_id"])
    except MasterMissing:
        return MISSING
    if found.size != said["size"]:
        return MISSING
    return "" if _is_locked(found.lock, said) else UNLOCKED


def _is_locked(lock: Lock | None, said: Mapping[str, Any]) -> bool:
    """As the receipt promised, and still: a lock that has run out keeps nothing."""
    promised = Lock(said["lock_mode"], clock.from_text(said["lock_until"]))
    return lock is not None and lock.keeps(promised) and lock.until > clock.now()


def _signed(receipt: Receipt, key: ReceiptKey) -> Mapping[str, Any] | None:
    """What the receipt says, where this system's key signed it."""
    try:
        key.public.verify(receipt.signature, receipt.body)
        said: Any = read_canonical(receipt.body)
    except (InvalidSignature, NotCanonical):
        return None
    return said if isinstance(said, dict) else None
