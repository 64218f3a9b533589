"""A log of C2SP's kind in a list: trees, keys, notes and leaves for the packages that tests make.

Written from docs/package-format.md, RFC 6962 and the C2SP texts, and sharing nothing with the product.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

ORIGIN = "custody.test-force.example/2026"
SIGNED_AT = 1_793_611_800  # POSIX time: 2026-11-02 09:30 UTC


# --- RFC 6962, section 2.1, word for word -----------------------------------------------------------------------------


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH(D[n]), over the leaves' hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def path_of(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if m < k:
        return [*path_of(m, leaves[:k]), tree_hash(leaves[k:])]
    return [*path_of(m - k, leaves[k:]), tree_hash(leaves[:k])]


def proof_of(m: int, leaves: list[bytes], *, complete: bool = True) -> list[bytes]:
    """PROOF(m, D[n])."""
    if m == len(leaves):
        return [] if complete else [tree_hash(leaves)]
    k = _split(len(leaves))
    if m <= k:
        return [*proof_of(m, leaves[:k], complete=complete), tree_hash(leaves[k:])]
    return [*proof_of(m - k, leaves[k:], complete=False), tree_hash(leaves[:k])]


def _split(n: int) -> int:
    return 1 << (n - 1).bit_length() - 1


# --- small forms ------------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """RFC 8785 for values of the format's profile."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def made_up(what: str, size: int = 32) -> bytes:
    """Bytes that look random and are the same for the same words."""
    return hashlib.shake_256(what.encode()).digest(size)


def uuid(what: str) -> str:
    """A UUIDv7 that is the same for the same words."""
    text = made_up(what, 16).hex()
    return f"{text[:8]}-{text[8:12]}-7{text[13:16]}-8{text[17:20]}-{text[20:]}"


def b64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


class Signer:
    """A key that signs checkpoints; kinds 1, 4 and 6 of `signed-note`."""

    def __init__(self, name: str, kind: int, *, owner: str = "") -> None:
        self.name, self.kind = name, kind
        seed = made_up(f"key {owner or name} {kind}")
        self.key = MLDSA44PrivateKey.from_seed_bytes(seed) if kind == 6 else Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.key.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key."""
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    def line(self, size: int, root: bytes, at: int) -> str:
        """Its signature line under a checkpoint of our log."""
        text, when = checkpoint_text(size, root), at.to_bytes(8, "big")
        if self.kind == 1:
            return self._line(self.key.sign(text))
        if self.kind == 4:
            return self._line(when + self.key.sign(b"cosignature/v1\ntime %d\n" % at + text))
        names = [bytes([len(each)]) + each.encode() for each in (self.name, ORIGIN)]
        message = b"subtree/v1\n\x00" + names[0] + when + names[1] + struct.pack(">QQ", 0, size) + root
        return self._line(when + self.key.sign(message))

    def _line(self, signature: bytes) -> str:
        return f"\u2014 {self.name} {b64(self.key_id + signature)}\n"


def checkpoint_text(size: int, root: bytes) -> bytes:
    """The three lines."""
    return f"{ORIGIN}\n{size}\n{b64(root)}\n".encode()


# --- the log ----------------------------------------------------------------------------------------------------------


@dataclass
class Log:
    """All events of a log, the shown ones and the others; a checkpoint after every fourth."""

    leaves: list[bytes] = field(default_factory=list)
    heads: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)  # subject: n, seq, leaf hash
    revealed: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    @property
    def hashes(self) -> list[bytes]:
        """The leaves' hashes."""
        return [leaf_hash(each) for each in self.leaves]

    def root(self, size: int) -> bytes:
        """The root at a size."""
        return tree_hash(self.hashes[:size])

    def add(self, kind: str, subject: str, *, s62: str = "none", personal: str = "", **said: Any) -> int:
        """Append one event; `personal` is sealed and revealed under the field `note`. Gives its number."""
        seq = len(self.leaves)
        n, _, prev = self.heads.get(subject, (0, 0, bytes(32)))
        event_id, seen = uuid(f"event {seq}"), seq // 4 * 4
        leaf = {
            "v": 1, "log": ORIGIN, "id": event_id, "type": kind, "subj": subject, "n": n + 1, "prev": prev.hex(),
            "at": f"2026-11-02T09:{seq // 60 % 60:02}:{seq % 60:02}.000000Z",
            "seen": {"size": seen, "root": self.root(seen).hex()}, "s62": s62,
            "actor": {"kind": "person", "ref": uuid("officer")}, "auth": {"method": "session"},
            "obj": said.get("obj", []), "facts": said.get("facts", {}), "sealed": {},
        }  # fmt: skip
        if personal:
            salt = made_up(f"salt {seq}")
            message = b"continuity-sealed-v1\x00note\x00" + canonical(personal)
            leaf["sealed"] = {"note": hmac.digest(salt, message, "sha256").hex()}
            self.revealed[event_id] = {"note": {"salt": salt.hex(), "value": personal}}
        self.leaves.append(canonical(leaf))
        self.heads[subject] = (n + 1, seq, leaf_hash(self.leaves[-1]))
        return seq


def headmap_of(log: Log, key: bytes) -> dict[str, bytes]:
    """Subject and entry of each subject, in the order of the entries."""
    entries = {
        subject: hmac.digest(key, bytes.fromhex(subject.replace("-", "")), "sha256") + struct.pack(">QQ", n, seq) + tip
        for subject, (n, seq, tip) in log.heads.items()
    }
    return dict(sorted(entries.items(), key=lambda each: each[1]))


def note_of(size: int, root: bytes, keys: Iterable[Signer]) -> bytes:
    """A checkpoint with the signatures of these keys."""
    lines = "".join(each.line(size, root, SIGNED_AT) for each in keys)
    return checkpoint_text(size, root) + b"\n" + lines.encode()


def proof_text(index: int, hashes: list[bytes], note: bytes) -> bytes:
    """A tlog-proof."""
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(b64, hashes), "", ""]
    return "\n".join(lines).encode() + note


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """A digest in hex."""
    return hashlib.new(algorithm, data).hexdigest()
