"""The agent's command line: exit codes, and words a person can act on."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from evidence.custody.events import Actor
from evidence.vocabulary import AgentKind
from ingest.agent import identity, logs
from ingest.agent.__main__ import main
from ingest.agent.errors import IdentityUnsafe
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import SessionRow
from ingest.agent.sighting import Identity, Sighting
from ingest.enrolment import offer_enrolment
from tests.integration.ingest.agent.bench import Bench, FrontDesk


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CONTINUITY_* of the machine that runs the tests."""
    for name in list(os.environ):
        if name.startswith("CONTINUITY_"):
            monkeypatch.delenv(name)


def code_for(desk: FrontDesk) -> str:
    with desk.world.house.writing() as session:
        return offer_enrolment(session, kind=AgentKind.DOCK, label="Dock", hours=1, by=Actor.system("test"))


def test_enrolling_keeps_the_key_to_itself(desk: FrontDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--state", str(tmp_path / "a"), "enrol", "--server", desk.address, "--name", "Dock 9", "--code"]
    code = code_for(desk)
    assert main([*words, code]) == 0
    assert "Enrolled as Dock 9" in capsys.readouterr().out
    key = tmp_path / "a" / identity.KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert main([*words, code]) == 1
    assert "code" in capsys.readouterr().err
    assert identity.load(tmp_path / "a").name == "Dock 9"


def test_a_key_that_others_can_read_is_refused(bench: Bench) -> None:
    key = bench.settings.state / identity.KEY_FILE
    key.chmod(0o640)
    with pytest.raises(IdentityUnsafe, match="chmod 600"):
        identity.load(bench.settings.state)
    key.chmod(0o600)
    key.write_bytes(b"no key")
    with pytest.raises(IdentityUnsafe, match="damaged"):
        identity.load(bench.settings.state)


def test_settings_that_make_no_sense_end_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTINUITY_AGENT_DOKS", "/x")
    assert main(["status"]) == 2
    assert "CONTINUITY_AGENT_DOCKS" in capsys.readouterr().err


def test_running_without_an_identity_ends_with_3_and_without_a_dock_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path / "state"), "--server", "http://127.0.0.1:1"]
    assert main([*state, "run", "--dock", str(tmp_path / "dock")]) == 3
    assert main([*state, "run"]) == 2
    assert main([*state, "enrol", "--name", "x", "--code", "y"]) == 6
    assert "does not answer" in capsys.readouterr().err


def test_status_and_reconcile_name_the_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state", str(tmp_path), "reconcile"]) == 5
    journal = Journal(tmp_path)
    assert main(["--state", str(tmp_path), "reconcile"]) == 1
    assert "nothing to compare" in capsys.readouterr().out
    row = SessionRow(
        id="s", root=b"/d", deep=True, label="cam", bay="cam", kind="dock", dev=1, ino=1,
        opened_at="2026-01-01T00:00:00.000000Z",
    )  # fmt: skip
    journal.open_session(row, [Sighting(b"gap\n.mp4", Identity(5, 1, 1, 1))])
    assert main(["--state", str(tmp_path), "reconcile", "--json"]) == 1
    (gap,) = json.loads(capsys.readouterr().out)["gaps"]
    assert (gap["name"], gap["state"], gap["docked"]) == ("gap\\n.mp4", "listed", True)
    assert main(["--state", str(tmp_path), "status"]) == 1
    assert "1 listed files have none" in capsys.readouterr().out


def test_a_log_line_is_one_line_whatever_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    logs.begin("info")
    logging.getLogger("ingest.agent.test").warning("a file waits", extra={"file": b"line\nbreak\xff\x1b[2J.mp4"})
    logging.getLogger("ingest.agent").handlers.clear()
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said["file"] == "line\\nbreak\\xff\\x1b[2J.mp4"
    assert said["event"] == "a file waits"


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_systemd_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with bench.running():
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"WATCHDOG=1"
        said = b""
        while said != b"STOPPING=1":
            said = manager.recv(100)
