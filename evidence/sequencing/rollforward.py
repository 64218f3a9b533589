"""Puts back into a restored database what the store has of the log: bundles are the authority, rows their index.

First everything is fetched and held against the newest signed checkpoint, and every checkpoint on the way; then all
of it is written in one transaction. A death in between leaves the database as it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import psycopg
from sqlalchemy import select, text

from evidence.bootstrap import House
from evidence.custody import ledger, log_keys
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.places import IN_LOG, NUMBER, in_the_way, numbers_end
from evidence.custody.restoring import Restored, hold_writers, mark_missing, restore
from evidence.custody.rows import LogState, PublishedCheckpoint
from evidence.database import WriteSession, psycopg_url
from evidence.identifiers import recording_reference
from evidence.incidents import settle_incident
from evidence.sequencing.errors import MustHalt, NumberTaken, RollForwardRefused, StoreBehind
from evidence.sequencing.kept import newest_first, newest_kept
from evidence.sequencing.mishaps import SUBJECT
from evidence.sequencing.opening import frontier_of
from evidence.sequencing.publishing import Signed, known_keys, make_known, read_signed, sizes_kept
from evidence.sequencing.reading import LOCK, tile_reader
from evidence.tlog.errors import TlogError
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.merkle import Frontier, leaf_hash
from evidence.tlog.signing import Signer
from evidence.tlog.tiles import WIDTH, decode_bundle, entries_path
from evidence.vocabulary import IncidentKind

# The highest number that an event of the log gives to a recording, and the references that several recordings have.
# Bytes that are no text must not end this: escaped, all that is looked for stays as it is.
REFERENCES = text(f"""
WITH said AS (
  SELECT e.subject, substring(encode(e.leaf, 'escape') FROM '"reference":"R([0-9]{{1,15}})"')::bigint AS number
  FROM custody.event e LEFT JOIN {NUMBER} WHERE e.type = 'recording.registered' AND {IN_LOG}
)
SELECT max(number), ARRAY(
  SELECT number FROM said WHERE number IS NOT NULL GROUP BY number HAVING count(DISTINCT subject) > 1 ORDER BY number)
FROM said
""")  # noqa: S608 - put together of our own constants
GO_ON_AFTER = text("SELECT setval('recording_number', greatest(:highest, (SELECT last_value FROM recording_number)))")
LENGTH: Final = 4  # bytes before each leaf in the file that holds them meanwhile


@dataclass(frozen=True, slots=True)
class RolledForward:
    """How many events the database had, and has now; personal values that were lost; events that had to move.

    `doubled`: references that the log gives to more than one recording, as where recordings were taken in between the
    restore and this.
    """

    from_size: int
    to_size: int
    sealed_missing: int
    moved: int
    doubled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What the store has beyond the database, checked against the signed checkpoints.

    The database says that it has `size` events; its numbers end at `start`.
    """

    size: int
    start: int
    leaves: BinaryIO
    checkpoints: list[Signed]
    frontier: Frontier

    def each(self) -> Iterator[bytes]:
        """The leaves in their order."""
        self.leaves.seek(0)
        while head := self.leaves.read(LENGTH):
            yield self.leaves.read(int.from_bytes(head, "big"))


def roll_forward(
    house: House, signer: Signer, *, by: Actor, unwitnessed: bool, handles: Mapping[str, str] | None = None
) -> RolledForward:
    """Bring the database to the newest signed checkpoint, and let the log go on. No sequencer may run.

    `handles` says where each key is kept that the key files name, by the key's text: a restored database may know
    neither the key nor the place.

    Raises RollForwardRefused where the store does not continue what the database holds, or is not whole.
    """
    with _alone(house), tempfile.TemporaryFile() as kept:
        try:
            fetched = _fetch(house, signer, [VerifierKey.parse(each) for each in handles or ()], kept)
            with house.writing() as session:
                hold_writers(session)
                done = _write(session, fetched, by=by, unwitnessed=unwitnessed)
                log_keys.enter_again(session, handles or {})
                return replace(done, doubled=_give_no_reference_twice(session))
        except (MustHalt, TlogError) as error:
            raise RollForwardRefused(f"the log cannot be rolled forward: {error}") from error


def _fetch(house: House, signer: Signer, ours: Sequence[VerifierKey], kept: BinaryIO) -> _Fetched:
    with house.reading() as session:
        keys = [*known_keys(session, signer), *(key for key in ours if key.algorithm is Algorithm.ED25519)]
        state = session.get_one(LogState, 1)
        size, published = state.size, state.published_size
        numbered = numbers_end(session, 0)  # of a row that was set forward, nobody has the numbers
        known = set(session.scalars(select(PublishedCheckpoint.size)))
    found = newest_kept(house).kept
    if found is None:
        raise RollForwardRefused("the store has no checkpoint of this log: there is nothing to roll forward to")
    newest = read_signed(found.key, found.note, origin=house.settings.log_origin, keys=keys)
    if newest.checkpoint.size < published:
        raise StoreBehind(database=published, store=newest.checkpoint.size)
    sizes = [each for each in sizes_kept(house.custody) if each not in known and each <= newest.checkpoint.size]
    there = [each for each in newest_first(house, sizes) if each.counts]
    origin = house.settings.log_origin
    unknown = [read_signed(each.key, each.note, origin=origin, keys=keys) for each in reversed(there)]
    with house.reading() as session:
        frontier = frontier_of(session, house.custody, min(numbered, newest.checkpoint.size), newest.checkpoint.size)
        before = [each for each in unknown if each.checkpoint.size < frontier.size]
        for each in before:
            _agree(each, frontier_of(session, house.custody, each.checkpoint.size, newest.checkpoint.size))
    beyond = {each.checkpoint.size: each for each in (*unknown, newest) if each.checkpoint.size >= frontier.size}
    if frontier.size in beyond:
        _agree(beyond[frontier.size], frontier)
    frontier = _follow(house, frontier, newest, beyond, kept)
    return _Fetched(size, numbered, kept, [*before, *(beyond[each] for each in sorted(beyond))], frontier)


def _follow(house: House, frontier: Frontier, newest: Signed, beyond: dict[int, Signed], kept: BinaryIO) -> Frontier:
    """Grow the edge out of the bundles, keep the leaves, and hold each checkpoint on the way against it."""
    read, end = tile_reader(house.custody), newest.checkpoint.size
    for number in range(frontier.size // WIDTH, -(-end // WIDTH)):
        width = min(WIDTH, end - number * WIDTH)
        leaves = decode_bundle(read(entries_path(number, width)))[:width]
        for leaf in leaves[frontier.size - number * WIDTH :]:
            frontier = frontier.append(leaf_hash(leaf))
            kept.write(len(leaf).to_bytes(LENGTH, "big") + leaf)
            if frontier.size in beyond:
                _agree(beyond[frontier.size], frontier)
    if frontier.size < end:
        raise RollForwardRefused(f"the store's bundles end at {frontier.size}, before the checkpoint over {end}")
    return frontier


def _agree(signed: Signed, frontier: Frontier) -> None:
    if frontier.root() != signed.checkpoint.root:
        raise RollForwardRefused(
            f"the first {frontier.size} events have the root {frontier.root().hex()}, and the signed checkpoint over"
            f" as many says {signed.checkpoint.root.hex()}: this database does not lead to what was signed."
            " Restore another copy, or the events that were changed, and try again"
        )


def _write(session: WriteSession, fetched: _Fetched, *, by: Actor, unwitnessed: bool) -> RolledForward:
    state = session.get_one(LogState, 1, with_for_update=True)
    if state.size != fetched.size:
        raise RollForwardRefused("the log has moved meanwhile: a sequencer runs somewhere")
    start, signed_for = fetched.start, fetched.frontier.size
    # What stands below the end of what was signed may be the log's own: `restore` holds it against that, and takes out
    # of the queue what has its number there. Only then is it told what is in the way of the next numbers.
    end = max(start, signed_for)
    restored = Restored(0, [], 0)
    if signed_for > start:
        restored = restore(session, fetched.each(), start=start)
    if (row := in_the_way(session, end, end + 1)) is not None:
        raise RollForwardRefused(str(NumberTaken(row.seq, size=end, event=row.event, ingest_no=row.ingest_no)))
    # Also where nothing came back: the edge in the row may be what stopped the log, and this one was held against
    # what is signed. What was integrated beyond it is integrated again, and is the same twice.
    state.size, state.integrated_size = end, signed_for
    state.root, state.frontier = fetched.frontier.root(), list(fetched.frontier.nodes)
    state.epoch += 1
    state.halted = None
    for signed in fetched.checkpoints:
        if signed.checkpoint.size <= state.integrated_size:
            make_known(session, signed, unwitnessed=unwitnessed)
    newest = fetched.checkpoints[-1].checkpoint
    facts = {"from_size": start, "to_size": state.size, "root": newest.root.hex()}
    event = Event(type=EventType.LOG_ROLLED_FORWARD, subject=SYSTEM, actor=by, facts=facts)
    recorded = ledger.record(session, event)
    mark_missing(session, restored.sealed_missing, because=recorded.id)
    because = f"the log was rolled forward from {start} to {state.size} events"
    settle_incident(session, kind=IncidentKind.LOG_HALTED, subject=SUBJECT, because=because, by=by)
    return RolledForward(start, state.size, len(restored.sealed_missing), restored.moved)


def _give_no_reference_twice(session: WriteSession) -> tuple[str, ...]:
    """Let numbers of recordings go on after the highest that the log has; the references that were given twice."""
    highest, doubled = session.execute(REFERENCES).one()
    if highest is not None:
        session.execute(GO_ON_AFTER, {"highest": highest})
    return tuple(recording_reference(number) for number in doubled)


@contextmanager
def _alone(house: House) -> Iterator[None]:
    """Hold what a sequencer holds while it leads."""
    url = psycopg_url(house.settings.database_url.get_secret_value()).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as line:
        got = line.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if got is None or not got[0]:
            raise RollForwardRefused(
                "a sequencer leads, or the log is being rolled forward already: stop it first, or wait for it"
            )
        yield
