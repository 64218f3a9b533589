"""What names bytes: SHA-256, SHA-512 and the RFC 6962 tree, all from one read. Pure.

The tree is SHA-256 over chunks of 1 MiB: leaf = H(0x00 || chunk), node = H(0x01 || left || right), empty = H("").
With it, one second of a long recording can later be shown to be the master's without the rest of it.
The server reads stored objects back through the same class, so both sides cannot drift apart.
hashlib lets other threads run while it works on more than 2 KiB, and nothing here copies what it is fed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK = 1 << 20  # bytes in one leaf of the tree
LEAF, NODE = b"\x00", b"\x01"


@dataclass(frozen=True, slots=True)
class Digests:
    """Size in bytes and the three digests, in lower-case hex."""

    size: int
    sha256: str
    sha512: str
    tree: str


def leaf_of(chunk: ReadableBuffer) -> bytes:
    """The tree's leaf over one chunk of at most CHUNK bytes."""
    leaf = hashlib.sha256(LEAF)
    leaf.update(chunk)
    return leaf.digest()


def node_of(left: bytes, right: bytes) -> bytes:
    """The tree's node over two neighbours."""
    return hashlib.sha256(NODE + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaves in order (RFC 6962, 2.1); over none it is the digest of nothing."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


class Tree:
    """Grows a leaf at a time and remembers only the roots of its full subtrees, so 1 TiB needs 20 of them."""

    def __init__(self) -> None:
        self._full: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Take the next leaf; two full subtrees of one height become the next height's."""
        height, digest = 0, leaf
        while self._full and self._full[-1][0] == height:
            digest = node_of(self._full.pop()[1], digest)
            height += 1
        self._full.append((height, digest))

    def root(self) -> bytes:
        """The root of what has been added so far."""
        if not self._full:
            return hashlib.sha256(b"").digest()
        digest = self._full[-1][1]
        for _, left in reversed(self._full[:-1]):
            digest = node_of(left, digest)
        return digest


class Digester:
    """Feed it all the bytes once, in order and in any pieces; ask for the digests at any time.

    Each chunk goes to every digest while it is still in the processor's cache. SHA-512 costs twice what SHA-256 does
    where the processor knows the latter: with `aside`, an executor of one thread, `update` has both halves done side
    by side, in half the time; or they are fed apart, and then both must be.
    """

    def __init__(self, aside: Executor | None = None) -> None:
        self._aside = aside
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self._tree = Tree()
        self._leaf = hashlib.sha256(LEAF)
        self._room = CHUNK  # bytes the open leaf still takes

    @property
    def size(self) -> int:
        """Bytes fed so far."""
        return self._size

    def update(self, data: ReadableBuffer) -> None:
        """Take the next bytes; they are not kept, and may be overwritten when this returns."""
        if self._aside is not None:
            other_half = self._aside.submit(self.update_sha512, data)
            try:
                self.update_but_sha512(data)
            finally:
                other_half.result()
            return
        for piece in self._pieces(data):
            self._sha512.update(piece)
            self._take(piece)

    def update_but_sha512(self, data: ReadableBuffer) -> None:
        """The one half of `update`."""
        for piece in self._pieces(data):
            self._take(piece)

    def update_sha512(self, data: ReadableBuffer) -> None:
        """The other half of `update`."""
        self._sha512.update(data)

    def _pieces(self, data: ReadableBuffer) -> Iterator[memoryview]:
        with memoryview(data) as whole, whole.cast("B") as octets:
            start = 0
            while start < len(octets):
                piece = octets[start : start + self._room]
                yield piece
                start += len(piece)

    def _take(self, piece: memoryview) -> None:
        self._sha256.update(piece)
        self._leaf.update(piece)
        self._size += len(piece)
        self._room -= len(piece)
        if self._room == 0:
            self._tree.add(self._leaf.digest())
            self._leaf, self._room = hashlib.sha256(LEAF), CHUNK

    def digests(self) -> Digests:
        """Size and digests of everything fed so far; feeding may go on afterwards."""
        root = self._tree.root() if self._room == CHUNK else self._root_with_open_leaf()
        return Digests(self._size, self._sha256.hexdigest(), self._sha512.hexdigest(), root.hex())

    def _root_with_open_leaf(self) -> bytes:
        grown = Tree()
        grown._full = list(self._tree._full)
        grown.add(self._leaf.digest())
        return grown.root()
