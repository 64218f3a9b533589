"""An agent offers a file: it is told what to send and where, or that we hold those bytes already.

No transaction is open while the store is spoken to; what the store did is found again after a crash, because
each answer here can be asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from evidence import clock
from evidence.bootstrap import House
from evidence.custody.events import EventType
from evidence.database import WriteSession
from evidence.identifiers import new_id
from evidence.models import Agent, Arrival, DockingSession, ListedFile, Receipt
from evidence.notices import tell_wall
from evidence.register import identity_of, master_with
from evidence.store import StoredPart
from evidence.store.errors import MasterMissing, UploadGone
from evidence.store.keys import master_key
from evidence.vocabulary import ArrivalState, ListedState
from ingest.arrivals import Answer, Digests, first_lock, in_words, locked, own_arrival, record_known, say
from ingest.docking import session_of
from ingest.errors import ArrivalGone, MessageRefused
from ingest.names import shown
from ingest.receipt import ReceiptKey

MIB = 1 << 20
SMALLEST_PART = 16 * MIB
MOST_PARTS = 9000
LARGEST_FILE = 40 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One file as an agent offers it. `digests` where it has read it already."""

    session_id: UUID
    name_raw: bytes
    size: int
    mtime_ns: int
    priority: int
    digests: Digests | None


def part_size_for(size: int) -> int:
    """Bytes in each part but the last: at least 16 MiB, whole MiB, and never more than 9,000 parts. Pure."""
    wanted = -(-size // MOST_PARTS)
    return max(SMALLEST_PART, -(-wanted // MIB) * MIB)


def take_offer(house: House, agent: Agent, offered: Offered, *, key: ReceiptKey) -> Answer:
    """Take an offer, or find the one that was made before. Raises MessageRefused for what cannot be, SessionUnknown."""
    _refuse_nonsense(offered)
    try:
        arrival = _find_or_claim(house, agent, offered, key=key)
    except IntegrityError:
        # The same file was offered twice at once, and the other offer was first: now it is found.
        arrival = _find_or_claim(house, agent, offered, key=key)
    return answer_for(house, arrival)


def _find_or_claim(house: House, agent: Agent, offered: Offered, *, key: ReceiptKey) -> Arrival:
    with house.writing() as session:
        docking = session_of(session, agent, offered.session_id)
        arrival = _known_arrival(session, agent, docking, offered) or _held_already(
            session, agent, docking, offered, key
        )
        if arrival is None:
            arrival = _claim(session, house, agent, docking, offered)
        _link(session, docking, arrival)
    return arrival


def part_urls(
    house: House, agent: Agent, arrival_id: UUID, parts: Sequence[tuple[int, int, str]], *, seconds: int
) -> list[dict[str, object]]:
    """Presigned addresses for parts given as number, size and SHA-256 (signed into each address)."""
    with house.reading() as session:
        arrival = own_arrival(session, agent, arrival_id)
    if arrival.state is not ArrivalState.SENDING:
        raise ArrivalGone(arrival_id)
    answers: list[dict[str, object]] = []
    expires = timedelta(seconds=seconds)
    for number, size, sha256 in parts:
        if arrival.upload_id is None:
            lock = first_lock(house)
            signed = house.masters.sign_put(arrival.key, size=size, sha256=sha256, lock=lock, expires=expires)
        else:
            signed = house.masters.sign_part(
                arrival.key, arrival.upload_id, number=number, size=size, sha256=sha256, expires=expires
            )
        answers.append({"number": number, "url": signed.url, "headers": dict(signed.headers)})
    return answers


def _refuse_nonsense(offered: Offered) -> None:
    if not offered.name_raw or b"\x00" in offered.name_raw or len(offered.name_raw) > 4096:
        raise MessageRefused("a file name holds 1 to 4,096 bytes and no zero byte")
    if not 0 <= offered.size <= LARGEST_FILE:
        raise MessageRefused(f"a size of {offered.size} bytes is beyond what can be stored")
    if offered.digests is None and offered.size <= SMALLEST_PART:
        raise MessageRefused("a file of one part is offered with its digests")


def _known_arrival(session: WriteSession, agent: Agent, docking: DockingSession, offered: Offered) -> Arrival | None:
    rows = session.scalars(
        select(Arrival)
        .where(
            Arrival.agent_id == agent.id,
            Arrival.device_label == docking.device_label,
            Arrival.name_raw == offered.name_raw,
            Arrival.size == offered.size,
            Arrival.mtime_ns == offered.mtime_ns,
            Arrival.state.not_in((ArrivalState.FAILED, ArrivalState.WITHDRAWN)),
        )
        .order_by(Arrival.offered_at.desc())
        .with_for_update()
    ).all()
    for arrival in rows:
        if offered.digests is None or arrival.sha256 in (None, offered.digests.sha256):
            return arrival
    return None


def _held_already(
    session: WriteSession, agent: Agent, docking: DockingSession, offered: Offered, key: ReceiptKey
) -> Arrival | None:
    if offered.digests is None:
        return None
    identity = identity_of(
        offered.digests.sha256, offered.size, device_label=docking.device_label, name_raw=offered.name_raw
    )
    master = master_with(session, identity)
    if master is None or (master.sha512, master.tree) != (offered.digests.sha512, offered.digests.tree):
        return None
    arrival = _new_arrival(agent, docking, offered, bucket=master.bucket)
    session.add(arrival)
    session.flush()
    _link(session, docking, arrival)
    record_known(session, agent, arrival, master, key=key)
    return arrival


def _claim(session: WriteSession, house: House, agent: Agent, docking: DockingSession, offered: Offered) -> Arrival:
    arrival = _new_arrival(agent, docking, offered, bucket=house.masters.bucket)
    session.add(arrival)
    session.flush()
    personal = {"name": arrival.name_shown, "device": docking.device_label}
    say(session, EventType.ARRIVAL_CLAIMED, agent, arrival, personal=personal)
    return arrival


def _new_arrival(agent: Agent, docking: DockingSession, offered: Offered, *, bucket: str) -> Arrival:
    arrival_id = new_id()
    return Arrival(
        id=arrival_id,
        agent_id=agent.id,
        session_id=docking.id,
        device_label=docking.device_label,
        name_raw=offered.name_raw,
        name_shown=shown(offered.name_raw),
        size=offered.size,
        mtime_ns=offered.mtime_ns,
        priority=offered.priority,
        state=ArrivalState.SENDING,
        part_size=part_size_for(offered.size),
        bucket=bucket,
        key=master_key(arrival_id),
    )


def _link(session: WriteSession, docking: DockingSession, arrival: Arrival) -> None:
    arrival.session_id = docking.id
    done = arrival.state is ArrivalState.RECEIPTED
    session.execute(
        update(ListedFile)
        .where(ListedFile.session_id == docking.id, ListedFile.name_raw == arrival.name_raw)
        .values(
            arrival_id=arrival.id,
            state=ListedState.RECEIPTED if done else ListedState.SENDING,
            reason=None,
            changed_at=clock.now(),
        )
    )
    tell_wall(session, docking.id)


def answer_for(house: House, arrival: Arrival) -> Answer:
    """The answer to an offer: opens the upload in the store where parts are to be sent."""
    stored: Sequence[StoredPart] = ()
    if arrival.state is ArrivalState.SENDING and arrival.size > arrival.part_size:
        arrival, stored = _open_upload(house, arrival)
    with house.reading() as session:
        receipt = session.scalars(select(Receipt).where(Receipt.arrival_id == arrival.id)).one_or_none()
    return in_words(arrival, receipt, stored)


def _open_upload(house: House, arrival: Arrival) -> tuple[Arrival, Sequence[StoredPart]]:
    if arrival.upload_id is not None:
        try:
            return arrival, house.masters.stored_parts(arrival.key, arrival.upload_id)
        except UploadGone:
            # A crash between the store's closing and our commit leaves the whole object and no upload. Then
            # there is nothing to send: `complete` finds the object, and reading it back decides.
            if _is_whole(house, arrival):
                return arrival, _all_parts(arrival)
    upload_id = house.masters.begin(arrival.key, lock=first_lock(house))
    with house.writing() as session:
        row = locked(session, arrival.id)
        row.upload_id = upload_id
    return row, ()


def _all_parts(arrival: Arrival) -> list[StoredPart]:
    whole, last = divmod(arrival.size, arrival.part_size)
    sizes = [arrival.part_size] * whole + ([last] if last else [])
    return [StoredPart(number=number, size=size, etag="") for number, size in enumerate(sizes, start=1)]


def _is_whole(house: House, arrival: Arrival) -> bool:
    try:
        return house.masters.head(arrival.key).size == arrival.size
    except MasterMissing:
        return False
