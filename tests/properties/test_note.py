"""Readers of notes, proofs, policies and bundles, on bytes that nobody thought of: read truly, or Malformed."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import Malformed, TlogError
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.merkle import node_hash
from evidence.tlog.note import Note, NoteSignature, parse_note, parse_signatures, signature_line
from evidence.tlog.policy import Judged, Policy, parse_policy
from evidence.tlog.proof import LogProof
from evidence.tlog.signing import SigningKey, cosign
from evidence.tlog.tiles import decode_bundle, encode_bundle, entries_path, parse_tile_path

patient = settings(deadline=None, max_examples=300)

ORIGIN = "custody.example.test/log"
SEED = sha256(b"the same keys in every run").digest()
LOG = SigningKey(ORIGIN, Algorithm.ED25519, Ed25519PrivateKey.from_private_bytes(SEED))
LOG_PQ = SigningKey(ORIGIN, Algorithm.ML_DSA_44, MLDSA44PrivateKey.from_seed_bytes(SEED))
WITNESS = SigningKey("w.example", Algorithm.COSIGNATURE, Ed25519PrivateKey.from_private_bytes(SEED[::-1]))
LEAVES = [bytes([number]) * 32 for number in (1, 2)]
CHECKPOINT = Checkpoint(ORIGIN, 2, node_hash(*LEAVES))
SIGNED = Note(CHECKPOINT.text(), tuple(cosign(CHECKPOINT, key, 1_700_000_000) for key in (LOG, WITNESS)))
NOTE = SIGNED.encode()
NOTE_PQ = SIGNED.signed_also([cosign(CHECKPOINT, LOG_PQ, 1_700_000_000)]).encode()
PROOF = LogProof(1, (LEAVES[0],), NOTE, b"extra").encode()
KEYS = "".join(f"log {key.vkey().text()}\n" for key in (LOG, LOG_PQ))
POLICY = (
    f"# whom we believe\n{KEYS}witness W {WITNESS.vkey().text()} https://w.example\ngroup g 1 W\nquorum g\n".encode()
)
BUNDLE = encode_bundle([b"a", b"", b"longer"])


@st.composite
def spoilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes that were right before somebody cut, doubled, or wrote into them."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        data[start:end] = draw(st.binary(max_size=5) | st.just(bytes(data[start:end]) * 2) | st.sampled_from(PIECES))
    return bytes(data)


PIECES = [
    b"\n",
    b"\n\n",
    b" ",
    b"+",
    b"=",
    "— ".encode(),
    b"\r\n",
    b"\x00",
    b"0",
    "\u00a0".encode(),
    b"\xff",
    b"index ",
]


def reads_truly(read: Callable[[bytes], object], write: Callable[[object], bytes], data: bytes) -> None:
    """What is read is written back as the same bytes; all else is Malformed, and no other exception."""
    try:
        value = read(data)
    except Malformed:
        return
    assert write(value) == data


@patient
@given(st.binary(max_size=200) | spoilt(NOTE))
@example(NOTE)
def test_any_bytes_are_a_note_or_malformed(data: bytes) -> None:
    reads_truly(parse_note, Note.encode, data)  # type: ignore[arg-type]
    reads_truly(parse_signatures, lambda them: b"".join(map(signature_line, them)), data)  # type: ignore[call-overload]


@patient
@given(st.binary(max_size=100) | spoilt(CHECKPOINT.text()))
@example(CHECKPOINT.text())
def test_any_bytes_are_a_checkpoint_or_malformed(data: bytes) -> None:
    reads_truly(parse_checkpoint, Checkpoint.text, data)  # type: ignore[arg-type]


@patient
@given(st.binary(max_size=200) | spoilt(PROOF))
@example(PROOF)
def test_any_bytes_are_a_proof_or_malformed(data: bytes) -> None:
    reads_truly(LogProof.parse, LogProof.encode, data)  # type: ignore[arg-type]


@patient
@given(st.binary(max_size=200) | spoilt(BUNDLE))
@example(BUNDLE)
def test_any_bytes_are_a_bundle_or_malformed(data: bytes) -> None:
    reads_truly(decode_bundle, encode_bundle, data)  # type: ignore[arg-type]


@patient
@given(st.binary(max_size=200) | spoilt(POLICY))
@example(POLICY)
def test_any_bytes_are_a_policy_or_malformed(data: bytes) -> None:
    try:
        policy = parse_policy(data)
    except Malformed:
        return
    assert isinstance(policy, Policy)


words = st.text(max_size=60) | st.text("tile/entries/x0123456789.p", max_size=30)


@patient
@given(words | spoilt(LOG.vkey().text().encode()).map(lambda data: data.decode("utf-8", "surrogateescape")))
@example(LOG.vkey().text())
def test_any_words_are_a_key_or_malformed(text: str) -> None:
    try:
        key = VerifierKey.parse(text)
    except Malformed:
        return
    assert key.text() == text


@patient
@given(words | spoilt(b"tile/0/x001/234.p/17").map(lambda data: data.decode("utf-8", "surrogateescape")))
@example("tile/0/x001/234.p/17")
@example(entries_path(1234, 17))
def test_any_words_are_a_tile_or_malformed(path: str) -> None:
    try:
        tile = parse_tile_path(path)
    except Malformed:
        return
    assert path.startswith("tile/entries/") if tile is None else tile.path == path


@patient
@given(spoilt(NOTE))
def test_a_spoilt_note_never_says_another_thing_of_the_log(data: bytes) -> None:
    says_nothing_new(data)


def test_no_byte_of_a_note_can_be_turned_so_that_it_says_another_thing() -> None:
    for place in range(len(NOTE)):
        for bit in (1, 4, 32, 128):
            says_nothing_new(NOTE[:place] + bytes([NOTE[place] ^ bit]) + NOTE[place + 1 :])


@patient
@given(st.integers(0, len(NOTE_PQ) - 1), st.integers(0, 7))
def test_no_byte_of_a_note_with_ml_dsa_can_be_turned_either(place: int, bit: int) -> None:
    says_nothing_new(NOTE_PQ[:place] + bytes([NOTE_PQ[place] ^ 1 << bit]) + NOTE_PQ[place + 1 :])


def says_nothing_new(data: bytes) -> None:
    """A changed note is refused, or says less: never another checkpoint, witness or time."""
    try:
        judged: Judged = parse_policy(POLICY).judge(data)
    except TlogError:
        return
    assert judged.checkpoint == CHECKPOINT
    assert judged.witnesses in ({}, {"W": 1_700_000_000})
    assert judged.quorum_met == bool(judged.witnesses)


@patient
@given(st.binary(max_size=100), st.integers(0, 2**63 - 1))
def test_a_made_up_signature_is_never_good(blob: bytes, size: int) -> None:
    checkpoint = Checkpoint(ORIGIN, size, bytes(32))
    for key in (LOG, WITNESS, LOG_PQ):
        forged = Note(checkpoint.text(), (NoteSignature(key.name, key.vkey().key_id, blob or b"\x00"),))
        with pytest.raises(TlogError):
            parse_policy(POLICY).judge(forged.encode())
