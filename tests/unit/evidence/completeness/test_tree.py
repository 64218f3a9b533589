"""The tree in memory gives the same root and the same proofs as the log's own."""

from __future__ import annotations

import pytest

from evidence.completeness.claims import Verdict, Verification, judged, not_proved
from evidence.completeness.tree import HeldTree, root_over
from evidence.tlog.merkle import EMPTY_ROOT, leaf_hash, root_of, verify_inclusion

SIZES = [*range(1, 20), 255, 256, 257, 1000]


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_proved_under_the_same_root(size: int) -> None:
    hashes = [leaf_hash(str(number).encode()) for number in range(size)]
    tree = HeldTree(hashes)
    assert tree.root() == root_of(hashes) == root_over(hashes)
    for index in range(0, size, 1 + size // 50):
        verify_inclusion(hashes[index], index, size, tree.prove(index), tree.root())


def test_over_nothing_stands_the_root_of_the_empty_tree() -> None:
    assert HeldTree([]).root() == root_over([]) == EMPTY_ROOT


def test_nothing_proved_is_no_success_and_one_contradiction_is_a_failure() -> None:
    nothing = not_proved("events", "log", "there is nothing")
    good = judged("events", "log", [], holds="all agree", fails="")
    bad = judged("tiles", "log", ["one differs", "another too"], holds="", fails="they differ")
    assert not Verification(size=0, claims=(nothing,)).holds
    assert Verification(size=1, claims=(good, nothing)).holds
    assert not Verification(size=1, claims=(good, bad)).holds
    assert (bad.verdict, bad.words) == (Verdict.CONTRADICTED, "they differ: one differs (2 findings)")
    with pytest.raises(KeyError):
        Verification(size=1, claims=(good,)).of("tiles")
