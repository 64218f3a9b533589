"""What the tests of the log's forms share: public vectors, a log with keys, and a witness or two."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.note import Algorithm, Note
from evidence.tlog.signing import KeyPair, SigningKey, cosign

ORIGIN = "custody.example.test/log"


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], Any]:
    """Read one of the public vectors, where they are there."""
    beside = Path(__file__).resolve().parents[5] / "shared"
    folder = Path(os.environ.get("CONTINUITY_SHARED", beside)) / "vectors"
    if not folder.is_dir():
        pytest.skip("no shared vectors here (CONTINUITY_SHARED)")
    return lambda name: json.loads((folder / name).read_bytes())


@pytest.fixture(scope="session")
def log_keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    """The two keys of a log."""
    return KeyPair.make(ORIGIN, tmp_path_factory.mktemp("log") / "keys")


@pytest.fixture(scope="session")
def witnesses() -> list[SigningKey]:
    """Three witnesses: two that sign with Ed25519, one with ML-DSA-44."""
    kinds = (Algorithm.COSIGNATURE, Algorithm.COSIGNATURE, Algorithm.ML_DSA_44)
    return [SigningKey.make(f"witness.example.test/w{number}", kind) for number, kind in enumerate(kinds, start=1)]


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """What the log says of itself."""
    return Checkpoint(ORIGIN, 70_000, bytes(range(32)))


@pytest.fixture(scope="session")
def note(log_keys: KeyPair, witnesses: list[SigningKey], checkpoint: Checkpoint) -> Note:
    """That checkpoint, signed by the log at 1000 and cosigned by witnesses at 1001, 1002, 1003."""
    signed = Note(checkpoint.text(), tuple(log_keys.sign(checkpoint, at=1000)))
    return signed.signed_also(cosign(checkpoint, key, at) for at, key in enumerate(witnesses, start=1001))


@pytest.fixture(scope="session")
def policy_lines(log_keys: KeyPair, witnesses: list[SigningKey]) -> list[str]:
    """The lines of a policy that lists them all as W1, W2, W3; groups and quorum are left to the test."""
    logs = [f"log {key.text()}" for key in log_keys.vkeys()]
    return logs + [f"witness W{number} {key.vkey().text()}" for number, key in enumerate(witnesses, start=1)]
