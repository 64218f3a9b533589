"""An installation of an older version gets what it lacks from the same one-shot job, and keeps all that it has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.embedded.identities import Identity
from evidence.settings import EvidenceSettings
from evidence.tlog.signing import KeyPair
from tests.house import tree

CUSTODY = ("CONTINUITY_S3_CUSTODY_KEY", "CONTINUITY_S3_CUSTODY_SECRET")


def run(root: Path) -> str:
    """What the job `secrets` does and says."""
    words = [sys.executable, "ops/compose/make_secrets.py", str(root)]
    env = {**os.environ, "PYTHONPATH": str(tree.ROOT)}
    return subprocess.run(words, cwd=tree.ROOT, env=env, check=True, capture_output=True, text=True, timeout=60).stdout


def all_of(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Secrets as the version before the custody log made them."""
    run(tmp_path)
    listed = tmp_path / "store" / "s3.json"
    said = json.loads(listed.read_text("utf-8"))
    said["identities"] = [each for each in said["identities"] if each["name"] != "custody"]
    listed.unlink()
    listed.write_text(json.dumps(said))
    for folder in ("proof", "product"):
        for name in CUSTODY:
            (tmp_path / folder / name).unlink()
    shutil.rmtree(tmp_path / "log")
    return tmp_path


def test_what_an_older_installation_lacks_is_added_and_nothing_else_changes(older: Path) -> None:
    before = all_of(older)
    assert "the store's identity custody, the keys of the custody log" in run(older)
    after = all_of(older)
    assert {name: after[name] for name in before if name != "store/s3.json"} == {
        name: data for name, data in before.items() if name != "store/s3.json"
    }
    was = {each["name"]: each for each in json.loads(before["store/s3.json"])["identities"]}
    now = {each["name"]: each for each in json.loads(after["store/s3.json"])["identities"]}
    assert set(now) == set(Identity)
    assert {name: now[name]["credentials"] for name in was} == {name: each["credentials"] for name, each in was.items()}
    for folder in ("proof", "product"):
        given = [(older / folder / name).read_text("utf-8") for name in CUSTODY]
        assert given == list(now["custody"]["credentials"][0].values())
    assert KeyPair.load(EvidenceSettings.model_fields["log_origin"].default, older / "log" / "keys" / "1")


def test_a_second_run_changes_nothing(older: Path) -> None:
    run(older)
    before = all_of(older)
    assert "nothing is changed" in run(older)
    assert all_of(older) == before


def test_lost_keys_of_a_log_are_not_made_anew(older: Path) -> None:
    run(older)
    shutil.rmtree(older / "log" / "keys")
    (older / "log" / "memory").write_text("what was signed last")
    assert "nothing is changed" in run(older)
    assert not (older / "log" / "keys").exists()
