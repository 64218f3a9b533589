"""Whether a source may be let go now: its receipt must be committed, its master in the store, and nothing in doubt.

A receipt is a promise about the past. Before the last copy beside ours goes, the store is asked once more, and nothing
goes while the custody log is halted or while it stands open that this master is missing or not what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from evidence.bootstrap import House
from evidence.database import ReadSession
from evidence.models import Agent, Arrival, Incident, Master, Receipt
from evidence.sequencing.reading import halt_reason
from evidence.store.errors import MasterMissing
from evidence.vocabulary import IncidentKind
from ingest.lost_receipts import unknown_of

IN_DOUBT = (IncidentKind.CENSUS_GAP, IncidentKind.FIXITY_FAILED)
HALTED = (
    "The custody log is halted: no source is let go before a person has looked (`continuity status`; run-book"
    " rolled-back)."
)
OPEN = "An incident stands open that its master is missing from the store or changed there: its source is kept."
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


def _doubted(session: ReadSession, masters: Sequence[UUID]) -> set[UUID | None]:
    incidents = select(Incident.recording_id).where(
        Incident.recording_id.in_(masters), Incident.kind.in_(IN_DOUBT), Incident.closed_at.is_(None)
    )
    return set(session.scalars(incidents))


def _why_kept(house: House, master: Master, *, halted: bool, doubted: set[UUID | None]) -> str:
    if halted:
        return HALTED
    return OPEN if master.id in doubted else _absence(house, master)


def _absence(house: House, master: Master) -> str:
    try:
        found = house.masters.head(master.key, version_id=master.version_id)
    except MasterMissing:
        return MISSING
    return "" if found.size == master.size else MISSING
