"""Notes: what other people signed, what is refused, and what exactly is signed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import BadSignature, Malformed
from evidence.tlog.note import (
    Algorithm,
    Note,
    NoteSignature,
    VerifierKey,
    parse_note,
    parse_signatures,
    signature_line,
    signed_message,
    verify,
)
from evidence.tlog.signing import KeyPair, SigningKey, cosign

SIGNED = b64encode(bytes(68))


@pytest.mark.shared
def test_notes_of_other_people_s_software_verify(vectors: Callable[[str], Any]) -> None:
    cases = vectors("tlog-notes/notes.json")
    assert len(cases) == 2
    for case in cases:
        note = parse_note(case["note"].encode())
        assert note.encode() == case["note"].encode()
        for signature in note.signatures:
            assert verify(note.text, signature, VerifierKey.parse(case["vkeys"][0])) is None


@pytest.mark.shared
def test_a_note_of_which_one_letter_was_changed_does_not_verify(vectors: Callable[[str], Any]) -> None:
    for case in vectors("tlog-notes/notes.json"):
        note = parse_note(case["note"].encode())
        key = VerifierKey.parse(case["vkeys"][0])
        for place in range(len(note.text)):
            text = note.text[:place] + bytes([note.text[place] ^ 1]) + note.text[place + 1 :]
            with pytest.raises(BadSignature):
                verify(text, note.signatures[0], key)


def test_every_kind_of_signature_states_its_time(note: Note, log_keys: KeyPair, witnesses: list[SigningKey]) -> None:
    keys = [*log_keys.vkeys(), *(each.vkey() for each in witnesses)]
    times = [verify(note.text, signature, key) for signature, key in zip(note.signatures, keys, strict=True)]
    assert times == [None, 1000, 1001, 1002, 1003]
    assert parse_note(note.encode()) == note


def test_a_time_cannot_be_changed_afterwards(note: Note, witnesses: list[SigningKey]) -> None:
    for signature, key in zip(note.signatures[2:], witnesses, strict=True):
        later = replace(signature, blob=(5000).to_bytes(8, "big") + signature.blob[8:])
        with pytest.raises(BadSignature):
            verify(note.text, later, key.vkey())


def test_a_signature_counts_only_under_its_own_key(note: Note, log_keys: KeyPair, witnesses: list[SigningKey]) -> None:
    first, second = (each.vkey() for each in witnesses[:2])
    with pytest.raises(BadSignature):
        verify(note.text, note.signatures[2], second)
    borrowed = NoteSignature(second.name, second.key_id, note.signatures[2].blob)
    with pytest.raises(BadSignature):
        verify(note.text, borrowed, second)
    assert first.key_id != log_keys.vkeys()[0].key_id


@pytest.mark.parametrize("length", [0, 1, 8, 63, 65, 71, 73, 2427, 2429])
def test_a_signature_of_a_wrong_length_is_bad(
    note: Note, log_keys: KeyPair, witnesses: list[SigningKey], length: int
) -> None:
    for key in (*log_keys.vkeys(), witnesses[0].vkey()):
        with pytest.raises(BadSignature):
            verify(note.text, NoteSignature(key.name, key.key_id, bytes(length)), key)


def test_a_time_beyond_63_bits_is_bad(note: Note, witnesses: list[SigningKey]) -> None:
    key = witnesses[0].vkey()
    with pytest.raises(BadSignature):
        verify(note.text, NoteSignature(key.name, key.key_id, b"\xff" * 72), key)


def test_a_cosignature_stands_only_under_a_checkpoint(witnesses: list[SigningKey], note: Note) -> None:
    for key in witnesses:
        with pytest.raises(Malformed):
            signed_message(b"any text\n", key.vkey(), 5)
    with pytest.raises(BadSignature):
        verify(b"any text\n", note.signatures[-1], witnesses[-1].vkey())


def test_the_message_of_an_ed25519_cosignature_is_the_specification_s(
    checkpoint: Checkpoint, witnesses: list[SigningKey]
) -> None:
    message = signed_message(checkpoint.text(), witnesses[0].vkey(), 1679315147)
    assert message == b"cosignature/v1\ntime 1679315147\n" + checkpoint.text()


def test_the_message_of_an_ml_dsa_cosignature_is_the_specification_s(
    checkpoint: Checkpoint, witnesses: list[SigningKey]
) -> None:
    message = signed_message(checkpoint.text(), witnesses[2].vkey(), 0x0102030405)
    name, origin = witnesses[2].name.encode(), checkpoint.origin.encode()
    assert message == (
        b"subtree/v1\n\x00"
        + bytes([len(name)]) + name
        + b"\x00\x00\x00\x01\x02\x03\x04\x05"
        + bytes([len(origin)]) + origin
        + bytes(8)
        + b"\x00\x00\x00\x00\x00\x01\x11\x70"
        + bytes(range(32))
    )  # fmt: skip


def test_the_log_s_ml_dsa_signature_is_over_its_own_origin_without_a_context(
    note: Note, checkpoint: Checkpoint, log_keys: KeyPair
) -> None:
    key = log_keys.vkeys()[1]
    raw = note.signatures[1].blob[8:]
    MLDSA44PublicKey.from_public_bytes(key.public).verify(raw, signed_message(checkpoint.text(), key, 1000))
    assert key.name == checkpoint.origin


@pytest.mark.parametrize("at", [None, -1, 2**63])
def test_no_cosignature_without_a_time_that_can_be(
    checkpoint: Checkpoint, witnesses: list[SigningKey], at: int | None
) -> None:
    with pytest.raises(Malformed):
        signed_message(checkpoint.text(), witnesses[0].vkey(), at)


def test_an_origin_too_long_to_be_signed_is_refused(witnesses: list[SigningKey]) -> None:
    with pytest.raises(Malformed):
        cosign(Checkpoint("o" * 256, 1, bytes(32)), witnesses[2], 5)


def test_the_text_ends_at_the_last_empty_line() -> None:
    text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n".encode()
    note = parse_note(text + b"\n" + "— quasimodo.example/salvatore ".encode() + SIGNED + b"\n")
    assert note.text == text
    assert note.signatures == (NoteSignature("quasimodo.example/salvatore", bytes(4), bytes(64)),)


def test_a_signature_is_not_repeated(note: Note) -> None:
    assert note.signed_also(note.signatures) == note


def test_sixteen_signatures_and_more_are_read() -> None:
    lines = b"".join(signature_line(NoteSignature(f"w{number}", bytes(4), bytes(2428))) for number in range(64))
    assert len(parse_note(b"text\n\n" + lines).signatures) == 64
    with pytest.raises(Malformed):
        parse_signatures(lines + signature_line(NoteSignature("one more", bytes(4), bytes(64))))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        "text\n— name ".encode() + SIGNED + b"\n",
        "text\n\n— name ".encode() + SIGNED,
        "text\n\n— name ".encode() + SIGNED + b"\nmore\n",
        "text\n\n— name ".encode() + SIGNED + b" \n",
        "text\n\n— name  ".encode() + SIGNED + b"\n",
        "text\n\n—  name ".encode() + SIGNED + b"\n",
        b"text\n\n-- name " + SIGNED + b"\n",
        "text\n\n— ".encode() + SIGNED + b"\n",
        "text\n\n— na+me ".encode() + SIGNED + b"\n",
        "text\n\n— na\u00a0me ".encode() + SIGNED + b"\n",
        "text\n\n— na\u2003me ".encode() + SIGNED + b"\n",
        "text\n\n— name ".encode() + SIGNED.rstrip(b"=") + b"\n",
        "text\n\n— name AAAAAA==\n".encode(),
        "text\n\n— name AAAAAAB=\n".encode(),
        "text\n\n— name\n".encode(),
        "te\rxt\n\n— name ".encode() + SIGNED + b"\n",
        b"te\xffxt\n\n" + "— name ".encode() + SIGNED + b"\n",
        "text\n\n— name ".encode() + SIGNED + b"\r\n",
        b"x" * 1_000_001,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_note(data)


def test_very_long_signatures_are_refused() -> None:
    with pytest.raises(Malformed):
        parse_signatures(b"x" * 1_000_001)


def test_the_kinds_of_signature_bear_the_numbers_of_the_specification() -> None:
    assert [(each.name, each.value) for each in Algorithm] == [("ED25519", 1), ("COSIGNATURE", 4), ("ML_DSA_44", 6)]
