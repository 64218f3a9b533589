"""All parts are sent: the upload is closed in the store, and the bytes are asked to be read back.

Nothing here is verified yet; the receipt comes from intake.py alone. The agent may ask again after any crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import update

from evidence import clock
from evidence.bootstrap import House
from evidence.custody.events import EventType
from evidence.database import WriteSession
from evidence.jobs import enqueue
from evidence.models import Agent, Arrival, ListedFile
from evidence.notices import tell_wall
from evidence.register import identity_of, lock_identity, master_with
from evidence.store import SentPart, StoredObject
from evidence.store.errors import MasterMissing
from evidence.store.errors import PartsMissing as StorePartsMissing
from evidence.vocabulary import ArrivalState, ListedState
from ingest.arrivals import (
    Answer,
    Digests,
    first_lock,
    give_up_upload,
    locked,
    own_arrival,
    record_known,
    say,
)
from ingest.errors import PartsMissing
from ingest.nudges import verify_request
from ingest.offer import answer_for
from ingest.receipt import ReceiptKey


def complete(
    house: House, agent: Agent, arrival_id: UUID, digests: Digests, *, parts: Sequence[SentPart], key: ReceiptKey
) -> Answer:
    """All parts are sent: close the upload in the store, and ask for the bytes to be read back.

    Raises PartsMissing with their numbers, ArrivalGone, MessageRefused.
    """
    with house.reading() as session:
        arrival = own_arrival(session, agent, arrival_id)
    if arrival.state is not ArrivalState.SENDING:
        return answer_for(house, arrival)
    with house.writing() as session:
        known = _settle_as_known(session, agent, arrival_id, digests, key=key)
    if known is not None:
        give_up_upload(house, arrival)
        return answer_for(house, known)
    stored = _close_upload(house, arrival, parts)
    with house.writing() as session:
        arrival = locked(session, arrival_id)
        if arrival.state is ArrivalState.SENDING:
            _mark_stored(session, agent, arrival, digests, version_id=stored.version_id)
    return answer_for(house, arrival)


def _close_upload(house: House, arrival: Arrival, parts: Sequence[SentPart]) -> StoredObject:
    """Write order 1: the object is whole in the store before any row says so."""
    lock = first_lock(house)
    try:
        if arrival.upload_id is None:
            return house.masters.confirm(arrival.key, size=arrival.size, lock=lock)
        _refuse_gaps(arrival, [part.number for part in parts])
        return house.masters.complete(arrival.key, arrival.upload_id, parts=parts, size=arrival.size, lock=lock)
    except MasterMissing as missing:
        raise PartsMissing([1]) from missing
    except StorePartsMissing as missing:
        raise PartsMissing(missing.numbers) from missing


def _refuse_gaps(arrival: Arrival, numbers: Sequence[int]) -> None:
    count = -(-arrival.size // arrival.part_size)
    missing = sorted(set(range(1, count + 1)) - set(numbers))
    if missing:
        raise PartsMissing(missing)


def _settle_as_known(
    session: WriteSession, agent: Agent, arrival_id: UUID, digests: Digests, *, key: ReceiptKey
) -> Arrival | None:
    arrival = locked(session, arrival_id)
    if arrival.state is not ArrivalState.SENDING:
        return arrival
    identity = identity_of(digests.sha256, arrival.size, device_label=arrival.device_label, name_raw=arrival.name_raw)
    lock_identity(session, identity)
    master = master_with(session, identity)
    if master is None or (master.sha512, master.tree) != (digests.sha512, digests.tree):
        return None
    record_known(session, agent, arrival, master, key=key)
    return arrival


def _mark_stored(session: WriteSession, agent: Agent, arrival: Arrival, digests: Digests, *, version_id: str) -> None:
    arrival.state, arrival.stored_at, arrival.version_id = ArrivalState.STORED, clock.now(), version_id
    arrival.sha256, arrival.sha512, arrival.tree = digests.sha256, digests.sha512, digests.tree
    personal = {"name": arrival.name_shown}
    say(session, EventType.ARRIVAL_STORED, agent, arrival, personal=personal)
    session.execute(
        update(ListedFile)
        .where(ListedFile.arrival_id == arrival.id)
        .values(state=ListedState.CHECKING, bytes_sent=arrival.size, reason=None, changed_at=clock.now())
    )
    arrival.job_id = enqueue(session, verify_request(arrival))
    tell_wall(session, arrival.session_id)
