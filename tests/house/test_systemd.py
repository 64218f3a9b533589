"""The agent's unit: a service that systemd understands, that says how it is, and that may do little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ingest.agent import errors as agent_errors
from ingest.agent.__main__ import main as agent_main
from ingest.agent.settings import PREFIX, READERS
from tests.house import tree

UNIT = tree.ROOT / "ops" / "systemd" / "continuity-agent.service"


def settings() -> dict[str, list[str]]:
    """The unit's lines by name; a name may stand more than once."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text("utf-8").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith(("#", ";")):
            found.setdefault(name, []).append(value)
    return found


def test_it_says_when_it_is_ready_and_that_it_is_alive() -> None:
    said = settings()
    assert said["Type"] == ["notify"]
    assert int(said["WatchdogSec"][0]) >= 30
    assert said["Restart"] == ["always"]
    speaks = (tree.ROOT / "ingest" / "agent" / "service.py").read_text("utf-8")
    assert all(word in speaks for word in ("NOTIFY_SOCKET", "READY=1", "WATCHDOG=1"))


def test_it_starts_a_command_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = settings()["ExecStart"][0].split()
    assert Path(program).name == "continuity-agent"
    with pytest.raises(SystemExit) as ended:
        agent_main([*words, "--help"])
    assert ended.value.code == 0
    assert "usage: continuity-agent run" in capsys.readouterr().out


def test_it_is_not_started_again_where_a_person_has_to_act() -> None:
    needs_a_person = {
        agent_errors.SettingsRefused.exit_code,
        agent_errors.NotEnrolled.exit_code,
        agent_errors.AgentRevoked.exit_code,
    }
    assert {int(code) for code in settings()["RestartPreventExitStatus"][0].split()} == needs_a_person


def test_it_runs_as_nobody_in_particular_and_keeps_only_its_state() -> None:
    said = settings()
    for name, value in {
        "DynamicUser": "yes",
        "StateDirectory": "continuity-agent",
        "StateDirectoryMode": "0700",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "DevicePolicy": "closed",
        "MemoryDenyWriteExecute": "yes",
    }.items():
        assert said[name] == [value], name


def test_the_settings_beside_it_are_settings_of_the_agent() -> None:
    text = (tree.ROOT / "ops" / "systemd" / "agent.env").read_text("utf-8")
    named = re.findall(rf"^{PREFIX}(\w+)=", text, re.MULTILINE)
    assert named
    assert {name.lower() for name in named} <= set(READERS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    program = settings()["ExecStart"][0].split()[0]
    unit.write_text(UNIT.read_text("utf-8").replace(program, "/bin/true"), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_finds_little_that_it_could_be_used_for() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure[1]) <= 2.5
