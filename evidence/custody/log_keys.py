"""The keys of the log as the log itself names them. Its events are what counts; `custody.log_key` is their index.

Whoever may write into the database can add a row to that table, so no key is trusted for standing there. A key
counts when an event `key.rotated` names it and the first checkpoint over that event bears its signature: keys.json
is written before the event, and whoever signs reads it before each checkpoint. An event `key.revoked` ends it for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, text

from evidence.custody.events import SYSTEM, EventType
from evidence.custody.leaf import Leaf as ReadLeaf
from evidence.custody.leaf import read_leaf
from evidence.custody.places import END, OWN_ROW, WAITS
from evidence.custody.rows import LogKey, PublishedCheckpoint
from evidence.database import ReadSession, WriteSession
from evidence.errors import NotALeaf
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.errors import TlogError
from evidence.tlog.keys import VerifierKey
from evidence.tlog.note import parse_note, verify
from evidence.vocabulary import LogKeyState

UNKNOWN = "unknown"  # where a key is kept, after a restore
KINDS = (EventType.KEY_ROTATED.value, EventType.KEY_REVOKED.value)
# One statement, so that an event that is given its number meanwhile is on one side of the end or waits.
ABOUT_KEYS = text(f"""
SELECT l.seq, {END} AS log_end, {WAITS} AS waits, e.leaf
FROM custody.event e LEFT JOIN {OWN_ROW}
WHERE e.subject = :subject AND e.type = ANY(:kinds) ORDER BY l.seq NULLS LAST, e.ingest_no
""")  # noqa: S608 - put together of our own constants


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One event about a key, with its place; None while it waits for one."""

    seq: int | None
    leaf: ReadLeaf


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key that the log's events name: from which size on, and until which where it was revoked.

    Where a key was named twice, the first event is the one that holds. `has_signed` is None while no checkpoint is
    over the event.
    """

    key: VerifierKey
    from_sizes: tuple[int, ...]
    to_sizes: tuple[int, ...]
    has_signed: bool | None

    @property
    def is_revoked(self) -> bool:
        """Whether an event ended it."""
        return bool(self.to_sizes)

    @property
    def counts(self) -> bool:
        """Whether a checkpoint counts under its signature."""
        return self.has_signed is True and not self.is_revoked


def named(events: Iterable[KeyEvent], signed: Callable[[int, VerifierKey], bool | None]) -> list[NamedKey]:
    """The keys that these events name, in the order in which they came. Pure but for what it is given.

    `signed` tells whether the first checkpoint over more than so many events bears the key's signature.
    """
    found: dict[str, NamedKey] = {}
    ended: dict[str, list[int]] = {}
    for event in events:
        said = event.leaf.facts
        if event.leaf.type == EventType.KEY_REVOKED:
            ended.setdefault(str(said.get("key")), []).append(_size(said, "to_size"))
        elif (key := _key_in(event.leaf)) is not None:
            has = None if event.seq is None else signed(event.seq, key)
            before = found.get(key.text(), NamedKey(key, (), (), None))
            has_signed = before.has_signed or has if before.from_sizes else has
            found[key.text()] = NamedKey(key, (*before.from_sizes, _size(said, "from_size")), (), has_signed)
    return [
        NamedKey(each.key, each.from_sizes, tuple(ended.get(each.key.key_id.hex(), ())), each.has_signed)
        for each in found.values()
    ]


def named_keys(session: ReadSession) -> list[NamedKey]:
    """Every key that the log's own events name, revoked ones too, the oldest first."""
    return _named_in(session, _events(session))


def trusted_keys(session: ReadSession) -> list[VerifierKey]:
    """The keys under whose signature a checkpoint counts: those that sign, and those that did and were not revoked."""
    return [each.key for each in named_keys(session) if each.counts]


def keys_at(session: ReadSession, size: int) -> list[VerifierKey]:
    """The keys of the log that count for a checkpoint over so many events, the oldest first."""
    return [each.key for each in named_keys(session) if each.counts and each.from_sizes[0] <= size]


def signing_keys(session: ReadSession) -> list[VerifierKey]:
    """The keys that a checkpoint in the store may bear: revoked ones too, and those whose first is not recorded yet."""
    return [each.key for each in named_keys(session) if each.has_signed is not False]


def contradictions(rows: Sequence[LogKey], keys: Sequence[NamedKey]) -> list[str]:
    """Where the table of keys says other than the log's events, and which named keys never signed. Pure."""
    by_text, kept = {each.key.text(): each for each in keys}, {row.vkey for row in rows}
    found = [said for row in rows for said in _contradicted(row, by_text.get(row.vkey))]
    for each in keys:
        shown = f"the log key {each.key.key_id.hex()}"
        if each.key.text() not in kept:
            found.append(f"an event of the log names {shown}, and the table of keys has it not")
        if each.has_signed is False:
            found.append(f"an event of the log names {shown}, which did not sign the first checkpoint over that event")
    return found


def faults(session: ReadSession) -> list[str]:
    """The same for this database as it stands."""
    return contradictions(session.scalars(select(LogKey).order_by(LogKey.from_size)).all(), named_keys(session))


def _contradicted(row: LogKey, told: NamedKey | None) -> list[str]:
    shown = f"the table of keys has the log key {bytes(row.key_id).hex()}"
    if told is None or (bytes(row.key_id), row.name, row.alg) != (told.key.key_id, told.key.name, told.key.algorithm):
        return [f"{shown}, and no event of the log names that key: it is not trusted"]
    found = []
    if row.from_size not in told.from_sizes:
        found.append(f"{shown} in force from {row.from_size}, and the log's event says from {told.from_sizes[0]}")
    if told.is_revoked and (row.state is not LogKeyState.REVOKED or row.to_size not in told.to_sizes):
        until = "" if row.to_size is None else f" to {row.to_size}"
        found.append(
            f"{shown} as {row.state.value}{until}, and an event of the log revoked it at {told.to_sizes[0]}:"
            " it is not trusted"
        )
    if not told.is_revoked and row.state is LogKeyState.REVOKED:
        found.append(f"{shown} as revoked, and no event of the log revoked it")
    if (row.state is LogKeyState.IN_FORCE) is not (row.to_size is None):
        found.append(f"{shown} as {row.state.value}, with an end at {row.to_size}")
    return found


def _key_in(leaf: ReadLeaf) -> VerifierKey | None:
    """The key that an event puts in force; None for one that is no key of this log."""
    try:
        key = VerifierKey.parse(str(leaf.facts.get("vkey")))
    except TlogError:
        return None
    return key if (key.name, key.key_id.hex()) == (leaf.log, leaf.facts.get("key")) else None


def _named_in(session: ReadSession, events: Sequence[KeyEvent]) -> list[NamedKey]:
    keys = [key for key in map(_key_in, (each.leaf for each in events)) if key is not None]
    return named(events, lambda seq, key: _signed_over(session, seq, key, keys))


def _events(session: ReadSession) -> list[KeyEvent]:
    """The log's events about its keys: numbered ones by their place, then those that wait.

    What stands beyond the log's end is none of them (evidence.custody.places). The row that says where that is could be
    set back to before a key was revoked: what a checkpoint is over that a key of the log signed is in the log as well.
    """
    words = {"subject": SYSTEM, "kinds": list(KINDS)}
    rows = session.execute(ABOUT_KEYS, words).all()
    end: int | None = rows[0].log_end if rows else None
    events: list[KeyEvent] = []
    while end is not None:
        events = list(_below(rows, end, log=session.info["log_origin"]))
        end = _signed_beyond(session, [row.seq for row in rows if row.seq is not None and row.seq >= end], events)
    return events


def _below(rows: Sequence[Row[Any]], end: int, *, log: str) -> Iterator[KeyEvent]:
    """The events among these that have their number below the end of the log, and those that wait for one. Pure."""
    for row in rows:
        seq = row.seq if row.seq is not None and row.seq < end else None
        if seq is None and not row.waits:
            continue  # what has no number and waits for none is no event of the log, whoever wrote it
        try:
            leaf = read_leaf(bytes(row.leaf))
        except NotALeaf:
            continue  # what is no event names no key; the check of events says so
        if leaf.type in KINDS and (leaf.subj, leaf.log) == (str(SYSTEM), log):
            yield KeyEvent(seq, leaf)


def _signed_beyond(session: ReadSession, beyond: Sequence[int], events: Sequence[KeyEvent]) -> int | None:
    """The size of the newest checkpoint over any of these numbers that bears a key which counts by these events."""
    if not beyond:
        return None
    keys = [each.key for each in _named_in(session, events) if each.counts]
    over = select(PublishedCheckpoint).where(PublishedCheckpoint.size > min(beyond))
    newest_first = over.order_by(PublishedCheckpoint.size.desc()).execution_options(yield_per=64)
    with closing(session.scalars(newest_first)) as rows:
        return next((row.size for row in rows if any(bears(row, each) for each in keys)), None)


def _signed_over(session: ReadSession, seq: int, key: VerifierKey, keys: Sequence[VerifierKey]) -> bool | None:
    """Whether the first checkpoint over the event bears the key's signature.

    A row that no key of the log signed is no checkpoint of it: whoever may add rows there ends no key by one.
    """
    over = select(PublishedCheckpoint).where(PublishedCheckpoint.size > seq).order_by(PublishedCheckpoint.size)
    with closing(session.scalars(over.execution_options(yield_per=64))) as rows:
        first = next((row for row in rows if any(bears(row, each) for each in keys)), None)
    return None if first is None else bears(first, key)


def bears(row: PublishedCheckpoint, key: VerifierKey) -> bool:
    """Whether a recorded checkpoint is over as many events as it says, and signed by this key."""
    try:
        note = parse_note(row.note)
        if parse_checkpoint(note.text).size != row.size:
            return False
        lines = [each for each in note.signatures if (each.name, each.key_id) == (key.name, key.key_id)]
        for line in lines:
            verify(note.text, line, key)
    except TlogError:
        return False
    return bool(lines)


def last_signed(session: ReadSession, key: VerifierKey) -> int | None:
    """The size of the newest recorded checkpoint that bears a key's signature; None where none does."""
    newest_first = select(PublishedCheckpoint).order_by(PublishedCheckpoint.size.desc())
    with closing(session.scalars(newest_first.execution_options(yield_per=64))) as rows:
        return next((row.size for row in rows if bears(row, key)), None)


def enter_again(session: WriteSession, handles: Mapping[str, str]) -> None:
    """Bring the table into agreement with the events, after others were put back. Needs the owner's rights.

    `handles` says where a key is kept, by the key's text; of others that is not known any more. Which keys were
    retired no event says: keys.json does, when the next sequencer starts.
    """
    rows = {row.vkey: row for row in session.scalars(select(LogKey))}
    # Where a key's beginning was entered while events were missing: only here may it change.
    session.execute(text("ALTER TABLE custody.log_key DISABLE TRIGGER keep_key"))
    for each in named_keys(session):
        row = rows.get(each.key.text())
        if row is None:
            row = LogKey(key_id=each.key.key_id, name=each.key.name, alg=int(each.key.algorithm), vkey=each.key.text())
            row.state, row.handle = LogKeyState.IN_FORCE, handles.get(row.vkey, UNKNOWN)
            session.add(row)
        row.from_size = each.from_sizes[0]
        if each.is_revoked:
            row.state, row.to_size = LogKeyState.REVOKED, each.to_sizes[0]
    session.flush()
    session.execute(text("ALTER TABLE custody.log_key ENABLE TRIGGER keep_key"))


def _size(facts: Mapping[str, Any], name: str) -> int:
    """A size that an event says; -1 where it says none: what is written past the ledger may say anything."""
    said = facts.get(name)
    return said if isinstance(said, int) else -1
