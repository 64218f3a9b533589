"""The tree against the plainest tree there is: a list, and the recursion of RFC 6962 written down word for word."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evidence.tlog.errors import NotProved
from evidence.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from evidence.tlog.tiles import TileTree, bundles_for, decode_bundle, encode_bundle, parse_tile_path, tiles_for

patient = settings(deadline=None, max_examples=150)
seldom = settings(deadline=None, max_examples=20)

LEAVES = [sha256(number.to_bytes(4, "big")).digest() for number in range(70_000)]


def oracle(leaves: Sequence[bytes]) -> bytes:
    """MTH, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + oracle(leaves[:half]) + oracle(leaves[half:])).digest()


def oracle_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH, word for word."""
    if len(leaves) == 1:
        return []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if index < half:
        return [*oracle_path(index, leaves[:half]), oracle(leaves[half:])]
    return [*oracle_path(index - half, leaves[half:]), oracle(leaves[:half])]


def oracle_subproof(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF, word for word."""
    if old == len(leaves):
        return [] if whole else [oracle(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if old <= half:
        return [*oracle_subproof(old, leaves[:half], whole=whole), oracle(leaves[half:])]
    return [*oracle_subproof(old - half, leaves[half:], whole=False), oracle(leaves[:half])]


def subtree(start: int, end: int) -> bytes:
    """Any range, by the oracle."""
    return oracle(LEAVES[start:end])


def changed(data: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned."""
    spoilt = bytearray(data)
    spoilt[bit // 8 % len(spoilt)] ^= 1 << bit % 8
    return bytes(spoilt)


places = st.integers(1, 300).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size)))
growths = st.integers(1, 300).flatmap(lambda size: st.tuples(st.integers(1, size), st.just(size)))
bits = st.integers(0, 100_000)
sizes = st.sampled_from([1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, 70_000]) | st.integers(
    1, 70_000
)


@patient
@given(st.integers(0, 400), st.lists(st.integers(0, 400), max_size=4))
def test_an_edge_grows_alike_however_the_leaves_arrive(size: int, cuts: list[int]) -> None:
    edge = Frontier()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), size], strict=True):
        edge = edge.extend(LEAVES[min(start, size) : min(end, size)])
    assert edge.size == size
    assert edge.root() == root_of(LEAVES[:size]) == oracle(LEAVES[:size])


@patient
@given(places)
def test_every_leaf_has_the_path_of_the_rfc_and_it_verifies(place: tuple[int, int]) -> None:
    index, size = place
    proof = inclusion_proof(index, size, subtree)
    assert proof == oracle_path(index, LEAVES[:size])
    verify_inclusion(LEAVES[index], index, size, proof, subtree(0, size))


@patient
@given(growths)
@example((1, 1))
@example((256, 257))
def test_every_growth_has_the_proof_of_the_rfc_and_it_verifies(growth: tuple[int, int]) -> None:
    old, new = growth
    proof = consistency_proof(old, new, subtree)
    assert proof == oracle_subproof(old, LEAVES[:new])
    verify_consistency(old, new, proof, subtree(0, old), subtree(0, new))


@patient
@given(places, bits, st.data())
def test_nothing_of_an_inclusion_can_be_changed(place: tuple[int, int], bit: int, data: st.DataObject) -> None:
    index, size = place
    leaf, proof, root = LEAVES[index], inclusion_proof(index, size, subtree), subtree(0, size)
    parts = [leaf, root, *proof]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = changed(parts[which], bit)
    with pytest.raises(NotProved):
        verify_inclusion(parts[0], index, size, parts[2:], parts[1])
    other = data.draw(st.integers(0, size).filter(lambda number: number != index))
    with pytest.raises(NotProved):
        verify_inclusion(leaf, other, size, proof, root)


@patient
@given(places, st.data())
def test_no_hash_of_a_path_can_be_left_out_added_or_moved(place: tuple[int, int], data: st.DataObject) -> None:
    index, size = place
    proof, root = inclusion_proof(index, size, subtree), subtree(0, size)
    at = data.draw(st.integers(0, len(proof)))
    tampered = [[*proof[:at], bytes(32), *proof[at:]], [*proof, root]]
    if proof:
        tampered += [proof[:at] + proof[at + 1 :] if at < len(proof) else proof[:-1], [*proof, proof[-1]]]
    if len(proof) > 1:
        tampered.append(proof[::-1])
    for each in tampered:
        with pytest.raises(NotProved):
            verify_inclusion(LEAVES[index], index, size, each, root)


@patient
@given(growths, bits, st.data())
def test_nothing_of_a_consistency_can_be_changed(growth: tuple[int, int], bit: int, data: st.DataObject) -> None:
    old, new = growth
    parts = [subtree(0, old), subtree(0, new), *consistency_proof(old, new, subtree)]
    with pytest.raises(NotProved):
        verify_consistency(old, new, [*parts[2:], bytes(32)], parts[0], parts[1])
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = changed(parts[which], bit)
    with pytest.raises(NotProved):
        verify_consistency(old, new, parts[2:], parts[0], parts[1])


@patient
@given(growths, st.data())
def test_a_fork_is_never_consistent(growth: tuple[int, int], data: st.DataObject) -> None:
    # One leaf below the old size was exchanged: whatever proof the forger makes from his tree, it is refused.
    old, new = growth
    forged = list(LEAVES[:new])
    at = data.draw(st.integers(0, old - 1))
    forged[at] = changed(forged[at], 0)
    proof = consistency_proof(old, new, lambda start, end: oracle(forged[start:end]))
    with pytest.raises(NotProved):
        verify_consistency(old, new, proof, subtree(0, old), oracle(forged))


@patient
@given(
    st.integers(-5, 400), st.integers(-5, 400), st.lists(st.binary(max_size=33) | st.binary(min_size=32, max_size=32))
)
def test_any_hashes_are_refused_and_nothing_else_happens(index: int, size: int, proof: list[bytes]) -> None:
    with pytest.raises(NotProved):
        verify_inclusion(LEAVES[0], index, size, proof, LEAVES[1])
    with pytest.raises(NotProved):
        verify_consistency(index, size, proof, LEAVES[0], LEAVES[1])


class Kept:
    """Tiles and bundles in a dictionary, as a store would keep them."""

    def __init__(self) -> None:
        self.tiles: dict[str, bytes] = {}
        self.size = 0

    def grow(self, size: int) -> None:
        """Write the tiles for one more checkpoint; a name is never written twice."""
        for tile in tiles_for(self.size, size):
            start, end = tile.leaves
            step = (end - start) // tile.width
            assert tile.path not in self.tiles
            assert parse_tile_path(tile.path) == tile
            self.tiles[tile.path] = b"".join(subtree(at, at + step) for at in range(start, end, step))
        self.size = size


@seldom
@given(st.lists(sizes, min_size=1, max_size=4, unique=True).map(sorted), st.data())
@example([256, 65_536, 65_537], None)
def test_a_tree_of_tiles_is_the_tree_of_the_list(published: list[int], data: st.DataObject | None) -> None:
    kept = Kept()
    for size in published:
        kept.grow(size)
    for size in published:
        tree = TileTree(kept.tiles.__getitem__, size, kept=8)
        assert tree.root() == subtree(0, size)
        assert tree.leaf_hash(size - 1) == LEAVES[size - 1]
        index = data.draw(st.integers(0, size - 1)) if data else size // 3
        verify_inclusion(LEAVES[index], index, size, inclusion_proof(index, size, tree.subtree), subtree(0, size))
        old = data.draw(st.integers(1, size)) if data else size // 2
        verify_consistency(old, size, consistency_proof(old, size, tree.subtree), subtree(0, old), subtree(0, size))


@seldom
@given(sizes, st.data())
def test_any_range_of_a_tree_of_tiles_is_the_range_of_the_list(size: int, data: st.DataObject) -> None:
    kept = Kept()
    kept.grow(size)
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, min(size, start + 2000)))
    assert TileTree(kept.tiles.__getitem__, size).subtree(start, end) == subtree(start, end)


@patient
@given(st.lists(st.binary(max_size=40), max_size=256))
def test_a_bundle_gives_its_leaves_back(leaves: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(leaves)) == leaves


@patient
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=5).map(sorted))
def test_bundles_cover_every_leaf(published: list[int]) -> None:
    covered: set[int] = set()
    for old, new in zip([0, *published], published, strict=False):
        covered |= {leaf for bundle in bundles_for(old, new) for leaf in range(*bundle.leaves)}
        assert covered == set(range(new))


def test_the_oracle_knows_the_empty_tree() -> None:
    assert oracle([]) == EMPTY_ROOT
