"""Builds the tree in the store out of numbered events. May be repeated: what is written twice is the same twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from sqlalchemy import text

from evidence.bootstrap import House
from evidence.custody.rows import LogState
from evidence.database import ReadSession
from evidence.sequencing.edge import Edge
from evidence.sequencing.errors import LeafDiffers
from evidence.sequencing.numbering import held
from evidence.sequencing.reading import PARTIAL
from evidence.store import CustodyStore
from evidence.tlog.merkle import HASH_SIZE, Frontier, leaf_hash, root_of
from evidence.tlog.tiles import HEIGHT, WIDTH, tile_path

AT_ONCE = 5000  # events that are read and hashed at a time
SIDE_BY_SIDE = 8  # objects on their way to the store or from it

Step = Callable[[str], None]

# As in numbering.py: each event by its index in its own month.
NUMBERED = text(
    "SELECT l.seq, l.leaf_hash, e.leaf FROM custody.leaf l LEFT JOIN LATERAL (SELECT leaf FROM custody.event"
    " WHERE event.ingest_no = l.ingest_no AND event.at = l.at OFFSET 0) e ON true"
    " WHERE l.seq >= :start AND l.seq < :end ORDER BY l.seq"
)


@dataclass(frozen=True, slots=True)
class Grown:
    """How far the tree is built: its edge in files, and the same edge as it is kept in the database.

    `parts` are those files of the edge that may lie in the store as they were when they were not full: by whole path.
    """

    edge: Edge
    frontier: Frontier
    parts: frozenset[str] = frozenset()

    def with_parts(self) -> Grown:
        """The same, with every part of the edge in the store."""
        return replace(self, parts=frozenset(each.path.partition(".p/")[0] for each in self.edge.partial()))


def integrate(house: House, epoch: int, grown: Grown, at_step: Step, *, size: int) -> Grown:
    """Take in numbered events, up to AT_ONCE of them: full tiles and bundles are in the store when this returns.

    `size` is where the log ends: what stands beyond is none of its events, whoever gave it a number.

    Every leaf is hashed anew from its bytes. Raises LeafDiffers, CustodyObjectDiffers, StoreAway, Displaced.
    """
    with house.reading() as session:
        leaves = numbered_leaves(session, grown.edge.size, min(grown.edge.size + AT_ONCE, size))
    edge, full = grown.edge.grown(leaves)
    outdated = grown.parts & {each.path for each in full}
    after = Grown(edge, grown.frontier.extend(leaf_hash(leaf) for leaf in leaves), grown.parts - outdated)
    put_all(house.custody, [(each.path, each.data) for each in full], locked=True)
    at_step("tiles stored")
    with house.writing() as session:
        state = held(session, epoch)
        state.integrated_size, state.root = edge.size, after.frontier.root()
        state.frontier = list(after.frontier.nodes)
    at_step("integrated")
    for path in outdated:
        house.custody.clear_partial(f"{PARTIAL}{path}.p/")
    return after


def numbered_leaves(session: ReadSession, start: int, end: int) -> list[bytes]:
    """The bytes of the leaves with numbers from `start` to before `end`.

    Raises LeafDiffers where one is gone, or has other bytes than those whose hash was given the number.
    """
    rows = session.execute(NUMBERED, {"start": start, "end": end})
    leaves: list[bytes] = []
    for seq, wanted, leaf in rows:
        if seq != start + len(leaves):
            raise LeafDiffers(start + len(leaves), found="no event has it")
        if leaf is None:
            raise LeafDiffers(seq, found="the event is gone")
        if (found := leaf_hash(leaf)) != wanted:
            raise LeafDiffers(seq, found=f"its bytes have the hash {found.hex()}, and {wanted.hex()} was kept")
        leaves.append(bytes(leaf))
    if len(leaves) < end - start:
        raise LeafDiffers(start + len(leaves), found="no event has it")
    return leaves


def put_all(store: CustodyStore, files: Iterable[tuple[str, bytes]], *, locked: bool) -> None:
    """Store files that are not there yet, several at a time; the first trouble comes out."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in [pool.submit(store.put_new, path, data, locked=locked) for path, data in files]:
            done.result()


def load(house: House) -> Grown:
    """The edge as it was when integration was last committed: leaves out of the database, tiles out of the store."""
    with house.reading() as session:
        state = session.get_one(LogState, 1)
        size = state.integrated_size
        frontier = Frontier(size, tuple(bytes(node) for node in state.frontier))
        leaves = numbered_leaves(session, size - size % WIDTH, size)
    rows = [tuple(leaf_hash(leaf) for leaf in leaves)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        while full := size >> HEIGHT * len(rows):
            below = range(full - full % WIDTH, full)
            rows.append(tuple(pool.map(_top(house.custody, len(rows) - 1), below)))
    return Grown(Edge(size, tuple(rows), tuple(leaves)), frontier).with_parts()


def hashes_in(tile: bytes) -> list[bytes]:
    """The hashes in a tile."""
    return [tile[place : place + HASH_SIZE] for place in range(0, len(tile), HASH_SIZE)]


def _top(store: CustodyStore, level: int) -> Callable[[int], bytes]:
    """Reads the root over a full tile of a level."""
    return lambda number: root_of(hashes_in(store.get(tile_path(level, number))))
