"""The keys that a witness signs with: PEM files of Ed25519 or ML-DSA-44, readable by their owner only."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from evidence.tlog.errors import Malformed, TlogError
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.signing import SigningKey

FILES = {"ed25519.pem": Algorithm.COSIGNATURE, "ml-dsa-44.pem": Algorithm.ML_DSA_44}


def load_key(path: Path, name: str) -> SigningKey:
    """A key from its file, of whichever kind it is. Raises OSError, or Malformed where it is none or open to others."""
    pem = path.read_bytes()
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Malformed(f"the key {path} is open to others: chmod 600 it")
    reasons = []
    for algorithm in FILES.values():
        try:
            return SigningKey.from_pem(pem, name, algorithm)
        except Malformed as error:
            reasons.append(str(error))
    raise Malformed(f"{path}: {reasons[0]}")


class KeyThere(TlogError):
    """A witness has one pair of keys for ever; nothing is written over."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there is a key already: {path}. Nothing is written over, because logs name a witness by its keys."
            " To make another witness, name another folder and another --name; to put new keys in"
            " the place of these, move these away first, and give their new public halves to every log"
        )
        self.path = path


def make_keys(folder: Path, name: str) -> list[SigningKey]:
    """Two new keys in files of a folder. Raises KeyThere rather than write over one, Malformed for the name."""
    if there := [folder / file for file in FILES if (folder / file).exists()]:
        raise KeyThere(there[0])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = [(folder / file, SigningKey.make(name, algorithm)) for file, algorithm in FILES.items()]
    for _, key in made:
        key.vkey()
    for path, key in made:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.pem())
            file.flush()
            os.fsync(file.fileno())
    return [key for _, key in made]


def read_logs(said: Sequence[str]) -> list[VerifierKey]:
    """The logs to witness: verifier keys, or files that hold one a line. Raises OSError or Malformed."""
    found = []
    for each in said:
        lines = [each] if "+" in each else Path(each).read_text("utf-8").splitlines()
        words = [line.removeprefix("log ").strip() for line in lines]
        found += [VerifierKey.parse(word) for word in words if word and not word.startswith("#")]
    for key in found:
        if key.algorithm is Algorithm.COSIGNATURE:
            raise Malformed(f"{key.name}: that is the key of a witness, not of a log")
    return found
