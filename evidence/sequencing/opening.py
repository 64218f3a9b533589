"""Before anything is numbered: do the database and the store tell the same story? The store is the authority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from evidence.bootstrap import House
from evidence.custody.rows import LogState
from evidence.database import ReadSession
from evidence.sequencing.errors import HistoryDiffers, LeafDiffers, RolledBack, StoreBehind, StrangeCheckpoint
from evidence.sequencing.integrating import hashes_in
from evidence.sequencing.kept import Kept, newest_kept
from evidence.sequencing.publishing import Signed, known_keys, read_signed
from evidence.sequencing.reading import tile_reader
from evidence.store import CustodyStore
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import Frontier
from evidence.tlog.signing import Signer
from evidence.tlog.tiles import WIDTH, TileTree

AT_ONCE = 1 << 14  # hashes in one read of the database
# Events whose hashes are read again at each start, about two seconds a million; what stands before them is taken
# from the tiles that are locked in the store, and held against the database by `continuity verify`.
READ_AGAIN = 1 << 20
WHOLE = WIDTH * WIDTH  # events under one full tile of level 1

HASHES = text(
    "SELECT count(*), string_agg(leaf_hash, ''::bytea ORDER BY seq) FROM custody.leaf"
    " WHERE seq >= :start AND seq < :end"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the look at both found: the newest checkpoint in the store, and whether the database knows it.

    `passed` is what lies in the store under the names of newer ones, and is none of this log.
    """

    newest: Signed | None
    recorded: bool
    passed: tuple[Kept, ...] = ()


def look(house: House, signer: Signer) -> Opened:
    """Hold the newest checkpoint in the store against the database, its size and the root of that many events.

    Raises RolledBack, StoreBehind, HistoryDiffers, StrangeCheckpoint, LeafDiffers, StoreAway.
    """
    with house.reading() as session:
        keys = known_keys(session, signer)
    return hold_against_store(house, keys)


def hold_against_store(house: House, keys: Sequence[VerifierKey] | None) -> Opened:
    """The same with the keys of the log at hand; None where none is known, and nobody's signature can be asked for.

    A sequencer may run meanwhile: what is published is read before the store, what is numbered after it.
    Raises as `look` does.
    """
    with house.reading() as session:
        published = session.get_one(LogState, 1).published_size
    found = newest_kept(house)
    # Another object over the one that the database knows of: that is no store that lost something.
    for each in found.passed:
        if each.size == published:
            raise StrangeCheckpoint(each.key, because=str(each.strange))
    if found.kept is None:
        if published:
            raise StoreBehind(database=published, store=0)
        return Opened(None, recorded=True, passed=found.passed)
    newest = read_signed(found.kept.key, found.kept.note, origin=house.settings.log_origin, keys=keys)
    stored = newest.checkpoint
    with house.reading() as session:
        size = session.get_one(LogState, 1).size
    if stored.size > size:
        raise RolledBack(database=size, store=stored.size)
    if stored.size < published:
        raise StoreBehind(database=published, store=stored.size)
    with house.reading() as session:
        root = frontier_of(session, house.custody, stored.size, stored.size).root()
    if root != stored.root:
        raise HistoryDiffers(size=stored.size, database=root, store=stored.root)
    return Opened(newest, recorded=stored.size == published, passed=found.passed)


def frontier_of(session: ReadSession, store: CustodyStore, size: int, published: int) -> Frontier:
    """The edge of the first `size` events, out of the database. Raises LeafDiffers where one has no number.

    `published` is the size of a checkpoint in the store, for what lies too far back to be read again.
    """
    begin = max(0, (size - READ_AGAIN) // WHOLE * WHOLE)
    frontier = _out_of_tiles(store, begin, published)
    for start in range(begin, size, AT_ONCE):
        end = min(start + AT_ONCE, size)
        count, hashes = session.execute(HASHES, {"start": start, "end": end}).one()
        if count != end - start:
            raise LeafDiffers(start, found=f"of the {end - start} events from it on, {count} are there")
        frontier = frontier.extend(hashes_in(bytes(hashes)))
    return frontier


def _out_of_tiles(store: CustodyStore, size: int, published: int) -> Frontier:
    """The edge of `size` events out of the tiles of a published tree: only that one's partial tiles are there."""
    tree, nodes, start = TileTree(tile_reader(store), published), [], 0
    for bit in range(size.bit_length() - 1, -1, -1):
        if size >> bit & 1:
            nodes.append(tree.subtree(start, start + (1 << bit)))
            start += 1 << bit
    return Frontier(size, tuple(nodes))
