"""`continuity verify`, `package` and `report` as people start them: real processes, exit codes, sentences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import SecretStr

from evidence.sequencing.numbering import halt
from evidence.settings import EvidenceSettings
from tests.integration.evidence.package.conftest import Scene


def environment(settings: EvidenceSettings) -> dict[str, str]:
    """The settings of a house, as a process finds them."""
    told = {"PATH": os.environ["PATH"], "COLUMNS": "200"}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(plain, str | int | float) and plain != "":
            told[f"CONTINUITY_{name.upper()}"] = str(plain)
    return told


def continuity(scene: Scene, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "api", *map(str, words)],
        env=environment(scene.world.settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_from_the_command_line_to_a_verdict(scene: Scene, tmp_path: Path) -> None:
    recording, out, policy = scene.recording(), tmp_path / "package.zip", tmp_path / "policy"
    policy.write_bytes(scene.policy())
    made = continuity(scene, "package", "R0000001", "--out", out, "--json")
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert said["exhibits"] == [{"reference": "R0000001", "recording": str(recording)}]

    found = continuity(scene, "verify", out, "--policy", policy, "--json")
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["contradicted"] == 0
    assert {each["claim"] for each in told["claims"] if each["verdict"] == "proved"} >= {"checkpoint", "complete"}

    again = continuity(scene, "package", "R0000001", "--out", out)
    assert again.returncode == 1
    assert "is there already" in again.stderr

    spoilt = bytearray(out.read_bytes())
    place = spoilt.index(b"the master's own bytes")
    spoilt[place] ^= 1
    out.write_bytes(spoilt)
    lie = continuity(scene, "verify", out, "--policy", policy)
    assert lie.returncode == 1
    assert "CONTRADICTED" in lie.stdout
    for name in ("report.pdf", "READ-ME-FIRST.txt", "by-hand.txt", "case.jsonld", "verify.py", "verify.html"):
        assert name in lie.stdout
    assert "held by the manifests alone, which anyone can write anew" in lie.stdout


def test_what_is_no_package_is_said_with_exit_code_2(scene: Scene, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_bytes(b"what\n")
    for words in (
        ("verify", tmp_path / "nothing"),
        ("verify", tmp_path),
        ("verify", tmp_path, "--policy", policy),
        ("verify", tmp_path, "--policy", tmp_path / "none"),
        ("verify", tmp_path / "x", "--recording", "R0000001"),
        ("verify", "--policy", policy),
    ):
        done = continuity(scene, *words)
        assert (done.returncode, done.stdout) == (2, ""), (words, done.stderr)
        assert "Traceback" not in done.stderr
        assert done.stderr.strip()


def test_the_live_log_and_one_recording(scene: Scene) -> None:
    scene.recording()
    live = continuity(scene, "verify", "--json")
    assert live.returncode == 0, live.stdout + live.stderr
    assert json.loads(live.stdout)["contradicted"] == 0
    one = continuity(scene, "verify", "--recording", "R0000001")
    assert one.returncode == 0, one.stdout + one.stderr
    none = continuity(scene, "verify", "--recording", "R0000009")
    assert none.returncode == 1
    assert "R0000009 was not found" in none.stderr


def test_a_report_is_written_whole_and_over_nothing(scene: Scene, tmp_path: Path) -> None:
    scene.recording()
    out = tmp_path / "report.pdf"
    done = continuity(scene, "report", "R0000001", "--out", out)
    assert done.returncode == 0, done.stderr
    written = out.read_bytes()
    assert written.startswith(b"%PDF-")
    again = continuity(scene, "report", "R0000001", "--out", out)
    assert again.returncode == 1
    assert out.read_bytes() == written


def test_a_report_names_a_halt_at_once(unkept: Scene, tmp_path: Path) -> None:
    unkept.recording()
    with unkept.world.house.writing() as session:
        halt(session, "two histories")
    done = continuity(unkept, "report", "R0000001", "--out", tmp_path / "report.pdf")
    assert done.returncode == 0, done.stderr
    assert "The custody log is halted, and nobody numbers events: two histories." in done.stderr
    assert "The report names what is not proved" in done.stderr
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_place_in_a_folder_that_is_not_there_is_refused_with_the_folders_name(scene: Scene, tmp_path: Path) -> None:
    scene.recording()
    nowhere = tmp_path / "nowhere" / "deep"
    for words in (
        ("report", "R0000001", "--out", nowhere / "report.pdf"),
        ("package", "R0000001", "--out", nowhere / "package.zip"),
        ("package", "R0000001", "--out", nowhere / "package"),
        ("custody", "export", "--out", nowhere / "log"),
    ):
        done = continuity(scene, *words)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert f"there is no folder {nowhere} to write {Path(words[-1]).name} into: make it first" in done.stderr
        assert "unfinished" not in done.stderr
    assert not nowhere.parent.exists()


def test_what_is_no_name_of_a_recording_is_said_so(scene: Scene, tmp_path: Path) -> None:
    scene.recording()
    for name in ("", " ", "Rx", "the one with the door", "0190-nonsense"):
        done = continuity(scene, "verify", "--recording", name)
        assert done.returncode == 1, done.stdout
        assert (
            f"recording {name!r}, which is neither a reference such as R0000123 nor an id, was not found" in done.stderr
        )
    done = continuity(scene, "report", "", "--out", tmp_path / "report.pdf")
    assert "recording '', which is neither" in done.stderr
