"""The tree: the public vectors, and the two traps that a plain reading of the RFC falls into."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from evidence.tlog.errors import NotProved
from evidence.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# Roots of three bytes: the origin compares them, we refuse every hash that is not 32 bytes long.
KNOWN_DIFFERENCES = {"consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"}


def hashes(values: list[str] | None) -> list[bytes]:
    """A proof as the vectors write it."""
    return [b64decode(each) for each in values or []]


def refuses(check: Callable[[], None]) -> bool:
    """Whether a check says that nothing is proved."""
    try:
        check()
    except NotProved:
        return True
    return False


@pytest.mark.shared
def test_the_public_roots_are_ours_at_every_size(vectors: Callable[[str], Any]) -> None:
    tree = vectors("rfc6962-merkle/tree8.json")
    leaves = [leaf_hash(bytes.fromhex(each)) for each in tree["leaf_inputs_hex"]]
    ours = [root_of(leaves[:size]).hex() for size in range(len(leaves) + 1)]
    assert len(ours) == 9
    assert ours == tree["roots_hex_by_size"]


@pytest.mark.shared
def test_the_public_inclusion_proofs_are_judged_as_their_makers_judge_them(vectors: Callable[[str], Any]) -> None:
    cases = vectors("rfc6962-merkle/inclusion.json")
    assert len(cases) == 98
    wrong = [
        case["file"]
        for case in cases
        if case["wantErr"]
        != refuses(
            lambda case=case: verify_inclusion(
                b64decode(case["leafHash"]),
                case["leafIdx"],
                case["treeSize"],
                hashes(case["proof"]),
                b64decode(case["root"]),
            )
        )
    ]
    assert wrong == []


@pytest.mark.shared
def test_the_public_consistency_proofs_are_judged_alike_but_for_one(vectors: Callable[[str], Any]) -> None:
    cases = vectors("rfc6962-merkle/consistency.json")
    assert len(cases) == 98
    wrong = {
        case["file"]
        for case in cases
        if case["wantErr"]
        != refuses(
            lambda case=case: verify_consistency(
                case["size1"],
                case["size2"],
                hashes(case["proof"]),
                b64decode(case["root1"]),
                b64decode(case["root2"]),
            )
        )
    }
    assert wrong == KNOWN_DIFFERENCES


def test_an_empty_root_is_no_proof_of_an_empty_leaf_hash() -> None:
    with pytest.raises(NotProved):
        verify_inclusion(b"", 0, 1, [], b"")


def test_from_the_empty_tree_nothing_is_proved() -> None:
    leaf = leaf_hash(b"one")
    for proof in ([], [leaf]):
        with pytest.raises(NotProved):
            verify_consistency(0, 1, proof, EMPTY_ROOT, leaf)


def test_the_empty_tree_is_the_same_as_itself_and_has_one_root() -> None:
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert Frontier().root() == EMPTY_ROOT == root_of([])
    with pytest.raises(NotProved):
        verify_consistency(0, 0, [], bytes(32), bytes(32))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 3)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(NotProved):
        inclusion_proof(index, size, lambda _start, _end: bytes(32))
    with pytest.raises(NotProved):
        verify_inclusion(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize(("old", "new"), [(-1, 1), (2, 1)])
def test_a_tree_does_not_shrink(old: int, new: int) -> None:
    with pytest.raises(NotProved):
        consistency_proof(old, new, lambda _start, _end: bytes(32))
    with pytest.raises(NotProved):
        verify_consistency(old, new, [], bytes(32), bytes(32))


@pytest.mark.parametrize(("old", "new"), [(0, 7), (7, 7), (0, 0)])
def test_between_trivial_sizes_the_proof_is_empty(old: int, new: int) -> None:
    assert consistency_proof(old, new, lambda _start, _end: bytes(32)) == []


def test_an_edge_has_a_node_for_each_bit_of_its_size() -> None:
    a, b, c = (leaf_hash(each) for each in (b"a", b"b", b"c"))
    edge = Frontier().append(a).append(b).append(c)
    assert edge == Frontier(3, (node_hash(a, b), c))
    assert edge.root() == node_hash(node_hash(a, b), c)


@pytest.mark.parametrize(("size", "nodes"), [(1, ()), (-1, ()), (3, (bytes(32),)), (0, (bytes(32),)), (1, (b"short",))])
def test_an_edge_that_cannot_be_is_refused(size: int, nodes: tuple[bytes, ...]) -> None:
    with pytest.raises(NotProved):
        Frontier(size, nodes)


def test_only_hashes_are_appended() -> None:
    with pytest.raises(NotProved):
        Frontier().append(b"a leaf, not its hash")
