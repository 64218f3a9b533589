"""Signing checkpoints: what a log's signer must offer, keys that lie in PEM files, and cosignatures of witnesses."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import Malformed
from evidence.tlog.note import Algorithm, NoteSignature, VerifierKey, signature_by, signed_message

ED25519_FILE = "ed25519.pem"
ML_DSA_FILE = "ml-dsa-44.pem"


class Signer(Protocol):
    """Whoever holds the keys of a log, or asks the device that does."""

    def vkeys(self) -> list[VerifierKey]:
        """The public halves of the keys that sign, each under the log's origin."""
        ...

    def sign(self, checkpoint: Checkpoint, *, at: int) -> list[NoteSignature]:
        """One signature for each key; `at` is POSIX time."""
        ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key in memory, with the name that it signs under and the type of its signatures."""

    name: str
    algorithm: Algorithm
    private: Ed25519PrivateKey | MLDSA44PrivateKey

    @classmethod
    def make(cls, name: str, algorithm: Algorithm) -> SigningKey:
        """A new key from the system's random source."""
        post_quantum = algorithm is Algorithm.ML_DSA_44
        return cls(name, algorithm, MLDSA44PrivateKey.generate() if post_quantum else Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes, name: str, algorithm: Algorithm) -> SigningKey:
        """Read a private key in PKCS#8. Raises Malformed where it is not one for this type of signature."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Malformed(f"the key of {name} cannot be read: {error}") from error
        wanted = MLDSA44PrivateKey if algorithm is Algorithm.ML_DSA_44 else Ed25519PrivateKey
        if not isinstance(private, wanted):
            raise Malformed(f"the key of {name} is not one for {algorithm.name}")
        return cls(name, algorithm, private)

    def pem(self) -> bytes:
        """The private key in PKCS#8, unencrypted."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def vkey(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.algorithm, self.private.public_key().public_bytes_raw())


def cosign(checkpoint: Checkpoint, key: SigningKey, at: int) -> NoteSignature:
    """Sign a checkpoint with one key; `at` is POSIX time, and does not show in plain Ed25519. Raises Malformed."""
    public = key.vkey()
    return signature_by(public, at, key.private.sign(signed_message(checkpoint.text(), public, at)))


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The two keys of a log that lie in files: Ed25519, and ML-DSA-44 beside it."""

    ed25519: SigningKey
    ml_dsa: SigningKey

    @classmethod
    def make(cls, origin: str, folder: Path) -> KeyPair:
        """New keys, kept in a folder that does not exist yet or is empty. Raises OSError where it is not."""
        pair = cls(SigningKey.make(origin, Algorithm.ED25519), SigningKey.make(origin, Algorithm.ML_DSA_44))
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Both keys or none: half a pair would sign nothing, and nobody would know which half to believe.
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            made = Path(beside) / "keys"
            made.mkdir(mode=0o700)
            _write(made / ED25519_FILE, pair.ed25519.pem())
            _write(made / ML_DSA_FILE, pair.ml_dsa.pem())
            made.rename(folder)
        return pair

    @classmethod
    def load(cls, origin: str, folder: Path) -> KeyPair:
        """The keys in a folder. Raises FileNotFoundError or Malformed."""
        return cls(
            SigningKey.from_pem((folder / ED25519_FILE).read_bytes(), origin, Algorithm.ED25519),
            SigningKey.from_pem((folder / ML_DSA_FILE).read_bytes(), origin, Algorithm.ML_DSA_44),
        )

    def vkeys(self) -> list[VerifierKey]:
        """The public halves."""
        return [self.ed25519.vkey(), self.ml_dsa.vkey()]

    def sign(self, checkpoint: Checkpoint, *, at: int) -> list[NoteSignature]:
        """Sign with both keys. Raises Malformed for a checkpoint of another log."""
        if checkpoint.origin != self.ed25519.name:
            raise Malformed(f"the keys of {self.ed25519.name} do not sign for {checkpoint.origin[:120]}")
        return [cosign(checkpoint, self.ed25519, at), cosign(checkpoint, self.ml_dsa, at)]


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
