"""Appends to the custody log inside the caller's transaction, and reads it.

Every act of every room comes through `record`. The subject's head row is locked until the caller commits, so
a subject's events are numbered without gap or double; other subjects do not wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select, text

from evidence import clock
from evidence.custody.canonical import canonical
from evidence.custody.events import SAYS, Actor, Event, EventType, Object, sentence
from evidence.custody.facts import check_facts
from evidence.custody.leaf import FORMAT, ZERO, Leaf, hash_of, read_leaf, write_leaf
from evidence.custody.places import IN_LOG, NUMBER, past_the_log
from evidence.custody.rows import CustodyEvent, Head
from evidence.custody.sealing import Revealed, check_sealed, erasable, revealed, seal
from evidence.database import ReadSession, WriteSession, connection_of, one_row
from evidence.errors import LogDisagrees, NotALeaf
from evidence.identifiers import new_id

# One statement takes the next number, gives the hash before it, asks the database what time it is, and which
# checkpoint is the newest that the witness policy has accepted: the event is no older than that. It and the one that
# writes go to the driver as they stand: what SQLAlchemy does with a statement costs twice what the driver does.
NEXT = (
    "INSERT INTO custody.head AS h (subject, n, leaf_hash) VALUES (%(subject)s, 1, %(zero)s)"
    " ON CONFLICT (subject) DO UPDATE SET n = h.n + 1 RETURNING n, leaf_hash, clock_timestamp() AS at,"
    " (SELECT witnessed_size FROM custody.state), (SELECT witnessed_root FROM custody.state)"
)
# An event counts that has its number in the log, or waits for it.
IN_ORDER = text(
    f"SELECT e.* FROM custody.event e LEFT JOIN {NUMBER}"  # noqa: S608 - put together of our own constants
    f" WHERE e.subject = :subject AND e.subject_no > :after AND {IN_LOG} ORDER BY e.subject_no LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where an event stands."""

    id: UUID
    ingest_no: int
    subject_no: int
    at: datetime
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event as a person reads it."""

    id: UUID
    ingest_no: int
    subject_no: int
    at: datetime
    type: EventType
    operation: str
    sentence: str
    actor: str
    facts: Mapping[str, Any]
    leaf: bytes = field(repr=False)  # as it was hashed


def record(session: WriteSession, event: Event) -> Recorded:
    """Append one event. It commits or vanishes with the caller's transaction.

    Raises NotAnEvent where its facts are not those of its kind, and NotCanonical where a personal value has no
    canonical form; the caller's change must then not happen either.
    """
    check_facts(event)
    connection = connection_of(session)
    n, prev, at, seen, root = one_row(connection, NEXT, {"subject": event.subject, "zero": ZERO})
    event_id = new_id()
    origin = str(session.info["log_origin"])
    kept = seal({"actor": event.actor.shown, **event.personal})
    commitments = {each.field: each.commitment for each in kept}
    place = {"log": origin, "id": str(event_id), "at": clock.as_text(at), "n": n, "prev": bytes(prev).hex()}
    witnessed = {"size": seen, "root": bytes(root).hex()}
    leaf = write_leaf({**_leaf(event), **place, "seen": witnessed, "sealed": commitments})
    leaf_hash = hash_of(leaf)
    row = {
        "id": event_id,
        "subject": event.subject,
        "n": n,
        "type": event.type.value,
        "at": at,
        "leaf": leaf,
        "leaf_hash": leaf_hash,
    }
    for number, each in enumerate(kept):
        row |= {f"field{number}": each.field, f"salt{number}": each.salt, f"plain{number}": each.plain}
    (ingest_no,) = one_row(connection, _write(len(kept)), row)
    return Recorded(event_id, ingest_no, n, at, leaf_hash)


def history(session: ReadSession, subject: UUID, *, after: int = 0, limit: int = 500) -> list[HistoryLine]:
    """A subject's events in their order, oldest first, from the one after number `after`.

    What somebody wrote past the log is none of them: `outside_log` names it. Raises LogDisagrees where an event cannot
    be read.
    """
    words = {"subject": subject, "after": after, "limit": limit}
    rows = session.scalars(select(CustodyEvent).from_statement(IN_ORDER), words).all()
    opened = revealed(session, [row.id for row in rows])
    return [_line(row, opened.get(row.id, {})) for row in rows]


def outside_log(session: ReadSession, subject: UUID) -> str:
    """Which event of a subject somebody wrote past the log, in words: the first of them; else nothing."""
    return past_the_log(session, subject).removeprefix("; ")


def has_said(
    session: ReadSession, subject: UUID, *, kinds: Collection[EventType], fact: tuple[str, str], since: datetime
) -> bool:
    """Whether an event of these kinds states a fact of a subject: its name and its text. One question by the index.

    Only leaves written from `since` on are looked into; the database does it, and sends none of them here.
    """
    # As a leaf has it: sorted members without spaces. A text that quotes these words has its quotes escaped.
    words = canonical(dict([fact]))[1:-1]
    found = select(CustodyEvent.ingest_no).where(
        CustodyEvent.subject == subject,
        CustodyEvent.at >= since,
        CustodyEvent.type.in_([each.value for each in kinds]),
        func.position(literal(words).op("IN")(CustodyEvent.leaf)) > 0,
    )
    return session.scalars(found.limit(1)).first() is not None


def erase_sealed(
    session: WriteSession, event_id: UUID, field: str, by: Actor, *, because: str | None = None
) -> Recorded:
    """Erase one personal value of an event, for good, and write down that it was done; the leaf stays as it is.

    `because` is sealed as well: why a name was erased may name the person.

    Raises NotFound, or AlreadySettled where it has been erased.
    """
    row, subject = erasable(session, event_id, field)
    facts = {"event": str(event_id), "field": field}
    personal = {} if because is None else {"because": because}
    erased = Event(type=EventType.SEALED_ERASED, subject=subject, actor=by, facts=facts, personal=personal)
    recorded = record(session, erased)
    row.salt, row.value_enc, row.erased_by = None, None, recorded.id
    session.flush()
    return recorded


def check_subject(session: ReadSession, subject: UUID) -> int:
    """Hold one subject's rows, head and sealed values against its leaves; the number of events that agree.

    Raises LogDisagrees at the first that does not, or where there is nothing to check.
    """
    prev, n, head = ZERO, 0, None
    leaves: dict[UUID, Leaf] = {}
    # One statement, so that an event that comes meanwhile is in the rows and in the head or in neither.
    in_order = (
        select(CustodyEvent, Head)
        .outerjoin(Head, Head.subject == CustodyEvent.subject)
        .where(CustodyEvent.subject == subject)
        .order_by(CustodyEvent.subject_no)
    )
    for row, head in session.execute(in_order):  # noqa: B007 - the head is looked at after the last row
        n += 1
        leaf = leaves[row.id] = _leaf_of(row)
        if row.subject_no != n or leaf.n != n or leaf.prev != prev.hex():
            said = f"event {row.ingest_no} of subject {subject} does not follow the one before it"
            raise LogDisagrees(said + past_the_log(session, subject))
        prev = hash_of(row.leaf)
        if prev != row.leaf_hash:
            raise LogDisagrees(f"event {row.ingest_no} of subject {subject} is not the one that was hashed")
        _hold_row_against(row, leaf)
    if n == 0:
        raise LogDisagrees(f"subject {subject} has no events: there is nothing to verify")
    if head is None or (head.n, head.leaf_hash) != (n, prev):
        said = f"subject {subject} has {n} events, and its head says otherwise"
        raise LogDisagrees(said + past_the_log(session, subject))
    check_sealed(session, subject, leaves)
    return n


@cache
def _write(sealed: int) -> str:
    """The statement that writes an event with so many sealed values: one journey, for callers wait for each."""
    values = ", ".join(f"(%(id)s, %(field{each})s, %(salt{each})s, %(plain{each})s)" for each in range(sealed))
    return (
        f"WITH sealed AS (INSERT INTO custody.sealed (event_id, field, salt, value_enc) VALUES {values}),"  # noqa: S608
        " ended AS (UPDATE custody.head SET leaf_hash = %(leaf_hash)s WHERE subject = %(subject)s),"
        " written AS (INSERT INTO custody.event (id, subject, subject_no, type, at, leaf, leaf_hash)"
        " VALUES (%(id)s, %(subject)s, %(n)s, %(type)s, %(at)s, %(leaf)s, %(leaf_hash)s) RETURNING ingest_no, at)"
        " INSERT INTO custody.queue (ingest_no, at) SELECT ingest_no, at FROM written RETURNING ingest_no"
    )


def _leaf_of(row: CustodyEvent) -> Leaf:
    try:
        return read_leaf(row.leaf)
    except NotALeaf as error:
        raise LogDisagrees(f"event {row.ingest_no} of subject {row.subject}: {error}") from error


def _hold_row_against(row: CustodyEvent, leaf: Leaf) -> None:
    said = {"id": str(row.id), "type": row.type, "subj": str(row.subject), "at": clock.as_text(row.at)}
    differs = [name for name, value in said.items() if getattr(leaf, name) != value]
    if differs:
        raise LogDisagrees(f"the row of event {row.ingest_no} says another {', '.join(differs)} than its leaf")


def _leaf(event: Event) -> dict[str, Any]:
    """The members that the event itself gives; its place in the log is added by the writer."""
    return {
        "v": FORMAT,
        "type": event.type.value,
        "subj": str(event.subject),
        "s62": SAYS[event.type][1].value,
        "actor": {"kind": event.actor.kind.value, "ref": event.actor.id},
        "auth": {"method": event.actor.method},
        "obj": [_object(each) for each in event.objects],
        "facts": dict(event.facts),
    }


def _object(each: Object) -> dict[str, Any]:
    known = {
        "role": each.role,
        "sha256": each.sha256,
        "sha512": each.sha512,
        "size": each.size,
        "tree": each.tree,
        "version_id": each.version_id,
        "packets": each.packets,
    }
    return {name: value for name, value in known.items() if value is not None}


def _line(row: CustodyEvent, personal: Mapping[str, Revealed]) -> HistoryLine:
    leaf = _leaf_of(row)
    known = {field: each.value for field, each in personal.items()}
    actor = known.pop("actor", "someone whose name has been erased")
    try:
        kind = EventType(row.type)
    except ValueError as error:
        raise LogDisagrees(f"event {row.ingest_no} of subject {row.subject}: {error}") from error
    said = sentence(kind, facts={**leaf.facts, **known}, actor=actor)
    return HistoryLine(
        row.id, row.ingest_no, row.subject_no, row.at, kind, leaf.s62, said, actor, leaf.facts, bytes(row.leaf)
    )
