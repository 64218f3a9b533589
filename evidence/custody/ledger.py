"""Appends to the custody log inside the caller's transaction, and reads it.

Every act of every room comes through `record`. The subject's head row is locked until the caller commits, so
a subject's events are numbered without gap or double; other subjects do not wait.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import insert, select, text

from evidence import clock
from evidence.custody.canonical import canonical, read_canonical
from evidence.custody.events import SAYS, Event, EventType, Object, sentence
from evidence.custody.rows import CustodyEvent, Head, Queued, Sealed
from evidence.database import ReadSession, WriteSession
from evidence.errors import LogDisagrees
from evidence.identifiers import new_id

ZERO = bytes(32)
SEAL_LABEL = b"continuity-sealed-v1"
FORMAT = 1

# One statement takes the next number, gives the hash before it, and asks the database what time it is.
NEXT = text(
    "INSERT INTO custody.head AS h (subject, n, leaf_hash) VALUES (:subject, 1, :zero)"
    " ON CONFLICT (subject) DO UPDATE SET n = h.n + 1 RETURNING n, leaf_hash, clock_timestamp() AS at"
)
SET_HEAD = text("UPDATE custody.head SET leaf_hash = :leaf_hash WHERE subject = :subject")


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


def record(session: WriteSession, event: Event) -> Recorded:
    """Append one event. It commits or vanishes with the caller's transaction.

    Raises NotCanonical where a fact has no canonical form; the caller's change must then not happen either.
    """
    n, prev, at = session.execute(NEXT, {"subject": event.subject, "zero": ZERO}).one()
    event_id = new_id()
    origin = str(session.info["log_origin"])
    commitments = _seal(session, event_id, {"actor": event.actor.shown, **event.personal})
    place = {"log": origin, "id": str(event_id), "at": clock.as_text(at), "n": n, "prev": bytes(prev).hex()}
    leaf = canonical({**_leaf(event), **place, "sealed": commitments})
    leaf_hash = hashlib.sha256(b"\x00" + leaf).digest()
    row = insert(CustodyEvent).values(
        id=event_id, subject=event.subject, subject_no=n, type=event.type.value, at=at, leaf=leaf, leaf_hash=leaf_hash
    )
    ingest_no = session.execute(row.returning(CustodyEvent.ingest_no)).scalar_one()
    session.execute(SET_HEAD, {"leaf_hash": leaf_hash, "subject": event.subject})
    session.execute(insert(Queued).values(ingest_no=ingest_no))
    return Recorded(event_id, ingest_no, n, at, leaf_hash)


def history(session: ReadSession, subject: UUID, *, after: int = 0, limit: int = 500) -> list[HistoryLine]:
    """A subject's events in their order, oldest first, from the one after number `after`."""
    rows = session.scalars(
        select(CustodyEvent)
        .where(CustodyEvent.subject == subject, CustodyEvent.subject_no > after)
        .order_by(CustodyEvent.subject_no)
        .limit(limit)
    ).all()
    opened = _unsealed(session, [row.id for row in rows])
    return [_line(row, opened.get(row.id, {})) for row in rows]


def check_subject(session: ReadSession, subject: UUID) -> int:
    """Hold one subject's rows, head and sealed values against its leaves; the number of events that agree.

    Raises LogDisagrees at the first that does not, or where there is nothing to check.
    """
    prev, n = ZERO, 0
    in_order = select(CustodyEvent).where(CustodyEvent.subject == subject).order_by(CustodyEvent.subject_no)
    for row in session.scalars(in_order):
        n += 1
        leaf = cast("dict[str, Any]", read_canonical(row.leaf))
        if row.subject_no != n or leaf["n"] != n or leaf["prev"] != prev.hex():
            raise LogDisagrees(f"event {row.ingest_no} of subject {subject} does not follow the one before it")
        prev = hashlib.sha256(b"\x00" + row.leaf).digest()
        if prev != row.leaf_hash:
            raise LogDisagrees(f"event {row.ingest_no} of subject {subject} is not the one that was hashed")
        _hold_row_against(row, leaf)
        _hold_sealed_against(session, row, leaf)
    if n == 0:
        raise LogDisagrees(f"subject {subject} has no events: there is nothing to verify")
    head = session.get(Head, subject)
    if head is None or (head.n, head.leaf_hash) != (n, prev):
        raise LogDisagrees(f"subject {subject} has {n} events, and its head says otherwise")
    return n


def _hold_row_against(row: CustodyEvent, leaf: Mapping[str, Any]) -> None:
    said = {"id": str(row.id), "type": row.type, "subj": str(row.subject), "at": clock.as_text(row.at)}
    differs = [name for name, value in said.items() if leaf[name] != value]
    if differs:
        raise LogDisagrees(f"the row of event {row.ingest_no} says another {', '.join(differs)} than its leaf")


def _hold_sealed_against(session: ReadSession, row: CustodyEvent, leaf: Mapping[str, Any]) -> None:
    """A sealed value may have been erased, by law; one that stands must be the one that was committed to."""
    for sealed in session.scalars(select(Sealed).where(Sealed.event_id == row.id)):
        if sealed.salt is None or sealed.value_enc is None:
            continue
        if leaf["sealed"].get(sealed.field) != _commitment(sealed.salt, sealed.field, sealed.value_enc):
            raise LogDisagrees(f"the sealed {sealed.field} of event {row.ingest_no} is not the one it was written with")


def _leaf(event: Event) -> dict[str, Any]:
    """The members that the event itself gives; its place in the log is added by the writer."""
    return {
        "v": FORMAT,
        "type": event.type.value,
        "subj": str(event.subject),
        # No checkpoint is witnessed yet: the empty tree says "not before" nothing.
        "seen": {"size": 0, "root": hashlib.sha256(b"").hexdigest()},
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
    }
    return {name: value for name, value in known.items() if value is not None}


def _seal(session: WriteSession, event_id: UUID, values: Mapping[str, str]) -> dict[str, str]:
    rows, commitments = [], {}
    for name, value in values.items():
        plain = canonical(unicodedata.normalize("NFC", value))
        salt = secrets.token_bytes(32)
        commitments[name] = _commitment(salt, name, plain)
        rows.append({"event_id": event_id, "field": name, "salt": salt, "value_enc": plain})
    session.execute(insert(Sealed), rows)
    return commitments


def _commitment(salt: bytes, name: str, plain: bytes) -> str:
    message = SEAL_LABEL + b"\x00" + name.encode() + b"\x00" + plain
    return hmac.new(salt, message, hashlib.sha256).hexdigest()


def _unsealed(session: ReadSession, event_ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    opened: dict[UUID, dict[str, str]] = {}
    for row in session.scalars(select(Sealed).where(Sealed.event_id.in_(event_ids))):
        if row.value_enc is not None:
            opened.setdefault(row.event_id, {})[row.field] = cast("str", read_canonical(row.value_enc))
    return opened


def _line(row: CustodyEvent, personal: Mapping[str, str]) -> HistoryLine:
    leaf = cast("dict[str, Any]", read_canonical(row.leaf))
    kind = EventType(row.type)
    actor = personal.get("actor", "someone whose name has been erased")
    facts = {**leaf["facts"], **{name: value for name, value in personal.items() if name != "actor"}}
    said = sentence(kind, facts=facts, actor=actor)
    return HistoryLine(
        row.id, row.ingest_no, row.subject_no, row.at, kind, str(leaf["s62"]), said, actor, leaf["facts"]
    )
