"""A receipt counts as logged only where an event about it leads to a checkpoint that the log has signed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.keys import Algorithm
from evidence.tlog.merkle import inclusion_proof, leaf_hash, root_of
from evidence.tlog.note import Note
from evidence.tlog.proof import LogProof as Written
from evidence.tlog.signing import SigningKey, cosign
from ingest.agent.errors import ReceiptRefused
from ingest.agent.log_proofs import LogKeys, LogProof, check, log_keys_in

ORIGIN = "custody.force.example/main"
KEY = SigningKey.make(ORIGIN, Algorithm.ED25519)
POST_QUANTUM = SigningKey.make(ORIGIN, Algorithm.ML_DSA_44)
BODY = b'{"kind":"ingest-receipt"}'
EVENT = {
    "log": ORIGIN,
    "type": "receipt.issued",
    "obj": [{"role": "receipt", "sha256": hashlib.sha256(BODY).hexdigest(), "size": len(BODY)}],
}


def statement(**changed: Any) -> bytes:
    said = {"v": 1, "kind": "log-keys", "origin": ORIGIN, "keys": [KEY.vkey().text()], **changed}
    return json.dumps(said).encode()


def proof(
    size: int = 7, index: int = 3, *, key: SigningKey = KEY, origin: str = ORIGIN, event: Any = None, extra: bytes = b""
) -> LogProof:
    leaf = json.dumps(EVENT if event is None else event).encode()
    leaves = [f"another {place}".encode() for place in range(size)]
    leaves[index] = leaf
    hashes = [leaf_hash(each) for each in leaves]
    checkpoint = Checkpoint(origin, size, root_of(hashes))
    signatures = [cosign(checkpoint, POST_QUANTUM, 1_800_000_000), cosign(checkpoint, key, 1_800_000_000)]
    note = Note(checkpoint.text(), tuple(signatures)).encode()
    path = inclusion_proof(index, size, lambda start, end: root_of(hashes[start:end]))
    return LogProof(leaf, Written(index, tuple(path), note, extra).encode())


KEYS = log_keys_in(statement())


@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (7, 0), (7, 6), (8, 5), (300, 299), (1000, 512)])
def test_a_receipt_in_the_log_is_believed(size: int, index: int) -> None:
    check(proof(size, index), BODY, KEYS)
    check(proof(size, index, extra=b"of no account"), BODY, KEYS)


def test_a_proof_of_another_receipt_is_not() -> None:
    with pytest.raises(ReceiptRefused, match="not about this receipt"):
        check(proof(), BODY + b" ", KEYS)


@pytest.mark.parametrize("member", ["type", "log", "obj"])
def test_another_kind_of_event_is_not(member: str) -> None:
    with pytest.raises(ReceiptRefused, match="not about this receipt"):
        check(proof(event={**EVENT, member: "something else"}), BODY, KEYS)


def test_a_checkpoint_of_another_log_or_key_is_not() -> None:
    with pytest.raises(ReceiptRefused, match="another log"):
        check(proof(key=SigningKey.make("elsewhere", Algorithm.ED25519), origin="elsewhere"), BODY, KEYS)
    with pytest.raises(ReceiptRefused, match="not signed with a key"):
        check(proof(key=SigningKey.make(ORIGIN, Algorithm.ED25519)), BODY, KEYS)
    stranger = {key_id: bytes(31) + b"\x01" for key_id in KEYS.keys}
    with pytest.raises(ReceiptRefused, match="signature is not the log's"):
        check(proof(), BODY, LogKeys(ORIGIN, stranger))


def test_no_changed_byte_of_what_is_proved_is_believed() -> None:
    good = proof(9, 4)
    head = good.text.index("—".encode())
    for place in range(len(good.text[:head])):
        changed = bytearray(good.text)
        changed[place] ^= 1
        with pytest.raises(ReceiptRefused):
            check(LogProof(good.leaf, bytes(changed)), BODY, KEYS)
    for place in range(len(good.leaf)):
        leaf = bytearray(good.leaf)
        leaf[place] ^= 1
        with pytest.raises(ReceiptRefused):
            check(LogProof(bytes(leaf), good.text), BODY, KEYS)


@pytest.mark.parametrize("text", [b"", b"\n\n", b"c2sp.org/tlog-proof@v1\nindex 0\n\n", b"x" * 70_000])
def test_nonsense_is_refused(text: bytes) -> None:
    with pytest.raises(ReceiptRefused):
        check(LogProof(proof().leaf, text), BODY, KEYS)


@pytest.mark.parametrize(
    "said",
    [
        b"[]",
        b"{",
        statement(v=2),
        statement(kind="other"),
        statement(origin=5),
        statement(origin="elsewhere"),
        statement(keys=["nonsense"]),
        statement(keys=[POST_QUANTUM.vkey().text()]),
    ],
)
def test_what_are_not_keys_of_a_log_is_refused(said: bytes) -> None:
    with pytest.raises(ReceiptRefused):
        log_keys_in(said)
