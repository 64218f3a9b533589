"""`continuity custody keys …` and `continuity custody witness key`, as somebody types them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from evidence.bootstrap import House, open_house
from evidence.outside.keys import LogKeys
from evidence.outside.remembering import MEMORY, recall, remember
from evidence.settings import EvidenceSettings
from evidence.store import StoreSettings
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.note import Note
from tests.support.house import settings_of

ORIGIN = "custody.demonstration.example/main"
Type = Callable[..., str]


@pytest.fixture
def keys_folder(tmp_path: Path) -> Path:
    """Where the keys are to be."""
    return tmp_path / "log-keys"


@pytest.fixture
def run(
    database_url: str, store_settings: StoreSettings, keys_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Type]:
    """Type a command; its standard output. Fails where the exit code is another than expected."""
    given = settings_of(database_url, store_settings).model_dump(mode="json", exclude_unset=True)
    for name, value in given.items():
        monkeypatch.setenv(f"CONTINUITY_{name.upper()}", str(value))
    for name in ("ingest", "reader", "renditions", "custody"):
        monkeypatch.setenv(f"CONTINUITY_S3_{name.upper()}_SECRET", getattr(store_settings, name).secret_key)
    monkeypatch.setenv("CONTINUITY_DATABASE_URL", database_url)
    monkeypatch.setenv("CONTINUITY_LOG_KEYS_DIR", str(keys_folder))

    opened: list[House] = []

    def opening(settings: EvidenceSettings, *, pool_size: int) -> House:
        """A command's process ends and gives its connections back; here the test does it."""
        opened.append(open_house(settings, pool_size=pool_size))
        return opened[-1]

    monkeypatch.setattr("api.standing.open_house", opening)

    def typed(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["custody", *words])
        assert (1 if result.exception and result.exit_code == 1 else result.exit_code) == code, result.output
        return result.stdout

    yield typed
    for each in opened:
        each.sessions.engine.dispose()


def test_keys_are_made_shown_rotated_and_revoked(run: Type, keys_folder: Path) -> None:
    made = [VerifierKey.parse(line) for line in run("keys", "make").splitlines()]
    assert [(key.name, key.algorithm) for key in made] == [(ORIGIN, Algorithm.ED25519), (ORIGIN, Algorithm.ML_DSA_44)]
    run("keys", "make", code=1)
    assert run("keys", "show") == ""
    rotated = [json.loads(line)["vkey"] for line in run("keys", "rotate", "--json").splitlines()]
    shown = [json.loads(line) for line in run("keys", "show", "--json").splitlines()]
    assert {row["vkey"] for row in shown} == {*rotated, *(key.text() for key in made)}
    assert {row["state"] for row in shown} == {"in_force"}
    assert len(LogKeys(keys_folder).vkeys()) == 4
    old = made[0].key_id.hex()
    run("keys", "revoke", "00000000", "--because", "?", code=1)
    run("keys", "revoke", old, "--because", "the disk was stolen")
    lines = [line for line in run("keys", "show").splitlines() if "revoked" in line]
    assert len(lines) == 2
    assert any(line.startswith(old) for line in lines)
    run("keys", "revoke", VerifierKey.parse(rotated[0]).key_id.hex(), "--because", "?", code=1)


def test_a_signer_s_memory_is_given_back_out_of_a_checkpoint_of_its_own(
    run: Type, keys_folder: Path, tmp_path: Path
) -> None:
    run("keys", "make")
    keys, checkpoint = LogKeys(keys_folder), Checkpoint(ORIGIN, 9, bytes(range(32)))
    note = tmp_path / "checkpoint"
    note.write_bytes(Note(checkpoint.text(), tuple(keys.sign(checkpoint, at=1000))).encode())
    (keys_folder / MEMORY).unlink()
    run("keys", "remember", str(note))
    assert recall(keys_folder / MEMORY) == checkpoint
    remember(keys_folder / MEMORY, Checkpoint(ORIGIN, 10, bytes(32)))
    run("keys", "remember", str(note), code=1)
    note.write_bytes(note.read_bytes().replace(b"\n9\n", b"\n11\n"))
    run("keys", "remember", str(note), code=1)
    assert recall(keys_folder / MEMORY).size == 10


def test_a_witness_gets_its_keys(run: Type, tmp_path: Path) -> None:
    name = ("--name", "witness.example.test/w1", "--folder", str(tmp_path / "keys"))
    run("witness", "key", *name)
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {"ed25519.pem", "ml-dsa-44.pem"}
    before = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    run("witness", "key", *name, code=2)
    (tmp_path / "keys" / "ed25519.pem").rename(tmp_path / "away")
    run("witness", "key", *name, code=2)
    assert not (tmp_path / "keys" / "ed25519.pem").exists(), "half a pair is not completed"
    (tmp_path / "away").rename(tmp_path / "keys" / "ed25519.pem")
    assert {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before
    serve = ("witness", "serve", "--name", "w", "--key", str(tmp_path / "none"), "--log", "a+b+c")
    run(*serve, "--state", str(tmp_path / "state"), code=2)
