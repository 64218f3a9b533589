"""A receipt is believed only when a pinned key signed it and it speaks of exactly these bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingest.agent.digests import Digester
from ingest.agent.errors import ReceiptRefused
from ingest.agent.names import as_b64
from ingest.agent.protocol import SignedStatement
from ingest.agent.receipts import Expected, verify

KEY = Ed25519PrivateKey.generate()
PINNED = {"k1": KEY.public_key().public_bytes_raw()}
DIGESTER = Digester()
DIGESTER.update(b"the bytes")
DIGESTS = DIGESTER.digests()
EXPECTED = Expected(agent_id="agent-1", arrival_id="arrival-1", name=b"clip\xff.mp4", digests=DIGESTS)
FACTS: dict[str, Any] = {
    "v": 1, "kind": "ingest-receipt", "receipt_id": "r-1", "arrival_id": "arrival-1", "recording_id": "rec-1",
    "agent_id": "agent-1", "session_id": "s-1", "name_b64": as_b64(b"clip\xff.mp4"), "size": DIGESTS.size,
    "sha256": DIGESTS.sha256, "sha512": DIGESTS.sha512, "tree": DIGESTS.tree, "bucket": "masters",
    "key": "masters/1", "version_id": "v1", "lock_mode": "GOVERNANCE", "lock_until": "2030-01-01T00:00:00.000000Z",
    "verified_at": "2026-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
}  # fmt: skip


def receipt(key: Ed25519PrivateKey = KEY, key_id: str = "k1", **changed: Any) -> SignedStatement:
    facts = {name: value for name, value in {**FACTS, **changed}.items() if value is not None}
    body = json.dumps(facts).encode()
    return SignedStatement(body, key.sign(body), key_id)


def test_a_receipt_for_these_bytes_is_believed() -> None:
    kept = verify(receipt(), EXPECTED, PINNED)
    assert (kept.receipt_id, kept.recording_id) == ("r-1", "rec-1")


def test_a_forged_one_is_not() -> None:
    forger = Ed25519PrivateKey.generate()
    with pytest.raises(ReceiptRefused, match="signature"):
        verify(receipt(forger), EXPECTED, PINNED)
    with pytest.raises(ReceiptRefused, match="enrol"):
        verify(receipt(forger, "k2"), EXPECTED, PINNED)


def test_one_altered_after_signing_is_not() -> None:
    good = receipt()
    altered = SignedStatement(good.body.replace(b"GOVERNANCE", b"COMPLIANCE"), good.signature, good.key_id)
    with pytest.raises(ReceiptRefused, match="signature"):
        verify(altered, EXPECTED, PINNED)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("sha256", "0" * 64), ("sha512", "0" * 128), ("tree", "0" * 64), ("size", DIGESTS.size + 1), ("size", True),
        ("size", str(DIGESTS.size)), ("name_b64", as_b64(b"other.mp4")), ("agent_id", "agent-2"),
        ("arrival_id", "arrival-2"), ("kind", "something-else"), ("v", 2), ("version_id", ""), ("version_id", None),
        ("lock_until", None), ("lock_until", "tomorrow"), ("verified_at", "2026-01-01T00:00:00"),
        ("recording_id", None), ("lock_mode", None),
    ],
)  # fmt: skip
def test_a_true_signature_on_something_else_is_not_enough(fact: str, value: object) -> None:
    with pytest.raises(ReceiptRefused):
        verify(receipt(**{fact: value}), EXPECTED, PINNED)


def test_nonsense_that_is_signed_stays_nonsense() -> None:
    for body in (b"", b"[]", b"{", b"null"):
        with pytest.raises(ReceiptRefused):
            verify(SignedStatement(body, KEY.sign(body), "k1"), EXPECTED, PINNED)
