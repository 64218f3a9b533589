"""What events say they have seen: the newest checkpoint that their writer knew, and since when they are.

An event is no older than the checkpoint that it names, if that one was this log's. The writer takes it from a row that
services can change, so what an event names is held here against the tree of the events before it. A size for which no
checkpoint is recorded will do as long as its root is right: the tree had it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row, text

from evidence.completeness.claims import Claim, judged, not_proved
from evidence.custody.leaf import read_leaf
from evidence.errors import NotALeaf
from evidence.store.errors import ObjectMissing
from evidence.tlog.errors import TlogError
from evidence.tlog.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, Subtree
from evidence.tlog.tiles import WIDTH

if TYPE_CHECKING:
    from evidence.bootstrap import House

SIZE: Final = 8
SAYS: Final = SIZE + HASH_SIZE
"""Bytes that say what one event has seen: how many events, and their root."""
RECORDED = text("SELECT root FROM custody.checkpoint WHERE size = :size")
NONE_NAMED = "No event names a checkpoint that it was written after"
HASHES = text("SELECT leaf_hash FROM custody.leaf WHERE seq >= :first AND seq < :last ORDER BY seq")


class Roots:
    """The root of the log at every size that is asked for: as a walk has found it, else out of tiles and numbers.

    Where the recorded checkpoint over so many events has another, or none can be put together, the events before are
    not those that were signed, which other claims say. An event that names the recorded one, or that nothing can be
    held against, is not to blame for that: its age is `doubted`.
    """

    def __init__(self, house: House, subtree: Subtree) -> None:
        self._house, self._subtree = house, subtree
        self._known: dict[int, tuple[bytes, ...]] = {0: (EMPTY_ROOT,)}
        self.doubted = False

    def learn(self, size: int, *roots: bytes) -> None:
        """What the tree over so many events was found to be, and what was recorded of it."""
        self._known[size] = roots if len(set(roots)) > 1 else roots[:1]

    def fault(self, seq: int, says: bytes) -> str:
        """What is wrong with a checkpoint that event `seq` says it has seen, in words; else nothing."""
        size, root = size_of(says), says[SIZE:]
        if size > seq:
            return f"event {seq} names a checkpoint over {size} events, which came after it"
        if size not in self._known:
            self.learn(size, *self._at(size))
        known = self._known[size]
        if known and root not in known:
            return f"event {seq} names another root of the first {size} events than they have"
        self.doubted |= len(known) != 1
        return ""

    def _at(self, size: int) -> Iterator[bytes]:
        whole = size // WIDTH * WIDTH
        with self._house.reading() as session:
            hashes = [bytes(each) for each in session.scalars(HASHES, {"first": whole, "last": size})]
            recorded = [bytes(each) for each in session.scalars(RECORDED, {"size": size})]
        if len(hashes) == size - whole:
            with suppress(TlogError, ObjectMissing):
                yield Frontier(whole, whole_tiles(whole, self._subtree)).extend(hashes).root()
        yield from recorded


def size_of(says: bytes) -> int:
    """Of how many events the checkpoint is that an event says it has seen."""
    return int.from_bytes(says[:SIZE], "big")


def whole_tiles(end: int, subtree: Subtree) -> tuple[bytes, ...]:
    """The edge over the first `end` events, a multiple of 256: one node for each bit set in it, largest first."""
    nodes, at, tiles = [], 0, end // WIDTH
    for bit in reversed(range(tiles.bit_length())):
        if tiles >> bit & 1:
            nodes.append(subtree(at, at + (WIDTH << bit)))
            at += WIDTH << bit
    return tuple(nodes)


def said_by(leaves: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """What each of these leaves says it has seen, with its number. What cannot be read is named by others."""
    for seq, body in leaves:
        with suppress(NotALeaf):
            said = read_leaf(body).seen
            yield seq, said.size.to_bytes(SIZE, "big") + bytes.fromhex(said.root)


def leaves_in(rows: Sequence[Row[Any]]) -> Iterator[tuple[int, bytes]]:
    """The leaves of events that are there."""
    return ((row.seq, bytes(row.leaf)) for row in rows if row.leaf is not None)


def claim(subject: str, sizes: Iterable[int], found: Sequence[str], *, doubted: bool) -> Claim:
    """The claim `not_before`; `sizes` are those of the checkpoints that the events name."""
    earlier = set(sizes) - {0}
    if not found and (doubted or not earlier):
        why = "The events before them do not stand as they were signed" if doubted else NONE_NAMED
        return not_proved("not_before", subject, f"{why}.")
    return judged(
        "not_before", subject, found,
        holds=f"The events name {len(earlier)} earlier checkpoints, and the log grew from each.",
        fails="An event names a checkpoint that this log never had: what it says of its age holds nothing",
    )  # fmt: skip
