"""Shows an agent that its receipts stand in the custody log: an event, its place, and the way to a signed checkpoint.

A receipt is issued in the transaction that registers the master; its event gets its place and its checkpoint a
moment later, from the sequencer. Until then there is nothing to show, and no source is let go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.bootstrap import House
from evidence.custody.canonical import canonical
from evidence.custody.events import EventType
from evidence.custody.leaf import read_leaf
from evidence.database import ReadSession
from evidence.models import Agent, Arrival, Receipt
from evidence.sequencing import reading
from evidence.tlog.keys import Algorithm
from evidence.tlog.merkle import inclusion_proof
from evidence.tlog.proof import LogProof
from ingest.receipt import ReceiptKey, SignedStatement


@dataclass(frozen=True, slots=True)
class ReceiptProof:
    """The leaf of the event that a receipt was issued, and its proof in the form of `tlog-proof`."""

    arrival_id: UUID
    leaf: bytes
    proof: LogProof


def proofs_of(house: House, agent: Agent, arrivals: Sequence[UUID]) -> list[ReceiptProof]:
    """Proofs for those of the agent's arrivals whose receipts a published checkpoint covers."""
    with house.reading() as session:
        head = reading.log_head(session)
        if head is None:
            return []
        note = reading.published_note(session, head.size)
        subtree = reading.subtree_reader(session, house.custody)
        placed = [(receipt, *_event_of(session, receipt)) for receipt in _receipts(session, agent, arrivals)]
        return [
            ReceiptProof(
                receipt.arrival_id,
                leaf,
                LogProof(place, tuple(inclusion_proof(place, head.size, subtree)), note),
            )
            for receipt, place, leaf in placed
            if 0 <= place < head.size
        ]


def log_keys(house: House, *, key: ReceiptKey) -> SignedStatement:
    """The custody log's Ed25519 keys, past and present, signed as a receipt is."""
    with house.reading() as session:
        keys = reading.log_keys(session)
    statement = {
        "v": 1,
        "kind": "log-keys",
        "origin": house.settings.log_origin,
        "keys": [each.text() for each in keys if each.algorithm is Algorithm.ED25519],
        "issued_at": clock.as_text(clock.now()),
    }
    body = canonical(statement)
    return SignedStatement(body, key.sign(body), key.key_id)


def _receipts(session: ReadSession, agent: Agent, arrivals: Sequence[UUID]) -> Sequence[Receipt]:
    own = select(Receipt).join(Arrival, Arrival.id == Receipt.arrival_id)
    return session.scalars(own.where(Arrival.id.in_(arrivals), Arrival.agent_id == agent.id)).all()


def _event_of(session: ReadSession, receipt: Receipt) -> tuple[int, bytes]:
    """Place and leaf of the event that says that this receipt was issued; place -1 where it has none yet."""
    digest = hashlib.sha256(receipt.body).hexdigest()
    for place, body in reading.leaves_of(session, receipt.master_id, of_type=EventType.RECEIPT_ISSUED):
        if any(each.sha256 == digest for each in read_leaf(body).obj):
            return place, body
    return -1, b""
