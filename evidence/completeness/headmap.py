"""The head map: how far each subject's events had come when the log had a certain size.

A counter and a link in each event show that nothing was left out between a subject's first event and the last one
shown. The head map shows that it was the last: a tree with one entry for every subject, whose root is logged. Entries
are blinded with a key of the map's own, so that a proof for one exhibit names no other. docs/package-format.md,
section 4, gives the bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hmac import digest
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Row, TextClause, insert, select, text

from evidence.completeness.tree import HeldTree
from evidence.custody import ledger, rows
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.facts_of_log import HeadmapLogged
from evidence.custody.leaf import read_leaf
from evidence.custody.places import END, IN_LOG, NUMBER
from evidence.database import ReadSession, WriteSession
from evidence.errors import LogDisagrees, NotALeaf, NotFound
from evidence.tlog.merkle import leaf_hash as hash_of

if TYPE_CHECKING:
    from evidence.bootstrap import House

BY = Actor.system("head map")
AT_ONCE = 10_000  # rows fetched at a time
BLINDED = 32  # bytes at the beginning of each entry

# The last event of each subject below a size: found by numbers alone, then looked up.
ENDS = text("""
SELECT e.subject, e.subject_no, l.seq, l.leaf_hash
FROM (
  SELECT max(l.seq) AS seq
  FROM custody.leaf l JOIN custody.event e ON e.ingest_no = l.ingest_no AND e.at = l.at
  WHERE l.seq < :size GROUP BY e.subject) AS last
JOIN custody.leaf l ON l.seq = last.seq
JOIN custody.event e ON e.ingest_no = l.ingest_no AND e.at = l.at
""")
# A row of a map together with the event that names it: one that has its number, or waits for it.
LOGGED = text(f"""
SELECT h.size, h.entries, h.root, h.key, h.event_id, e.at, e.leaf,
  coalesce(l.seq, {END}) AS below
FROM custody.event e
JOIN custody.headmap h ON h.event_id = e.id
LEFT JOIN {NUMBER}
WHERE e.subject = :subject AND e.type = :type AND {IN_LOG}
ORDER BY e.subject_no DESC
""")  # noqa: S608 - put together of our own constants
LOGGED_AT = text(LOGGED.text.replace("ORDER BY", "AND (h.size = :size OR h.size < 0) ORDER BY"))
SIZE = text("SELECT size FROM custody.state")
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('custody.headmap'))")


@dataclass(frozen=True, slots=True)
class End:
    """The last event of a subject below a size of the log: counter, number in the log, leaf hash."""

    subject: UUID
    n: int
    seq: int
    leaf_hash: bytes

    def entry(self, key: bytes) -> bytes:
        """The 80 bytes that stand in the map."""
        blinded = digest(key, self.subject.bytes, "sha256")
        return blinded + self.n.to_bytes(8, "big") + self.seq.to_bytes(8, "big") + self.leaf_hash


@dataclass(frozen=True, slots=True)
class ProvedEnd:
    """An end, its place in the map, and the path from there to the map's root."""

    end: End
    index: int
    proof: tuple[bytes, ...]


class Entries:
    """Every entry of one map in its order, with the tree over them."""

    def __init__(self, ends: Iterable[End], key: bytes) -> None:
        self._key = key
        self._entries = sorted(end.entry(key) for end in ends)
        self._tree = HeldTree([hash_of(entry) for entry in self._entries])
        self.root = self._tree.root()

    def __len__(self) -> int:
        return len(self._entries)

    def prove(self, subject: UUID) -> ProvedEnd:
        """The end of one subject. Raises NotFound where it had no event yet."""
        blinded = digest(self._key, subject.bytes, "sha256")
        index = self._place(blinded)
        entry = self._entries[index] if index < len(self) else b""
        if entry[:BLINDED] != blinded:
            raise NotFound(f"an event of {subject} at this size of the log")
        n, seq = int.from_bytes(entry[32:40], "big"), int.from_bytes(entry[40:48], "big")
        return ProvedEnd(End(subject, n, seq, entry[48:]), index, self._tree.prove(index))

    def _place(self, blinded: bytes) -> int:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._entries[middle] < blinded else (low, middle)
        return low


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMap:
    """A map that has been logged: the event `event_id` says its size, its number of entries and its root."""

    size: int
    entries: int
    root: bytes
    key: bytes = field(repr=False)
    event_id: UUID
    # There when the map was made just now; made again from the log otherwise.
    held: Entries | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Logged:
    """A map, when its event was written, and at which place of the table it stands."""

    map: HeadMap
    at: datetime
    row: int


def make(house: House) -> HeadMap:
    """The map of the log as it stands now. Raises NotFound where the log is empty."""
    with house.reading() as session:
        size = int(session.scalar(SIZE) or 0)
    return make_at(house, size)


def make_at(house: House, size: int) -> HeadMap:
    """The map of this size: the one that was logged, or a new one that is logged now.

    Raises NotFound where the log has not come so far, or where there is nothing to map.
    """
    known = find(house, size)
    if known is not None:
        return known
    key = secrets.token_bytes(32)
    with house.reading() as session:
        made = Entries(_ends(session, size), key)
    with house.writing() as session:
        session.execute(ONE_AT_A_TIME)
        return _found(session, size) or _log(session, size, key, made)


def find(house: House, size: int) -> HeadMap | None:
    """The map that was logged for this size, if one was. A row that no event of the log names is no map."""
    with house.reading() as session:
        return _found(session, size)


def newest(house: House, *, within: int) -> HeadMap | None:
    """The newest map of a size not above `within`."""
    with house.reading() as session:
        logged = _logged(session, LOGGED, {})
        return next((each.map for each in logged if each.map.size <= within), None)


def last(session: ReadSession) -> Logged | None:
    """The map that was logged last, and when."""
    return next(_logged(session, LOGGED, {}), None)


def strays(session: ReadSession) -> list[str]:
    """Each row of a map that no event of the log names, in words."""
    named = {each.row for each in _logged(session, LOGGED, {})}
    there = session.execute(select(rows.HeadMap.size, rows.HeadMap.event_id).order_by(rows.HeadMap.size))
    return [f"no event of the log tells of the head map of {size} events" for size, event in there if size not in named]


def prove(house: House, made: HeadMap, subjects: Iterable[UUID]) -> Mapping[UUID, ProvedEnd]:
    """Where these subjects ended at the map's size.

    Raises NotFound for one that had no event, LogDisagrees where the log does not lead to the map's root any more.
    """
    entries = made.held
    if entries is None:
        with house.reading() as session:
            entries = Entries(_ends(session, made.size), made.key)
    if (len(entries), entries.root) != (made.entries, made.root):
        raise LogDisagrees(f"the log's first {made.size} events do not lead to the head map that was logged for them")
    return {subject: entries.prove(subject) for subject in subjects}


def _ends(session: ReadSession, size: int) -> Iterator[End]:
    there = int(session.scalar(SIZE) or 0)
    if not 0 < size <= there:
        raise NotFound(f"a log of {size} events (it has {there})" if size > 0 else "any event in the log")
    streamed = session.execute(ENDS, {"size": size}, execution_options={"yield_per": AT_ONCE})
    for subject, n, seq, leaf_hash in streamed:
        yield End(subject, n, seq, bytes(leaf_hash))


def _log(session: WriteSession, size: int, key: bytes, made: Entries) -> HeadMap:
    facts = {"size": size, "entries": len(made), "root": made.root.hex()}
    event = ledger.record(session, Event(type=EventType.HEADMAP_LOGGED, subject=SYSTEM, actor=BY, facts=facts))
    place = size if session.get(rows.HeadMap, size) is None else _aside(event.id)
    adding = insert(rows.HeadMap).values(size=place, entries=len(made), root=made.root, key=key, event_id=event.id)
    session.execute(adding)
    return HeadMap(size=size, entries=len(made), root=made.root, key=key, event_id=event.id, held=made)


def _found(session: ReadSession, size: int) -> HeadMap | None:
    return next((each.map for each in _logged(session, LOGGED_AT, {"size": size}) if each.map.size == size), None)


def _logged(session: ReadSession, asked: TextClause, words: Mapping[str, int]) -> Iterator[Logged]:
    """Maps whose event is in the log or waits for its number, and says of them what the row does; the newest first."""
    of_maps = {"subject": SYSTEM, "type": EventType.HEADMAP_LOGGED.value}
    with session.execute(asked, {**of_maps, **words}, execution_options={"yield_per": AT_ONCE}) as found:
        yield from filter(None, map(_as_logged, found))


def _as_logged(row: Row[Any]) -> Logged | None:
    try:
        leaf = read_leaf(bytes(row.leaf))
        said = HeadmapLogged.model_validate(leaf.facts)
    except (NotALeaf, ValidationError):
        return None  # verification names it
    is_its_own = leaf.id == str(row.event_id) and row.size in (said.size, _aside(row.event_id))
    agrees = (row.entries, bytes(row.root).hex()) == (said.entries, said.root)
    if not is_its_own or not agrees or said.size > row.below:
        return None
    made = HeadMap(
        size=said.size, entries=said.entries, root=bytes(row.root), key=bytes(row.key), event_id=row.event_id
    )
    return Logged(made, row.at, row.size)


def _aside(event: UUID) -> int:
    """The place of a map whose own place somebody took before it was made: nobody can know it beforehand."""
    return -1 - (event.int & (2**62 - 1))
