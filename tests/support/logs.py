"""A log that grows in memory, for whoever must be shown checkpoints: witnesses, signers, clients of witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.keys import Algorithm
from evidence.tlog.merkle import consistency_proof, root_of
from evidence.tlog.note import Note
from evidence.tlog.signing import SigningKey, cosign
from evidence.tlog.strict import base64_of

ORIGIN = "custody.example.test/log"
LEAVES = tuple(sha256(number.to_bytes(2, "big")).digest() for number in range(300))
# The same to the eighth leaf, and from there on another history.
FORKED = (*LEAVES[:8], *reversed(LEAVES))


class SmallLog:
    """A log with an Ed25519 and an ML-DSA-44 key."""

    def __init__(self, origin: str = ORIGIN) -> None:
        self.origin = origin
        self.keys = [SigningKey.make(origin, algorithm) for algorithm in (Algorithm.ED25519, Algorithm.ML_DSA_44)]

    def vkeys(self) -> list[str]:
        """Its public keys as text."""
        return [key.vkey().text() for key in self.keys]

    def checkpoint(self, size: int, leaves: Sequence[bytes] = LEAVES) -> Checkpoint:
        """The log at this size."""
        return Checkpoint(self.origin, size, root_of(leaves[:size]))

    def note(self, size: int, leaves: Sequence[bytes] = LEAVES) -> Note:
        """That checkpoint, signed."""
        checkpoint = self.checkpoint(size, leaves)
        return Note(checkpoint.text(), tuple(cosign(checkpoint, key, 1000) for key in self.keys))

    def submission(self, old: int, size: int, leaves: Sequence[bytes] = LEAVES) -> bytes:
        """A request to a witness that should know the log at `old`."""
        proof = prove(min(old, size), size, leaves)
        return submission(old, proof, self.note(size, leaves).encode())


def prove(old: int, new: int, leaves: Sequence[bytes] = LEAVES) -> list[bytes]:
    """That the log only grew."""
    return consistency_proof(old, new, lambda start, end: root_of(leaves[start:end]))


def submission(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """A request as it travels."""
    lines = [f"old {old}", *map(base64_of, proof), "", ""]
    return "\n".join(lines).encode() + note
