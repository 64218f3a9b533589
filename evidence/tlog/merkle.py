"""The Merkle tree of RFC 6962, section 2.1, over SHA-256: roots, proofs, and the check of proofs. Pure.

MTH(D[start:end]) is the root over the leaves from `start` up to, not including, `end`. Where hashes are kept is
somebody else's affair: whoever asks for a proof hands over a function that gives the MTH of a range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from evidence.tlog.errors import NotProved

HASH_SIZE = 32  # bytes
EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf: SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two neighbours: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over a list of leaf hashes; over none, the root of the empty tree."""
    return Frontier().extend(hashes).root()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree, all that it needs to grow: one node for each bit set in `size`, largest first."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.nodes) != self.size.bit_count():
            raise NotProved(f"a tree of {self.size} has not {len(self.nodes)} nodes on its edge")
        _all_hashes(*self.nodes)

    def append(self, leaf: bytes) -> Frontier:
        """The edge after one more leaf hash."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """The edge after more leaf hashes, in their order. Raises NotProved for what is no SHA-256 hash."""
        size, nodes = self.size, list(self.nodes)
        for leaf in leaves:
            if len(leaf) != HASH_SIZE:
                raise NotProved(f"a leaf hash of {len(leaf)} bytes")
            node, full = leaf, size
            while full & 1:
                node, full = node_hash(nodes.pop(), node), full >> 1
            nodes.append(node)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = node_hash(node, root)
        return root


def split(start: int, end: int) -> int:
    """Where RFC 6962 parts a range of two leaves or more: after the largest power of two below its length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The path from leaf `index` to the root of the tree of `size`. Raises NotProved where there is no such leaf."""
    if not 0 <= index < size:
        raise NotProved(f"a tree of {size} has no leaf {index}")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = split(start, end)
        if index < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The nodes that lead from the root at `old` to the root at `new`; none where either side is trivial.

    Raises NotProved where `old` is beyond `new`.
    """
    if not 0 <= old <= new:
        raise NotProved(f"a tree of {new} cannot follow one of {old}")
    if old in (0, new):
        return []
    proof = []
    start, end, whole = 0, new, True
    while end != old:
        middle = split(start, end)
        if old <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start, whole = middle, False
    return proof[::-1] if whole else [subtree(start, end), *proof[::-1]]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that leaf hash `leaf` stands at `index` under the `root` of `size` leaves. Raises NotProved."""
    _all_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise NotProved(f"a tree of {size} has no leaf {index}")
    node, place, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            raise NotProved(f"{len(proof)} hashes are too many for leaf {index} of {size}")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            place, last = _up_to_a_right_child(place, last)
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise NotProved(f"{len(proof)} hashes are too few for leaf {index} of {size}")
    if node != root:
        raise NotProved(f"leaf {index} does not lead to the root of {size}")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree of `new` leaves begins with the tree of `old`. Raises NotProved.

    From the empty tree to a bigger one there is nothing to prove, and that is refused: "nothing to verify" is
    no proof. Between equal sizes the proof is empty and the roots are the same.
    """
    _all_hashes(old_root, new_root, *proof)
    if not 0 <= old <= new:
        raise NotProved(f"a tree of {new} cannot follow one of {old}")
    if old == new:
        _same_tree(old, proof, old_root, new_root)
    elif old == 0:
        raise NotProved("from the empty tree nothing can be proved")
    else:
        _grown_tree(old, new, proof, old_root, new_root)


def _same_tree(size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    if proof:
        raise NotProved(f"{len(proof)} hashes are too many between two trees of {size}")
    if old_root != new_root or (size == 0 and old_root != EMPTY_ROOT):
        raise NotProved(f"two roots for one size: {size}")


def _grown_tree(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    if not proof:
        raise NotProved(f"no hashes lead from {old} to {new}")
    # RFC 9162, section 2.1.4.2. A whole old tree is a node of the new one, and stands for itself.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise NotProved(f"{len(proof)} hashes are too many from {old} to {new}")
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            place, last = _up_to_a_right_child(place, last)
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise NotProved(f"{len(proof)} hashes are too few from {old} to {new}")
    if (first, second) != (old_root, new_root):
        raise NotProved(f"the proof does not lead from the root of {old} to the root of {new}")


def _up_to_a_right_child(place: int, last: int) -> tuple[int, int]:
    """On the right edge, levels where the node has no sibling are passed over."""
    while not place & 1 and place != 0:
        place, last = place >> 1, last >> 1
    return place, last


def _all_hashes(*hashes: bytes) -> None:
    for each in hashes:
        if len(each) != HASH_SIZE:
            raise NotProved(f"a hash of {len(each)} bytes")
