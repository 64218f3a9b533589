"""Verifier keys: one way to write each, and no key under which anybody can sign."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from evidence.tlog.errors import Malformed
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.signing import KeyPair, SigningKey

SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


def written(name: str, material: bytes, key_id: str = "00000000") -> str:
    """A verifier key as somebody might write it."""
    return f"{name}+{key_id}+{b64encode(material).decode()}"


def test_the_key_of_go_s_checksum_database_is_read_and_written() -> None:
    key = VerifierKey.parse(SUMDB)
    assert (key.name, key.algorithm, key.key_id.hex()) == ("sum.golang.org", Algorithm.ED25519, "033de0ae")
    assert key.text() == SUMDB


def test_keys_of_all_kinds_read_back(log_keys: KeyPair, witnesses: list[SigningKey]) -> None:
    for key in (*log_keys.vkeys(), *(each.vkey() for each in witnesses)):
        assert VerifierKey.parse(key.text()) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "++",
        "name",
        "name+033de0ae",
        SUMDB.replace("033de0ae", "033de0af"),
        SUMDB.replace("033de0ae", "033DE0AE"),
        SUMDB.replace("sum.golang", "sun.golang"),
        SUMDB + "=",
        SUMDB + "\n",
        " " + SUMDB,
        SUMDB.replace("sum.golang.org", ""),
        written("name", b""),
        written("name", b"\x01" + bytes(31)),
        written("name", b"\x02" + bytes(32)),
        written("name", b"\xff" + bytes(32)),
        written("name", b"\x06" + bytes(32)),
        written("n" * 256, b"\x01" + b"\x05" * 32),
        "na\udc80me+00000000+AAAA",
        "name+00000000+\udc80",
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


@pytest.mark.parametrize("height", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 - 1])
def test_a_key_under_which_anybody_can_sign_is_refused(height: int) -> None:
    for public in (height.to_bytes(32, "little"), (height | 1 << 255).to_bytes(32, "little")):
        with pytest.raises(Malformed):
            VerifierKey("name", Algorithm.COSIGNATURE, public)


@pytest.mark.shared
def test_exactly_the_public_keys_of_low_order_and_of_odd_form_are_refused(vectors: Callable[[str], Any]) -> None:
    for case in vectors("ed25519-cctv/ed25519vectors.json"):
        odd = {"low_order_A", "non_canonical_A"} & set(case["flags"] or [])
        try:
            VerifierKey("name", Algorithm.ED25519, bytes.fromhex(case["key"]))
        except Malformed:
            assert odd, case["number"]
        else:
            assert not odd, case["number"]


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\tb", "a\nb", "a\x00b", "\udc80", "ü" * 128])
def test_what_is_no_name_of_a_key_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey(name, Algorithm.ML_DSA_44, bytes(1312))
