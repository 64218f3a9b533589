"""The signer that does not go back, does not fork, and does not forget."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from evidence.outside.errors import KeyUnusable, WouldFork
from evidence.outside.remembering import RememberingSigner, begin_memory, recall, remember
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.merkle import consistency_proof, root_of
from evidence.tlog.note import verify
from evidence.tlog.signing import KeyPair

ORIGIN = "custody.example.test/log"
LEAVES = [sha256(bytes([number])).digest() for number in range(40)]
FORKED = [*LEAVES[:8], *reversed(LEAVES)]


def at_size(size: int, leaves: Sequence[bytes] = LEAVES, origin: str = ORIGIN) -> Checkpoint:
    """The log at this size."""
    return Checkpoint(origin, size, root_of(leaves[:size]))


def prove(old: int, new: int, leaves: Sequence[bytes] = LEAVES) -> list[bytes]:
    """That the log only grew."""
    return consistency_proof(old, new, lambda start, end: root_of(leaves[start:end]))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    """A pair of keys."""
    return KeyPair.make(ORIGIN, tmp_path_factory.mktemp("pair") / "keys")


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A memory of nothing."""
    begin_memory(tmp_path / "memory.json", ORIGIN)
    return tmp_path / "memory.json"


@pytest.fixture
def signer(keys: KeyPair, memory: Path) -> RememberingSigner:
    """A signer that has signed nothing yet."""
    return RememberingSigner(keys, memory, prove)


def test_it_signs_a_log_that_grows_and_the_same_checkpoint_again(signer: RememberingSigner, keys: KeyPair) -> None:
    for size in (3, 8, 8, 9, 40):
        lines = signer.sign(at_size(size), at=1000)
        for line, key in zip(lines, keys.vkeys(), strict=True):
            verify(at_size(size).text(), line, key)


def test_it_refuses_to_go_back_also_after_a_new_start(signer: RememberingSigner, keys: KeyPair, memory: Path) -> None:
    signer.sign(at_size(9), at=1000)
    for again in (signer, RememberingSigner(keys, memory, prove)):
        with pytest.raises(WouldFork, match="last signed the log at 9 events and was asked for 8"):
            again.sign(at_size(8), at=1000)
    assert recall(memory) == at_size(9)


def test_it_refuses_another_root_at_the_same_size(signer: RememberingSigner, memory: Path) -> None:
    signer.sign(at_size(9), at=1000)
    with pytest.raises(WouldFork, match="another one"):
        signer.sign(at_size(9, FORKED), at=1000)
    assert recall(memory) == at_size(9)


@pytest.mark.parametrize("size", [10, 16, 30])
def test_it_refuses_what_does_not_extend_the_last(keys: KeyPair, memory: Path, size: int) -> None:
    RememberingSigner(keys, memory, prove).sign(at_size(9), at=1000)
    forking = RememberingSigner(keys, memory, lambda old, new: prove(old, new, FORKED))
    for proof in (None, [], prove(9, size), prove(8, size, FORKED)):
        with pytest.raises(WouldFork, match="does not extend"):
            forking.sign(at_size(size, FORKED), at=1000, proof=proof)
    assert recall(memory) == at_size(9)
    RememberingSigner(keys, memory, prove).sign(at_size(size), at=1000)


def test_it_signs_for_no_other_log(signer: RememberingSigner) -> None:
    with pytest.raises(WouldFork, match="that was the log"):
        signer.sign(at_size(1, origin="custody.example.test/other"), at=1000)


def test_without_a_memory_it_signs_nothing(keys: KeyPair, tmp_path: Path) -> None:
    signer = RememberingSigner(keys, tmp_path / "memory.json", prove)
    with pytest.raises(KeyUnusable, match="memory"):
        signer.sign(at_size(3), at=1000)
    for nonsense in (b"", b"{}", b'{"origin":"x","size":-1,"root":""}', b"\xff"):
        (tmp_path / "memory.json").write_bytes(nonsense)
        with pytest.raises(KeyUnusable, match="not the memory"):
            signer.sign(at_size(3), at=1000)


def test_a_memory_is_begun_once_and_put_forward_only(memory: Path) -> None:
    with pytest.raises(FileExistsError):
        begin_memory(memory, ORIGIN)
    remember(memory, at_size(9))
    remember(memory, at_size(9))
    for wrong in (at_size(8), at_size(9, FORKED), at_size(10, origin="custody.example.test/other")):
        with pytest.raises(WouldFork):
            remember(memory, wrong)
    memory.unlink()
    remember(memory, at_size(8))
    assert recall(memory) == at_size(8)


def test_a_signature_that_fails_is_not_remembered(memory: Path) -> None:
    class Broken(KeyPair):
        def sign(self, checkpoint: Checkpoint, *, at: int) -> list[object]:  # type: ignore[override]
            raise KeyUnusable("the device was pulled out")

    keys = Broken.make(ORIGIN, memory.parent / "broken")
    with pytest.raises(KeyUnusable):
        RememberingSigner(keys, memory, prove).sign(at_size(3), at=1000)
    assert recall(memory).size == 0


def test_of_two_histories_at_once_one_is_signed(keys: KeyPair, memory: Path) -> None:
    refused = []

    def ask(leaves: Sequence[bytes]) -> None:
        signer = RememberingSigner(keys, memory, lambda old, new: prove(old, new, leaves))
        for size in range(9, 30):
            try:
                signer.sign(at_size(size, leaves), at=1000)
            except WouldFork:
                refused.append(id(leaves))

    both = [threading.Thread(target=ask, args=(leaves,)) for leaves in (LEAVES, FORKED)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert len(set(refused)) >= 1
    kept = recall(memory)
    assert kept in (at_size(kept.size), at_size(kept.size, FORKED))
    assert refused.count(id(FORKED if kept.root == root_of(LEAVES[: kept.size]) else LEAVES)) == 21
