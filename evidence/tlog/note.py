"""Signed notes: a text with lines of signatures under it (C2SP signed-note and tlog-cosignature)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.errors import BadSignature, Malformed
from evidence.tlog.keys import LONGEST_NAME, Algorithm, VerifierKey, check_name
from evidence.tlog.strict import LARGEST, base64_of, read_base64, read_lines

LARGEST_NOTE = 1_000_000  # bytes
MOST_SIGNATURES = 64
KEY_ID_SIZE = 4  # bytes
TIME_SIZE = 8  # bytes
SIGNATURE_SIZES = {Algorithm.ED25519: 64, Algorithm.COSIGNATURE: 64, Algorithm.ML_DSA_44: 2420}  # bytes
SUBTREE_LABEL = b"subtree/v1\n\0"

__all__ = [
    "Algorithm",
    "Note",
    "NoteSignature",
    "VerifierKey",
    "line_by",
    "parse_note",
    "parse_signatures",
    "signature_by",
    "signature_line",
    "signed_message",
    "verify",
]


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line under a note: who says to have signed, and the signature, with its time where it has one."""

    name: str
    key_id: bytes
    blob: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text, its last line feed included, and the signatures under it. What it says counts once a key is checked."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note as it is kept and sent."""
        return self.text + b"\n" + b"".join(signature_line(each) for each in self.signatures)

    def signed_also(self, signatures: Iterable[NoteSignature]) -> Note:
        """The same text with more signatures; one that is there already is not repeated."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *signatures))))


def parse_note(data: bytes) -> Note:
    """Read a note; its signatures are not checked yet. Raises Malformed."""
    if len(data) > LARGEST_NOTE:
        raise Malformed(f"a note of {len(data)} bytes")
    place = data.rfind(b"\n\n")
    if place < 0:
        raise Malformed("no empty line between a text and its signatures")
    text = data[: place + 1]
    read_lines(text)
    return Note(text, parse_signatures(data[place + 2 :]))


def parse_signatures(data: bytes) -> tuple[NoteSignature, ...]:
    """Read lines of signatures, as they stand under a note and in a witness's answer. Raises Malformed."""
    if len(data) > LARGEST_NOTE:
        raise Malformed(f"signatures of {len(data)} bytes")
    if not data:
        raise Malformed("no signature")
    lines = read_lines(data)
    if len(lines) > MOST_SIGNATURES:
        raise Malformed(f"{len(lines)} signatures")
    return tuple(_parse_line(line) for line in lines)


def _parse_line(line: str) -> NoteSignature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise Malformed(f"{line[:120]!r} is not the line of a signature")
    _, name, encoded = parts
    check_name(name)
    data = read_base64(encoded)
    if len(data) <= KEY_ID_SIZE:
        raise Malformed(f"{line[:120]!r} holds no signature")
    return NoteSignature(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


def signature_line(signature: NoteSignature) -> bytes:
    """The line of a signature."""
    return f"— {signature.name} {base64_of(signature.key_id + signature.blob)}\n".encode()


def signed_message(text: bytes, key: VerifierKey, at: int | None) -> bytes:
    """What `key` signs for this text; `at` is POSIX time, and None for plain Ed25519.

    Raises Malformed where the text is no checkpoint and the key is one of those that sign only checkpoints.
    """
    if key.algorithm is Algorithm.ED25519:
        return text
    if at is None or not 0 <= at <= LARGEST:
        raise Malformed(f"a cosignature cannot be of the time {at}")
    checkpoint = parse_checkpoint(text)
    if key.algorithm is Algorithm.COSIGNATURE:
        return b"cosignature/v1\n" + f"time {at}\n".encode() + text
    start = 0
    return b"".join([
        SUBTREE_LABEL,
        _short(key.name),
        at.to_bytes(8, "big"),
        _short(checkpoint.origin),
        start.to_bytes(8, "big"),
        checkpoint.size.to_bytes(8, "big"),
        checkpoint.root,
    ])  # fmt: skip


def _short(name: str) -> bytes:
    data = name.encode()
    if not 1 <= len(data) <= LONGEST_NAME:
        raise Malformed(f"a name of {len(data)} bytes cannot be signed")
    return bytes([len(data)]) + data


def signature_by(key: VerifierKey, at: int | None, raw: bytes) -> NoteSignature:
    """The line for a signature that was made over `signed_message` with the same key and time."""
    time = b"" if key.algorithm is Algorithm.ED25519 or at is None else at.to_bytes(TIME_SIZE, "big")
    return NoteSignature(key.name, key.key_id, time + raw)


def verify(note_text: bytes, signature: NoteSignature, key: VerifierKey) -> int | None:
    """Check a signature under a known key; the POSIX time that it states, None for plain Ed25519.

    Raises BadSignature. Whether the time is likely is the caller's to judge.
    """
    if (signature.name, signature.key_id) != (key.name, key.key_id):
        raise BadSignature(f"the signature by {signature.name} is not by {key.name} {key.key_id.hex()}")
    timed = key.algorithm is not Algorithm.ED25519
    time, raw = (signature.blob[:TIME_SIZE], signature.blob[TIME_SIZE:]) if timed else (b"", signature.blob)
    at = int.from_bytes(time, "big") if timed else None
    if len(raw) != SIGNATURE_SIZES[key.algorithm] or (at is not None and at > LARGEST):
        raise BadSignature(f"{len(signature.blob)} bytes are no {key.algorithm.name} signature by {key.name}")
    try:
        _public(key).verify(raw, signed_message(note_text, key, at))
    except (InvalidSignature, Malformed, ValueError) as error:
        raise BadSignature(f"{key.name} did not sign this: {error}".rstrip(": ")) from error
    return at


def _public(key: VerifierKey) -> Ed25519PublicKey | MLDSA44PublicKey:
    if key.algorithm is Algorithm.ML_DSA_44:
        return MLDSA44PublicKey.from_public_bytes(key.public)
    return Ed25519PublicKey.from_public_bytes(key.public)


@lru_cache(maxsize=4096)
def line_by(line: bytes, note_text: bytes, key: VerifierKey) -> int | None:
    """The POSIX time that one kept line states, where it is a good signature by this key with a time; None otherwise.

    Asked again and again of the same bytes: what was found is remembered.
    """
    try:
        [signature] = parse_signatures(line)
        return verify(note_text, signature, key)
    except (Malformed, BadSignature, ValueError):
        return None
