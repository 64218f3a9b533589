"""Puts events back into a database that was restored from an older copy, out of their own leaves.

Only evidence.sequencing.rollforward calls this, in one transaction that no writer can get between. An event that was
written after the restoring, and has no number yet, may claim a place that another has in the log: it is written
again with the next place of its subject, and all else that it says stays as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import and_, delete, insert, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from evidence import clock
from evidence.custody.canonical import canonical, read_canonical
from evidence.custody.events import EventType
from evidence.custody.facts_of_log import SealedErased
from evidence.custody.leaf import Leaf as ReadLeaf
from evidence.custody.leaf import hash_of, read_leaf
from evidence.custody.rows import CustodyEvent, Head, Leaf, Queued, Sealed
from evidence.database import WriteSession
from evidence.errors import LogDisagrees, NotALeaf

AT_ONCE = 500  # events in one statement

TAKE_WAITING = text(
    "SELECT e.ingest_no, e.at, e.id, e.leaf FROM custody.event e JOIN custody.queue q USING (ingest_no, at)"
    " WHERE e.subject = :subject ORDER BY e.subject_no"
)

# The row that bytes have which are no event: at their number, where that was given already, or while they wait for one.
ASIDE = text("""
SELECT e.id, e.subject, e.subject_no, e.type, e.at FROM custody.leaf l JOIN custody.event e USING (ingest_no, at)
WHERE l.seq = :seq AND e.leaf_hash = :hash AND NOT e.id = ANY(:but)
UNION ALL
SELECT e.id, e.subject, e.subject_no, e.type, e.at FROM custody.queue q JOIN custody.event e USING (ingest_no, at)
WHERE e.leaf_hash = :hash AND NOT e.id = ANY(:but)
LIMIT 1
""")
NO_EVENT = "no event"  # the type of a row for such bytes where nothing says what it was

# What the owner of the tables has to do where a row stands in the place of an event that comes back.
KEPT_OUT = (
    "event {id} of the log cannot be put back: a row of custody.event that says something else stands in its place"
    " (its ingest_no is {no}, its id {found}). Nothing was written. The owner of the tables has to take that row away"
    ' (run-book rolled-back, "a row in the place of an event"); then `continuity custody rollforward` again'
)

NUMBER_TAKEN = (
    "event {id} of the log cannot be given back its number {wanted}: a row of custody.leaf that no sequencer wrote"
    " stands at number {seq} (its ingest_no is {no}), and it is not what was signed. Nothing was written. The owner of"
    ' the tables has to take that row away (run-book chain-does-not-verify, "a number that was not given"); then'
    " `continuity custody rollforward` again"
)

_Key = tuple[UUID, datetime]  # what an event is known by: an id alone can be borrowed


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: events, sealed values whose rows are gone for good, and events that had to move."""

    events: int
    sealed_missing: list[tuple[UUID, str]]
    moved: int


def hold_writers(session: WriteSession) -> None:
    """Let nobody append an event until the caller has committed."""
    session.execute(text("LOCK TABLE custody.head IN EXCLUSIVE MODE"))


def restore(session: WriteSession, leaves: Iterable[bytes], *, start: int) -> Restored:
    """Put events back with the numbers from `start` on, and rebuild the heads of their subjects.

    Writers must be held. Raises LogDisagrees where another row is in the place of one of them.
    """
    restored, ends = Restored(0, [], 0), dict[UUID, tuple[int, bytes]]()
    for batch in _batches(leaves):
        missing = _put_back(session, batch, start=start + restored.events, ends=ends)
        restored = Restored(restored.events + len(batch), restored.sealed_missing + missing, 0)
    # Only what has no number yet is written again, and nobody else is in: the trigger is back before they are.
    session.execute(text("ALTER TABLE custody.event DISABLE TRIGGER insert_only"))
    moved = sum(_set_end(session, subject, n, prev) for subject, (n, prev) in ends.items())
    session.execute(text("ALTER TABLE custody.event ENABLE TRIGGER insert_only"))
    return Restored(restored.events, restored.sealed_missing, moved)


def mark_missing(session: WriteSession, values: Sequence[tuple[UUID, str]], *, because: UUID) -> None:
    """Write down that personal values were lost with the rollback; `because` is the event that says so."""
    rows = [{"event_id": event_id, "field": field, "erased_by": because} for event_id, field in values]
    for at in range(0, len(rows), AT_ONCE):
        session.execute(upsert(Sealed).values(rows[at : at + AT_ONCE]).on_conflict_do_nothing())


def _put_back(
    session: WriteSession, leaves: Sequence[bytes], *, start: int, ends: dict[UUID, tuple[int, bytes]]
) -> list[tuple[UUID, str]]:
    """One batch: events that are not there, and the numbers of all. The sealed values that are not there."""
    said = [_read(leaf) for leaf in leaves]
    rows = _rows(session, leaves, said, start=start)
    there = _there(session, rows)
    ends |= {row["subject"]: (row["subject_no"], row["leaf_hash"]) for row in rows if _ends(row)}
    numbers = dict(there)
    fresh = [row for row in rows if _key(row) not in there]
    if fresh:
        added = insert(CustodyEvent).returning(CustodyEvent.ingest_no, sort_by_parameter_order=True)
        numbers |= zip(map(_key, fresh), session.scalars(added, fresh), strict=True)
    session.execute(delete(Queued).where(Queued.ingest_no.in_(there.values())))
    _number(session, {seq: (row, numbers[_key(row)]) for seq, row in enumerate(rows, start)})
    events = [each for each in said if each is not None]
    _erase_again(session, events)
    return _sealed_missing(session, events)


def _there(session: WriteSession, rows: Sequence[dict[str, Any]]) -> dict[_Key, int]:
    """The order of writing of those events that are there already, each with all that its leaf says of it.

    A row at another time is another row, whatever id it bears: the right one is written beside it. Raises
    LogDisagrees where a row that says something else keeps the right one out.
    """
    subject_no = tuple_(CustodyEvent.subject, CustodyEvent.subject_no)
    by_id = select(CustodyEvent).where(CustodyEvent.id.in_([row["id"] for row in rows]))
    by_place = select(CustodyEvent).where(subject_no.in_([(row["subject"], row["subject_no"]) for row in rows]))
    known = [*session.scalars(by_id), *session.scalars(by_place)]
    ids = {(each.id, each.at): each for each in known}
    places = {(each.subject, each.subject_no, each.at): each for each in known}
    there: dict[_Key, int] = {}
    for row in rows:
        for found in (ids.get(_key(row)), places.get((row["subject"], row["subject_no"], row["at"]))):
            if found is None:
                continue
            if any(getattr(found, name) != row[name] for name in ("id", "subject", "subject_no", "type", "leaf_hash")):
                raise LogDisagrees(KEPT_OUT.format(id=row["id"], no=found.ingest_no, found=found.id))
            there[_key(row)] = found.ingest_no
    return there


def _number(session: WriteSession, wanted: Mapping[int, tuple[dict[str, Any], int]]) -> None:
    """Give events their numbers, each with its order of writing; those have them that the log had when the row of its
    state was set back. Raises LogDisagrees where a row that says something else keeps one out.
    """
    at_place = Leaf.seq.between(min(wanted), max(wanted))
    by_event = {no: (seq, row["id"]) for seq, (row, no) in wanted.items()}
    placed = {
        seq: {"seq": seq, "ingest_no": no, "at": row["at"], "leaf_hash": row["leaf_hash"]}
        for seq, (row, no) in wanted.items()
    }
    for found in session.scalars(select(Leaf).where(at_place | Leaf.ingest_no.in_(by_event))):
        right = placed.get(found.seq)
        if right is None or any(getattr(found, name) != value for name, value in right.items()):
            seq, event = by_event.get(found.ingest_no) or (found.seq, wanted[found.seq][0]["id"])
            raise LogDisagrees(NUMBER_TAKEN.format(id=event, wanted=seq, seq=found.seq, no=found.ingest_no))
        del placed[found.seq]
    if placed:
        session.execute(insert(Leaf), list(placed.values()))


def _key(row: dict[str, Any]) -> _Key:
    return row["id"], row["at"]


def _rows(
    session: WriteSession, leaves: Sequence[bytes], said: Sequence[ReadLeaf | None], *, start: int
) -> list[dict[str, Any]]:
    """A row for each leaf, as the leaf says. What was signed and is no event, or says that it is one that came before
    it, gets a row that stands in nobody's history: its bytes are in the log for good, and verification names them.
    """
    as_said = [None if each is None else _row(each, leaf) for each, leaf in zip(said, leaves, strict=True)]
    taken = _names_below(session, [row for row in as_said if row is not None], start)
    at = session.scalar(select(Leaf.at).where(Leaf.seq < start, Leaf.seq >= 0).order_by(Leaf.seq.desc()).limit(1))
    at = at or next((row["at"] for row in as_said if row is not None), clock.now())
    rows: list[dict[str, Any]] = []
    for seq, (leaf, told) in enumerate(zip(leaves, as_said, strict=True), start):
        row, names = told, set() if told is None else _names(told)
        if row is None or names & taken:
            row = _row_aside(session, leaf, seq=seq, at=at, but={each["id"] for each in rows})
        taken |= names
        at = row["at"]
        rows.append(row)
    return rows


def _row(said: ReadLeaf, leaf: bytes) -> dict[str, Any]:
    return {
        "id": UUID(said.id),
        "subject": UUID(said.subj),
        "subject_no": said.n,
        "type": said.type,
        "at": datetime.fromisoformat(said.at),
        "leaf": leaf,
        "leaf_hash": hash_of(leaf),
    }


def _row_aside(session: WriteSession, leaf: bytes, *, seq: int, at: datetime, but: set[UUID]) -> dict[str, Any]:
    """The row that such bytes have, numbered or waiting; else one of their own, with a name made out of them."""
    found = session.execute(ASIDE, {"seq": seq, "hash": hash_of(leaf), "but": list(but)}).mappings().first()
    if found is not None:
        return {**found, "leaf": leaf, "leaf_hash": hash_of(leaf)}
    name = UUID(bytes=hashlib.sha256(seq.to_bytes(8) + leaf).digest()[:16])
    place = {"id": name, "subject": name, "subject_no": 1, "type": NO_EVENT, "at": at}
    return {**place, "leaf": leaf, "leaf_hash": hash_of(leaf)}


def _ends(row: dict[str, Any]) -> bool:
    """Whether the row says where its subject's history ends: its leaf says so too, or the subject is its own."""
    said = _read(row["leaf"])
    return row["id"] == row["subject"] or (said is not None and _row(said, row["leaf"]) == row)


def _names(row: dict[str, Any]) -> set[tuple[Any, ...]]:
    """What no two events of one time may have in common."""
    return {(row["id"], row["at"]), (row["subject"], row["subject_no"], row["at"])}


def _names_below(session: WriteSession, rows: Sequence[dict[str, Any]], start: int) -> set[tuple[Any, ...]]:
    """Those names of these rows that events have whose number is below `start`."""
    place = tuple_(CustodyEvent.subject, CustodyEvent.subject_no)
    alike = [CustodyEvent.id.in_([row["id"] for row in rows])]
    alike.append(place.in_([(row["subject"], row["subject_no"]) for row in rows]))
    of_event = and_(
        Leaf.ingest_no == CustodyEvent.ingest_no, Leaf.at == CustodyEvent.at, Leaf.seq.between(0, start - 1)
    )
    columns = (CustodyEvent.id, CustodyEvent.subject, CustodyEvent.subject_no, CustodyEvent.at)
    found = [session.execute(select(*columns).join(Leaf, of_event).where(each)).mappings().all() for each in alike]
    return {name for each in found for row in each for name in _names(dict(row))}


def _read(leaf: bytes) -> ReadLeaf | None:
    """None for bytes that are no leaf: who can queue an event can have any signed for."""
    try:
        return read_leaf(leaf)
    except NotALeaf:
        return None


def _erase_again(session: WriteSession, events: Sequence[ReadLeaf]) -> None:
    """What had been erased came back with the older copy."""
    for said in events:
        if said.type != EventType.SEALED_ERASED:
            continue
        try:
            erased = SealedErased.model_validate(said.facts)
        except ValidationError:
            continue  # written past the ledger: it names no value
        session.execute(
            update(Sealed)
            .where(Sealed.event_id == UUID(erased.event), Sealed.field == erased.field)
            .values(salt=None, value_enc=None, erased_by=UUID(said.id))
        )


def _sealed_missing(session: WriteSession, events: Sequence[ReadLeaf]) -> list[tuple[UUID, str]]:
    kept = select(Sealed.event_id, Sealed.field).where(Sealed.event_id.in_([UUID(said.id) for said in events]))
    there = {(row.event_id, row.field) for row in session.execute(kept)}
    wanted = [(UUID(said.id), field) for said in events for field in said.sealed]
    return [each for each in wanted if each not in there]


def _set_end(session: WriteSession, subject: UUID, n: int, leaf_hash: bytes) -> int:
    """The head of one subject, after what waits has been put behind the events of the log; how many moved."""
    waiting = session.execute(TAKE_WAITING, {"subject": subject}).all()
    moved = 0
    for row in waiting:
        if _read(bytes(row.leaf)) is None:
            continue  # no event, and of nobody's history: it stays as it is, and verification names it
        said = cast("dict[str, Any]", read_canonical(row.leaf))
        if (said["n"], said["prev"]) != (n + 1, leaf_hash.hex()):
            leaf = canonical({**said, "n": n + 1, "prev": leaf_hash.hex()})
            _write_again(session, row, n + 1, leaf)
            moved += 1
        else:
            leaf = bytes(row.leaf)
        n, leaf_hash = n + 1, hash_of(leaf)
    values = {"subject": subject, "n": n, "leaf_hash": leaf_hash}
    session.execute(upsert(Head).values(values).on_conflict_do_update(index_elements=[Head.subject], set_=values))
    return moved


def _write_again(session: WriteSession, row: Any, n: int, leaf: bytes) -> None:
    """Give an event that has no number in the log its right place among its subject's: nobody has relied on it yet."""
    session.execute(
        update(CustodyEvent)
        .where(CustodyEvent.ingest_no == row.ingest_no, CustodyEvent.at == row.at)
        .values(subject_no=n, leaf=leaf, leaf_hash=hash_of(leaf))
    )


def _batches(leaves: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for leaf in leaves:
        batch.append(leaf)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
