"""May this receipt be trusted? Pure: a key pinned at enrolment signed it, and it speaks of exactly these bytes.

Only what this returns may ever let a source go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingest.agent import clock
from ingest.agent.digests import Digests
from ingest.agent.errors import ReceiptRefused
from ingest.agent.journal_rows import KeptReceipt
from ingest.agent.names import as_b64
from ingest.agent.protocol import SignedStatement

TEXTS = ("receipt_id", "recording_id", "bucket", "key", "version_id", "lock_mode")
TIMES = ("lock_until", "verified_at", "issued_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a receipt must say to be one for this file."""

    agent_id: str
    arrival_id: str
    name: bytes
    digests: Digests


def verify(signed: SignedStatement, expected: Expected, keys: Mapping[str, bytes]) -> KeptReceipt:
    """The receipt, once its signature and every fact in it have been checked. Raises ReceiptRefused."""
    _check_signature(signed, keys)
    facts = _facts_of(signed.body)
    _check_facts(facts, expected)
    return KeptReceipt(facts["receipt_id"], facts["recording_id"], signed)


def _check_signature(signed: SignedStatement, keys: Mapping[str, bytes]) -> None:
    key = keys.get(signed.key_id)
    if key is None:
        raise ReceiptRefused("The receipt is signed with a key this agent was not given: enrol it again.")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signed.signature, signed.body)
    except (InvalidSignature, ValueError) as error:
        raise ReceiptRefused("The receipt's signature is not the server's.") from error


def _facts_of(body: bytes) -> Mapping[str, Any]:
    try:
        facts = json.loads(body)
    except ValueError as error:
        raise ReceiptRefused("The receipt cannot be read.") from error
    if not isinstance(facts, dict) or facts.get("v") != 1 or facts.get("kind") != "ingest-receipt":
        raise ReceiptRefused("What the server sent is not an ingest receipt.")
    return facts


def _check_facts(facts: Mapping[str, Any], expected: Expected) -> None:
    must_be = {
        "agent_id": expected.agent_id,
        "arrival_id": expected.arrival_id,
        "name_b64": as_b64(expected.name),
        "size": expected.digests.size,
        "sha256": expected.digests.sha256,
        "sha512": expected.digests.sha512,
        "tree": expected.digests.tree,
    }
    for fact, value in must_be.items():
        if facts.get(fact) != value or isinstance(facts.get(fact), bool):
            raise ReceiptRefused(f"The receipt is for something else: its {fact} is not this file's.")
    for fact in TEXTS:
        if not isinstance(facts.get(fact), str) or not facts[fact]:
            raise ReceiptRefused(f"The receipt says nothing of {fact}.")
    for fact in TIMES:
        _check_time(fact, facts.get(fact))


def _check_time(fact: str, value: object) -> None:
    try:
        clock.from_text(str(value))
    except ValueError as error:
        raise ReceiptRefused(f"The receipt names no time for {fact}.") from error
