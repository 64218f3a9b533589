"""What events say they have seen: the newest checkpoint that their writer knew, and since when they are.

An event is no older than the checkpoint that it names, if that one was this log's. The writer takes it from a row that
services can change, so what an event names is held here against the tree of the events before it. A size for which no
checkpoint is recorded will do as long as its root is right: the tree had it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Row

from evidence.completeness.claims import Claim, judged, not_proved
from evidence.custody.leaf import Leaf, read_leaf
from evidence.errors import NotALeaf
from evidence.store.errors import ObjectMissing
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import TlogError
from evidence.tlog.merkle import EMPTY_ROOT, HASH_SIZE, Subtree

SIZE: Final = 8
SAYS: Final = SIZE + HASH_SIZE
"""Bytes that say what one event has seen: how many events, and their root."""
NONE_NAMED = "No event names a checkpoint that it was written after"


class Roots:
    """The root of the log at every size that is asked for: as a walk has found it, else out of the store's tiles.

    Rows of the database may be others than those that were signed. So an event is to blame where the tiles have another
    root than it names, and lead to `head`, the newest checkpoint. Where they do not, its age is `doubted`.
    """

    def __init__(self, subtree: Subtree, head: Checkpoint | None) -> None:
        self._subtree, self._head = subtree, head
        self._walked: dict[int, bytes] = {0: EMPTY_ROOT}
        self._stored: dict[int, bytes | None] = {}
        self.doubted = False

    def learn(self, size: int, root: bytes) -> None:
        """What the tree over so many events was found to be."""
        self._walked[size] = root

    def fault(self, seq: int, says: bytes) -> str:
        """What is wrong with a checkpoint that event `seq` says it has seen, in words; else nothing."""
        size, root = size_of(says), says[SIZE:]
        if size > seq:
            return f"event {seq} names a checkpoint over {size} events, which came after it"
        if self._walked.get(size) == root:
            return ""
        if (stored := self._in_store(size)) == root:
            return ""
        if stored is None or self._head is None or self._in_store(self._head.size) != self._head.root:
            self.doubted = True
            return ""
        return f"event {seq} names another root of the first {size} events than they have"

    def _in_store(self, size: int) -> bytes | None:
        if size not in self._stored:
            self._stored[size] = None
            with suppress(TlogError, ObjectMissing):
                self._stored[size] = self._subtree(0, size)
        return self._stored[size]


def size_of(says: bytes) -> int:
    """Of how many events the checkpoint is that an event says it has seen."""
    return int.from_bytes(says[:SIZE], "big")


def said(leaf: Leaf) -> bytes:
    """What the event of this leaf says it has seen."""
    return leaf.seen.size.to_bytes(SIZE, "big") + bytes.fromhex(leaf.seen.root)


def said_by(leaves: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """What each of these leaves says it has seen, with its number. What cannot be read is named by others."""
    for seq, body in leaves:
        with suppress(NotALeaf):
            yield seq, said(read_leaf(body))


def leaves_in(rows: Sequence[Row[Any]]) -> Iterator[tuple[int, bytes]]:
    """The leaves of events that are there."""
    return ((row.seq, bytes(row.leaf)) for row in rows if row.leaf is not None)


def claim(subject: str, sizes: Iterable[int], found: Sequence[str], *, doubted: bool) -> Claim:
    """The claim `not_before`; `sizes` are those of the checkpoints that the events name."""
    earlier = set(sizes) - {0}
    if not found and (doubted or not earlier):
        why = "The store does not lead from the events before them to what was signed" if doubted else NONE_NAMED
        return not_proved("not_before", subject, f"{why}.")
    return judged(
        "not_before", subject, found,
        holds=f"The events name {len(earlier)} earlier checkpoints, and the log grew from each.",
        fails="An event names a checkpoint that this log never had: what it says of its age holds nothing",
    )  # fmt: skip
