"""Holds what a report is to say against the log and the store, then and there. What is not held is not said as proved.

The register is written by this system, and whoever has its password can write into it too. So the facts of a master
are those of the event that was written when it was stored; the register is only held against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select, text

from evidence.completeness import newest
from evidence.completeness.recordings import open_incidents, outside
from evidence.continuity.registered import differences
from evidence.continuity.vouchers import Vouched, vouched
from evidence.custody import ledger
from evidence.custody.events import EventType, sentence
from evidence.custody.leaf import LeafObject, read_leaf
from evidence.custody.ledger import HistoryLine
from evidence.database import ReadSession
from evidence.errors import LogDisagrees
from evidence.models import Incident, Master, Recording, Rendition
from evidence.sequencing import reading
from evidence.store import StoredObject
from evidence.store.errors import MasterMissing
from evidence.vocabulary import IncidentKind, RenditionState

if TYPE_CHECKING:
    from evidence.bootstrap import House

PAGE = 500  # events read at a time
# What commits meanwhile is in the register and in the events, or in neither.
ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@dataclass(frozen=True, slots=True)
class Line:
    """One event and its number in the log: None until it has one."""

    seq: int | None
    said: HistoryLine

    @property
    def name(self) -> str:
        """The event as sentences name it."""
        return f"event {self.seq} of the log" if self.seq is not None else "an event that has no number yet"

    def words(self, *, names: bool) -> str:
        """What happened, in a sentence."""
        return self.said.sentence if names else sentence(self.said.type, facts=self.said.facts, actor=SEALED)


SEALED = "someone (name sealed)"


@dataclass(frozen=True, slots=True)
class Stored:
    """The master as the log has it: the event, when it was read back, its bytes, and its lock then."""

    line: Line
    object: LeafObject
    lock: str


@dataclass(slots=True, kw_only=True)
class Held:
    """What a report rests on. `against`: what contradicts the exhibit or the log, a sentence each.

    `forged`: lines and tokens beside the checkpoint that do not hold. `proved`: the numbers of those events that
    were led to the checkpoint. `agreeing`: events of the whole history, None where it does not hold together.
    """

    recording: Recording
    master: Master
    told: list[Line]
    every: list[Line]
    incidents: list[Incident]
    copies: list[Rendition]
    halted: str | None
    log_holds: bool = False
    vouched: Vouched | None = None
    agreeing: int | None = None
    stored: Stored | None = None
    now: StoredObject | None = None
    proved: set[int] = field(default_factory=set)
    against: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Of the checkpoint; 0 where nothing has been published."""
        return 0 if self.vouched is None else self.vouched.checkpoint.size

    def of(self, of_type: EventType) -> list[Line]:
        """The events of a type, in their order."""
        return [each for each in self.every if each.said.type is of_type]

    def first(self, of_type: EventType) -> Line | None:
        """The first event of a type."""
        return next(iter(self.of(of_type)), None)


def hold(house: House, recording: UUID, *, size: int | None, below: int | None) -> Held:
    """Hold one recording against the log and the store. `size`: of the checkpoint, the newest where not named.

    The master's bytes are not read again: `continuity verify --recording` does that. Raises NotFound, StoreAway.
    """
    of_log = newest.hold(house)
    with house.reading() as session:
        session.execute(ONE_MOMENT)
        held = _begin(session, recording, below)
        head = reading.log_head(session)
        held.halted = of_log.halted
        held.against += [f"The log as a whole: {each}." for each in of_log.found]
        _hold_history(held, session)
        held.against += differences(session, held)
    wanted = size if size is not None else head.size if head else 0
    if wanted:
        held.vouched = vouched(house, wanted)
        held.against += [f"The checkpoint: {each}." for each in held.vouched.against]
        held.forged = [f"Beside the checkpoint: {each}." for each in held.vouched.forged]
        _hold_places(held, house)
        held.log_holds = held.vouched.holds and not of_log.found and of_log.halted is None
    _hold_master(held, house)
    return held


def _begin(session: ReadSession, recording: UUID, below: int | None) -> Held:
    row, master = session.get_one(Recording, recording), session.get_one(Master, recording)
    copies = select(Rendition).where(Rendition.recording_id == recording, Rendition.state == RenditionState.READY)
    held = Held(
        recording=row,
        master=master,
        told=[],
        every=[],
        incidents=list(_incidents(session, master)),
        copies=list(session.scalars(copies.order_by(Rendition.made_at))),
        halted=None,
    )
    try:
        for each in _lines(session, recording):
            held.every.append(each)
    except LogDisagrees as error:
        held.against.append(f"An event of this exhibit cannot be read: {error}.")
    held.told = [each for each in held.every if below is None or (each.seq is not None and each.seq < below)]
    return held


def _incidents(session: ReadSession, master: Master) -> Iterator[Incident]:
    """Those about the recording, and those about the log that everything rests on."""
    yield from open_incidents(session, master)
    of_log = select(Incident).where(
        Incident.kind == IncidentKind.LOG_DISAGREES, Incident.recording_id.is_(None), Incident.closed_at.is_(None)
    )
    yield from session.scalars(of_log.order_by(Incident.opened_at))


def _lines(session: ReadSession, recording: UUID) -> Iterator[Line]:
    after = 0
    while found := ledger.history(session, recording, after=after, limit=PAGE):
        places = reading.seq_of(session, [each.id for each in found])
        yield from (Line(places.get(each.id), each) for each in found)
        after = found[-1].subject_no


def _hold_history(held: Held, session: ReadSession) -> None:
    try:
        held.agreeing = ledger.check_subject(session, held.recording.id)
    except LogDisagrees as error:
        held.against.append(f"The history of this exhibit does not hold together: {error}.")


def _hold_places(held: Held, house: House) -> None:
    """Each event's bytes, as they are now, led to the root of the checkpoint."""
    if held.vouched is None:
        return
    under = [(each.seq, each.said.leaf) for each in held.told if each.seq is not None and each.seq < held.size]
    strays = outside(house, under, held.vouched.checkpoint)
    held.proved = {seq for seq, _ in under} - strays.keys()
    held.against += [f"Not in the log that was signed: {words}." for words in strays.values()]


def _hold_master(held: Held, house: House) -> None:
    """The register and the store against the event that says what was stored."""
    master, line = held.master, held.first(EventType.MASTER_STORED)
    try:
        held.now = house.masters.head(master.key, version_id=master.version_id)
    except MasterMissing as error:
        held.against.append(f"The master is not where the register says that it is: {error}.")
    leaf = None if line is None else read_leaf(line.said.leaf)
    said = None if leaf is None else next((each for each in leaf.obj if each.role == "master"), None)
    if line is None or leaf is None or said is None:
        held.against.append("No event of this exhibit says which bytes were stored.")
        return
    held.stored = Stored(line, said, str(leaf.facts.get("lock", "")))
    held.against += _register_differs(held.master, held.stored)
    if held.now is not None:
        held.against += _store_differs(held.now, held.master, held.stored)


def _register_differs(master: Master, stored: Stored) -> Iterator[str]:
    said = stored.object
    for what, is_, was in (
        ("SHA-256", master.sha256, said.sha256),
        ("SHA-512", master.sha512, said.sha512),
        ("root over chunks", master.tree, said.tree),
        ("size", master.size, said.size),
        ("version", master.version_id, said.version_id),
        ("lock", master.lock_mode, stored.lock),
    ):
        if is_ != was:
            yield f"The register says of the master's {what} {is_}; {stored.line.name} says {was}."


def _store_differs(now: StoredObject, master: Master, stored: Stored) -> Iterator[str]:
    """The store itself, asked now."""
    said = stored.object
    if (now.size, now.version_id) != (said.size, said.version_id):
        yield (
            f"The store has {now.size} bytes in the version {now.version_id}; {stored.line.name} says {said.size} bytes"
            f" in the version {said.version_id}."
        )
    if now.lock is None:
        yield "The store does not lock the master any more."
    elif now.lock.mode not in {stored.lock, "COMPLIANCE"} or now.lock.until < master.lock_until:
        yield (
            f"The store locks the master in {now.lock.mode.lower()} mode until {_day(now.lock.until)}; it was to be"
            f" {stored.lock.lower()} mode until {_day(master.lock_until)}."
        )


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
