"""Whether a source may be let go now: its receipt must be committed, its master in the store, and nothing in doubt.

A receipt is a promise about the past. Before the last copy beside ours goes, the store is asked once more, and nothing
goes while the custody log is halted or while it stands open that this master is missing or not what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from evidence.bootstrap import House
from evidence.completeness.counted import MORE
from evidence.database import ReadSession
from evidence.models import Agent, Arrival, Incident, Master, Receipt, Sidecar, SidecarBeside
from evidence.sequencing.reading import halt_reason
from evidence.store.errors import MasterMissing
from evidence.vocabulary import IncidentKind
from ingest.lost_receipts import unknown_of

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


@dataclass(frozen=True, slots=True)
class Answer:
    """Receipts that are not committed as this agent's, and those whose sources are to be kept, each with the reason."""

    unknown: tuple[UUID, ...]
    withheld: Mapping[UUID, str]


def may_go(house: House, agent: Agent, receipts: Sequence[UUID]) -> Answer:
    """What is to be known before sources are let go. Raises StoreError where the store cannot be asked."""
    unknown = unknown_of(house, agent, receipts)
    with house.reading() as session:
        masters = _masters(session, agent, receipts)
        halted = halt_reason(session) is not None
        doubted = _doubted(session, [each.id for each in masters.values()])
    withheld = {}
    for receipt in set(receipts).difference(unknown):
        # A receipt whose master these records do not have any more lets nothing go either.
        master = masters.get(receipt)
        if reason := MISSING if master is None else _why_kept(house, master, halted=halted, doubted=doubted):
            withheld[receipt] = reason
    return Answer(tuple(unknown), withheld)


def _masters(session: ReadSession, agent: Agent, receipts: Sequence[UUID]) -> dict[UUID, Master]:
    own = (
        select(Receipt.id, Master)
        .join(Arrival, Arrival.id == Receipt.arrival_id)
        .join(Master, Master.id == Arrival.master_id)
        .where(Receipt.id.in_(receipts), Arrival.agent_id == agent.id)
    )
    return {row.id: row.Master for row in session.execute(own)}


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


def _why_kept(house: House, master: Master, *, halted: bool, doubted: set[UUID]) -> str:
    if halted:
        return HALTED
    return OPEN if master.id in doubted else _absence(house, master)


def _absence(house: House, master: Master) -> str:
    try:
        found = house.masters.head(master.key, version_id=master.version_id)
    except MasterMissing:
        return MISSING
    return "" if found.size == master.size else MISSING
