"""Proofs as files: read and written in one way, and checked against real logs."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import Malformed, NotProved, TlogError
from evidence.tlog.merkle import leaf_hash, node_hash
from evidence.tlog.note import Note
from evidence.tlog.policy import parse_policy
from evidence.tlog.proof import LogProof
from evidence.tlog.signing import KeyPair

LEAVES = [leaf_hash(each) for each in (b"a", b"b")]


@pytest.fixture
def proof(log_keys: KeyPair) -> LogProof:
    """That the second of two leaves is in the log."""
    checkpoint = Checkpoint("custody.example.test/log", 2, node_hash(*LEAVES))
    note = Note(checkpoint.text(), tuple(log_keys.sign(checkpoint, at=5)))
    return LogProof(1, (LEAVES[0],), note.encode())


@pytest.mark.shared
def test_real_logs_are_judged_as_their_makers_judge_them(vectors: Callable[[str], Any]) -> None:
    cases = vectors("tlog-notes/rekor2-checkpoints.json")
    assert len(cases) >= 12
    for case in cases:
        assert judged(case) == case["want"], case["name"]


def judged(case: dict[str, Any]) -> str:
    """Signature and inclusion of one case, by way of a policy and of a proof file."""
    policy = parse_policy("".join(f"log {key}\n" for key in case["vkeys"]).encode() + b"quorum none\n")
    note = case["checkpoint"].encode()
    try:
        judgement = policy.judge(note)
        proof = LogProof(int(case["index"]), tuple(b64decode(each) for each in case["hashes"]), note)
        again = LogProof.parse(proof.encode())
        assert again == proof
        assert again.verify(leaf_hash(b64decode(case["leaf_base64"]))) == judgement.checkpoint
    except TlogError:
        return "refuse"
    return "ok"


def test_a_proof_reads_back_and_leads_to_its_checkpoint(proof: LogProof) -> None:
    again = LogProof.parse(proof.encode())
    assert again == proof
    assert again.verify(LEAVES[1]).size == 2
    with pytest.raises(NotProved):
        again.verify(LEAVES[0])


def test_extra_data_goes_along_unproved(proof: LogProof) -> None:
    more = LogProof(proof.index, proof.hashes, proof.checkpoint_note, b"who asked")
    assert more.encode().split(b"\n")[1] == b"extra " + b64encode(b"who asked")
    assert LogProof.parse(more.encode()) == more


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"c2sp.org/tlog-proof@v1\n", b"c2sp.org/tlog-proof@v2\n"),
        (b"c2sp.org/tlog-proof@v1\n", b"\n"),
        (b"c2sp.org/tlog-proof@v1\n", b""),
        (b"index 1\n", b""),
        (b"index 1\n", b"index 01\n"),
        (b"index 1\n", b"index -1\n"),
        (b"index 1\n", b"index 9223372036854775808\n"),
        (b"index 1\n", b"index 1\nindex 1\n"),
        (b"index 1\n", b"extra\nindex 1\n"),
        (b"index 1\n", b"extra \nindex 1\n"),
        (b"index 1\n", b"index 1\nextra AAAA\n"),
        (b"index 1\n", b"index 1\nAAAA\n"),
        (b"index 1\n", b"index 1\r\n"),
        (b"index 1\n", b"index 1\n" + (b64encode(bytes(32)) + b"\n") * 63),
        (b"\n\ncustody", b"\ncustody"),
        (b"\n\ncustody", b"\n\n\ncustody"),
        (b"\n\ncustody.example.test/log", b"\n\n"),
    ],
)
def test_what_is_no_proof_is_refused(proof: LogProof, before: bytes, after: bytes) -> None:
    assert before in proof.encode()
    with pytest.raises(Malformed):
        LogProof.parse(proof.encode().replace(before, after, 1))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"x" * 2_000_001])
def test_what_is_nothing_like_a_proof_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        LogProof.parse(data)


@pytest.mark.parametrize(("index", "hashes"), [(-1, ()), (2**63, ()), (0, (bytes(31),)), (0, (bytes(32),) * 64)])
def test_a_proof_that_could_not_be_read_back_is_not_made(index: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(Malformed):
        LogProof(index, hashes, b"")
