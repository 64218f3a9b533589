"""The sequencer's unit: it starts a command that there is, ends where a person must act, and may do little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.up import HALTED
from tests.house import commands, settings, tree

UNIT = tree.ROOT / "ops" / "systemd" / "continuity-sequencer.service"
TEXT = UNIT.read_text("utf-8")
ANALYSER = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def value_of(name: str) -> str:
    """The one value of a setting of the unit."""
    (value,) = re.findall(rf"^{name}=(.*)$", TEXT, re.MULTILINE)
    return str(value)


def test_it_starts_a_command_that_there_is_with_settings_that_there_are() -> None:
    assert commands.fault_in(value_of("ExecStart").split()) is None
    assert value_of("Environment").partition("=")[0] in settings.every_variable()


def test_a_halted_log_is_not_started_over_and_over() -> None:
    assert value_of("Restart") == "always"
    assert value_of("RestartPreventExitStatus") == str(HALTED)


@ANALYSER
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(TEXT.replace(value_of("ExecStart").split()[0], "/bin/true"), "utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@ANALYSER
def test_systemd_finds_little_that_it_could_be_used_for() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure[1]) <= 2.5
