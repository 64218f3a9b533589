"""The witness runs on the standard library, evidence.tlog and cryptography: another organisation can install that."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.tlog.errors import Malformed
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.witness.__main__ import main
from evidence.witness.keys import load_key, make_keys, read_logs
from tests.support.logs import SmallLog

ALLOWED = ("evidence.errors", "evidence.clock", "evidence.tlog", "evidence.witness")
LOADED = """
import json, sys
before = set(sys.modules)
import evidence.witness.__main__
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_it_loads_nothing_of_the_product_but_the_log_s_own_forms() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", LOADED], capture_output=True, check=False, timeout=60)
    if done.returncode:  # not installed: from the repository
        root = Path(__file__).resolve().parents[4]
        said = [sys.executable, "-c", LOADED]
        done = subprocess.run(said, capture_output=True, check=True, timeout=60, cwd=root, env=dict(os.environ))
    loaded = json.loads(done.stdout)
    ours = {name for name in loaded if name.split(".")[0] in {"evidence", "api", "ingest", "transcode", "retention"}}
    assert {name for name in ours if name != "evidence" and not name.startswith(ALLOWED)} == set()
    foreign = {name.split(".")[0].lstrip("_") for name in loaded} - sys.stdlib_module_names - {"evidence"}
    known = {name.lstrip("_") for name in sys.stdlib_module_names} | {"cryptography", "cffi", "cffi_backend", "openssl"}
    assert foreign - known == set()


def test_keys_are_made_once_and_for_their_owner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name", "witness.example.test/w1", "--make-keys", str(tmp_path / "keys")]) == 0
    printed = [VerifierKey.parse(line) for line in capsys.readouterr().out.splitlines()]
    assert [key.algorithm for key in printed] == [Algorithm.COSIGNATURE, Algorithm.ML_DSA_44]
    for file, key in zip(("ed25519.pem", "ml-dsa-44.pem"), printed, strict=True):
        path = tmp_path / "keys" / file
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert load_key(path, "witness.example.test/w1").vkey() == key
    assert main(["--name", "witness.example.test/w1", "--make-keys", str(tmp_path / "keys")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"there is a key already: {tmp_path / 'keys' / 'ed25519.pem'}. Nothing is written over")
    assert "name another folder" in said
    (tmp_path / "keys" / "ed25519.pem").chmod(0o644)
    with pytest.raises(Malformed, match="open to others"):
        load_key(tmp_path / "keys" / "ed25519.pem", "witness.example.test/w1")


def test_a_name_that_cannot_be_one_leaves_no_keys(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        make_keys(tmp_path / "keys", "two words")
    assert list((tmp_path / "keys").iterdir()) == []


def test_logs_are_read_from_the_line_and_from_files(tmp_path: Path) -> None:
    one, two = SmallLog().vkeys()
    (tmp_path / "logs").write_text(f"# our neighbour\nlog {two}\n\n{one}\n")
    assert [key.text() for key in read_logs([one])] == [one]
    assert [key.text() for key in read_logs([str(tmp_path / "logs")])] == [two, one]
    witness = make_keys(tmp_path / "keys", "witness.example.test/w1")[0].vkey().text()
    for wrong in (witness, one[:-8] + "AAAA" + one[-4:], "nonsense+1+2"):
        with pytest.raises(Malformed):
            read_logs([wrong])


def test_what_cannot_be_used_is_said_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = ["--name", "witness.example.test/w1"]
    assert main(name) == 2
    assert main([*name, "--key", str(tmp_path / "none"), "--log", "x+y+z", "--state", str(tmp_path)]) == 2
    assert "none" in capsys.readouterr().err
