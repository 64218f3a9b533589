"""Which odd Ed25519 signatures are taken: frozen, so that a library that changes its mind is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from evidence.tlog.errors import BadSignature, Malformed
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.note import NoteSignature, verify

GOLDEN = json.loads((Path(__file__).parent / "ed25519-accepted.json").read_bytes())


def library_takes(case: dict[str, Any]) -> bool:
    """Whether the library calls the signature good."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["key"]))
        key.verify(bytes.fromhex(case["sig"]), case["msg"].encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def we_take(case: dict[str, Any]) -> bool:
    """Whether the signature is good under a key that may stand in a policy."""
    try:
        key = VerifierKey("name", Algorithm.ED25519, bytes.fromhex(case["key"]))
        verify(case["msg"].encode(), NoteSignature("name", key.key_id, bytes.fromhex(case["sig"])), key)
    except (BadSignature, Malformed):
        return False
    return True


@pytest.mark.shared
def test_the_odd_signatures_that_pass_are_the_ones_that_passed_before(vectors: Callable[[str], Any]) -> None:
    cases = vectors("ed25519-cctv/ed25519vectors.json")
    assert len(cases) == GOLDEN["cases"] == 914
    assert [case["number"] for case in cases if library_takes(case)] == GOLDEN["library"]
    assert [case["number"] for case in cases if we_take(case)] == GOLDEN["ours"]


def test_we_take_nothing_that_the_library_does_not() -> None:
    assert set(GOLDEN["ours"]) < set(GOLDEN["library"])
    assert len(GOLDEN["library"]) == 208
