"""Keys in files: made once, read back, never overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import Malformed
from evidence.tlog.keys import Algorithm
from evidence.tlog.note import verify
from evidence.tlog.signing import ED25519_FILE, ML_DSA_FILE, KeyPair, SigningKey


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where keys will lie."""
    return tmp_path / "keys"


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_keys_are_made_for_their_owner_only_and_read_back(folder: Path) -> None:
    made = KeyPair.make("log.example", folder)
    assert names(folder) == [ED25519_FILE, ML_DSA_FILE]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert names(folder.parent) == ["keys"]
    assert KeyPair.load("log.example", folder).vkeys() == made.vkeys()


def test_both_keys_sign_under_the_origin(folder: Path) -> None:
    keys = KeyPair.make("log.example", folder)
    checkpoint = Checkpoint("log.example", 3, bytes(32))
    signatures = keys.sign(checkpoint, at=77)
    times = [verify(checkpoint.text(), each, key) for each, key in zip(signatures, keys.vkeys(), strict=True)]
    assert times == [None, 77]
    assert {each.name for each in signatures} == {"log.example"}


def test_keys_sign_for_their_own_log_only(folder: Path) -> None:
    with pytest.raises(Malformed):
        KeyPair.make("log.example", folder).sign(Checkpoint("other.example", 3, bytes(32)), at=77)


def test_keys_that_are_there_are_not_overwritten(folder: Path) -> None:
    before = KeyPair.make("log.example", folder).vkeys()
    with pytest.raises(OSError, match="not empty"):
        KeyPair.make("log.example", folder)
    assert KeyPair.load("log.example", folder).vkeys() == before
    assert names(folder.parent) == ["keys"]


def test_a_key_that_is_missing_or_in_the_other_s_place_is_refused(folder: Path) -> None:
    KeyPair.make("log.example", folder)
    (folder / ML_DSA_FILE).rename(folder / "elsewhere")
    with pytest.raises(FileNotFoundError):
        KeyPair.load("log.example", folder)
    (folder / ML_DSA_FILE).write_bytes((folder / ED25519_FILE).read_bytes())
    with pytest.raises(Malformed):
        KeyPair.load("log.example", folder)


@pytest.mark.parametrize("pem", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    with pytest.raises(Malformed):
        SigningKey.from_pem(pem, "log.example", Algorithm.ED25519)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_key_goes_through_its_file_unchanged(algorithm: Algorithm) -> None:
    key = SigningKey.make("w.example", algorithm)
    assert SigningKey.from_pem(key.pem(), "w.example", algorithm).vkey() == key.vkey()
