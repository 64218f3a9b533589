"""One arrival's rows: how far it is, what the agent is told of it, and its end.

`finish` is the only way to a receipt, and it is called in the transaction that registers the master.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from evidence import clock
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.events import Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.models import Agent, Arrival, ListedFile, Master, Receipt
from evidence.notices import tell_wall
from evidence.register import offered_again
from evidence.store import Lock, StoredPart
from evidence.vocabulary import ArrivalState, ListedState
from ingest import gaps
from ingest.enrolment import actor_of
from ingest.errors import ArrivalGone, MessageRefused
from ingest.receipt import ReceiptKey, as_message, issue_receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What the agent's one read of the source gave, in lower-case hex."""

    sha256: str
    sha512: str
    tree: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the agent is told: how far the arrival is, and what to send."""

    arrival_id: UUID
    state: ArrivalState
    reason: str | None
    part_size: int
    single: bool
    stored_parts: Sequence[StoredPart] = field(default=())
    receipt: dict[str, str] | None = None


def first_lock(house: House) -> Lock:
    """The lock that bytes have from their first moment; verification sets it again, later."""
    return Lock(house.settings.lock_mode, clock.now() + timedelta(days=house.settings.lock_days))


def finish(session: WriteSession, agent: Agent, arrival: Arrival, master: Master, *, key: ReceiptKey) -> Receipt:
    """The arrival is a master: issue its receipt, mark its line of the listing, close its gap if one was open."""
    arrival.state, arrival.reason = ArrivalState.RECEIPTED, None
    arrival.master_id, arrival.finished_at = master.id, clock.now()
    receipt = issue_receipt(session, arrival, master, key=key, by=actor_of(agent))
    session.execute(
        update(ListedFile)
        .where(ListedFile.arrival_id == arrival.id)
        .values(state=ListedState.RECEIPTED, reason=None, bytes_sent=arrival.size, changed_at=clock.now())
    )
    gaps.stored(session, agent, arrival)
    tell_wall(session, arrival.session_id)
    return receipt


def record_known(session: WriteSession, agent: Agent, arrival: Arrival, master: Master, *, key: ReceiptKey) -> None:
    """The bytes are a master's already: one more provenance, and a receipt of their own for it."""
    arrival.sha256, arrival.sha512, arrival.tree = master.sha256, master.sha512, master.tree
    offered_again(session, master, arrival, by=actor_of(agent))
    finish(session, agent, arrival, master, key=key)


def own_arrival(session: ReadSession, agent: Agent, arrival_id: UUID) -> Arrival:
    """The agent's own arrival. Raises ArrivalGone for anybody else's, as for none."""
    arrival = session.get(Arrival, arrival_id)
    if arrival is None or arrival.agent_id != agent.id:
        raise ArrivalGone(arrival_id)
    return arrival


def locked(session: WriteSession, arrival_id: UUID) -> Arrival:
    """The arrival's row, held until the caller commits."""
    return session.scalars(select(Arrival).where(Arrival.id == arrival_id).with_for_update()).one()


def say(
    session: WriteSession, event_type: EventType, agent: Agent, arrival: Arrival, *, personal: dict[str, str]
) -> None:
    """Write an event of an arrival that is not a master yet."""
    event = Event(
        type=event_type,
        subject=arrival.id,
        actor=actor_of(agent),
        facts={"size": arrival.size, "session": str(arrival.session_id)},
        personal=personal,
    )
    ledger.record(session, event)


def in_words(arrival: Arrival, receipt: Receipt | None, stored: Sequence[StoredPart] = ()) -> Answer:
    """An arrival as its agent is told of it."""
    return Answer(
        arrival_id=arrival.id,
        state=arrival.state,
        reason=arrival.reason,
        part_size=arrival.part_size,
        single=arrival.size <= arrival.part_size,
        stored_parts=stored,
        receipt=None if receipt is None else as_message(receipt),
    )


def standing(house: House, agent: Agent, arrivals: Sequence[UUID]) -> list[Answer]:
    """How far each of the agent's arrivals is, with receipts where they are issued."""
    with house.reading() as session:
        rows = session.scalars(select(Arrival).where(Arrival.id.in_(arrivals), Arrival.agent_id == agent.id)).all()
        receipts = {
            receipt.arrival_id: receipt
            for receipt in session.scalars(select(Receipt).where(Receipt.arrival_id.in_([row.id for row in rows])))
        }
    return [in_words(row, receipts.get(row.id)) for row in rows]


def released(house: House, agent: Agent, arrival_id: UUID, *, action: str) -> None:
    """The agent let the source go, against its receipt. Raises MessageRefused where there is none."""
    with house.writing() as session:
        arrival = locked(session, own_arrival(session, agent, arrival_id).id)
        if arrival.state is not ArrivalState.RECEIPTED or arrival.master_id is None:
            raise MessageRefused("a source was let go without a receipt")
        if arrival.released_at is not None:
            return
        arrival.released_at, arrival.released_how = clock.now(), action
        facts = {"action": action, "arrival": str(arrival.id)}
        event = Event(type=EventType.SOURCE_RELEASED, subject=arrival.master_id, actor=actor_of(agent), facts=facts)
        ledger.record(session, event)


def withdraw(house: House, agent: Agent, arrival_id: UUID, *, because: str) -> None:
    """The agent takes an offer back: the file changed or went. Bytes already stored stay stored."""
    with house.writing() as session:
        arrival = locked(session, own_arrival(session, agent, arrival_id).id)
        if arrival.state is not ArrivalState.SENDING:
            return
        arrival.state, arrival.reason, arrival.finished_at = ArrivalState.WITHDRAWN, because, clock.now()
        personal = {"name": arrival.name_shown, "because": because}
        say(session, EventType.ARRIVAL_WITHDRAWN, agent, arrival, personal=personal)
        tell_wall(session, arrival.session_id)
    give_up_upload(house, arrival)


def give_up_upload(house: House, arrival: Arrival) -> None:
    """Tell the store that no more parts will come. A finished object is not touched by it."""
    if arrival.upload_id is not None:
        house.masters.abort(arrival.key, arrival.upload_id)
