"""Is this receipt in the custody log? Pure: RFC 6962 inclusion, a C2SP checkpoint, a key that the server vouches for.

A receipt is a promise. Its proof shows that the promise stands in the log that others watch, where nobody can take
it back unseen; no source is let go before there is one (docs/package-format.md, sections 1 and 2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingest.agent.digests import leaf_of, node_of
from ingest.agent.errors import ReceiptRefused

FIRST_LINE = b"c2sp.org/tlog-proof@v1"
ED25519 = 0x01
LONGEST = 64 << 10  # bytes of a proof: 64 hashes and a checkpoint with many signatures
DASH = "— ".encode()


class KeyUnknown(ReceiptRefused):
    """A checkpoint is signed by the log, with keys that this agent has not been given; their ids are named."""

    def __init__(self, ids: frozenset[bytes]) -> None:
        super().__init__("The checkpoint is not signed with a key of the log that this agent knows.")
        self.ids = ids


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The custody log's name, and its Ed25519 keys by their ids of four bytes."""

    origin: str
    keys: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class LogProof:
    """As it came: the event's leaf, and the proof in the form of tlog-proof. Believed only after `check`."""

    leaf: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class _Read:
    index: int
    hashes: Sequence[bytes]
    checkpoint: bytes
    signatures: Sequence[bytes]


def log_keys_in(statement: bytes) -> LogKeys:
    """The keys in a statement whose signature has been checked. Raises ReceiptRefused."""
    said = _json(statement)
    if said.get("v") != 1 or said.get("kind") != "log-keys" or not isinstance(said.get("origin"), str):
        raise ReceiptRefused("What the server sent are not the keys of a log.")
    keys = dict(_key(text, said["origin"]) for text in said.get("keys", []) if isinstance(text, str))
    return LogKeys(said["origin"], keys)


def check(proof: LogProof, body: bytes, log: LogKeys) -> None:
    """The receipt with this body is in the log. Raises ReceiptRefused with what is wrong, KeyUnknown among it."""
    leaf = _json(proof.leaf)
    _check_leaf(leaf, body, log.origin)
    read = _read(proof.text)
    origin, size, root = _checkpoint(read.checkpoint)
    if origin != log.origin:
        raise ReceiptRefused("The proof is from another log.")
    _check_signature(read, log)
    if not 0 <= read.index < size or _root(leaf_of(proof.leaf), read.index, size, read.hashes) != root:
        raise ReceiptRefused("The proof does not lead from the receipt to the log's checkpoint.")


def _check_leaf(leaf: Mapping[str, Any], body: bytes, origin: str) -> None:
    digest = hashlib.sha256(body).hexdigest()
    objects = leaf.get("obj")
    speaks = isinstance(objects, list) and any(
        isinstance(each, dict) and (each.get("role"), each.get("sha256")) == ("receipt", digest) for each in objects
    )
    if (leaf.get("log"), leaf.get("type")) != (origin, "receipt.issued") or not speaks:
        raise ReceiptRefused("The log's event is not about this receipt.")


def _read(text: bytes) -> _Read:
    if len(text) > LONGEST:
        raise ReceiptRefused("The proof is longer than any proof is.")
    head, _, note = text.partition(b"\n\n")
    lines = [line for line in head.split(b"\n") if not line.startswith(b"extra ")]
    body, gap, signatures = note.partition(b"\n\n")
    if len(lines) < 2 or lines[0] != FIRST_LINE or not lines[1].startswith(b"index ") or not gap:
        raise ReceiptRefused("The proof cannot be read.")
    signed = [line for line in signatures.split(b"\n") if line.startswith(DASH)]
    return _Read(_number(lines[1][6:]), [_hash(line) for line in lines[2:]], body + b"\n", signed)


def _checkpoint(text: bytes) -> tuple[str, int, bytes]:
    lines = text.split(b"\n")
    if len(lines) != 4:
        raise ReceiptRefused("The checkpoint cannot be read.")
    return lines[0].decode("utf-8", "replace"), _number(lines[1]), _hash(lines[2])


def _check_signature(read: _Read, log: LogKeys) -> None:
    """Ed25519, over the note's text, by a key of the log; lines by others are passed over."""
    unknown = set()
    for line in read.signatures:
        name, _, coded = line[len(DASH) :].partition(b" ")
        signature = _octets(coded)
        public = log.keys.get(signature[:4])
        if name.decode("utf-8", "replace") != log.origin:
            continue
        if public is None:
            unknown.add(signature[:4])
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], read.checkpoint)
        except (InvalidSignature, ValueError) as error:
            raise ReceiptRefused("The checkpoint's signature is not the log's.") from error
        return
    raise KeyUnknown(frozenset(unknown))


def _root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to (RFC 9162, 2.1.3.2); nothing where its length is wrong."""
    at, last, node = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = node_of(step, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_of(node, step)
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


def _key(text: str, origin: str) -> tuple[bytes, bytes]:
    """A verifier key: name+id+base64 of type and key. Its id is worked out again."""
    name, _, rest = text.partition("+")
    octets = _octets(rest.partition("+")[2].encode())
    if name != origin or len(octets) != 33 or octets[0] != ED25519:
        raise ReceiptRefused("A key of the log is not one that this agent can use.")
    return hashlib.sha256(name.encode() + b"\n" + octets).digest()[:4], octets[1:]


def _json(octets: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise ReceiptRefused("What the server sent cannot be read.") from error
    if not isinstance(found, dict):
        raise ReceiptRefused("What the server sent cannot be read.")
    return found


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18 or (text[:1] == b"0" and text != b"0"):
        raise ReceiptRefused("A number in the proof cannot be read.")
    return int(text)


def _hash(text: bytes) -> bytes:
    if len(octets := _octets(text)) != 32:
        raise ReceiptRefused("A hash in the proof is not one.")
    return octets


def _octets(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReceiptRefused("The proof cannot be read.") from error
