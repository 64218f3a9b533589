"""A child whose starter is lost, and that does not end with it: whoever waits for it is told soon, and it is ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.walls import PYTHON, wall_for_python
from transcode import calls, child, starter
from transcode.child import Command, Listener
from transcode.ending import How
from transcode.errors import ChildBroke

WALL = wall_for_python()
SOON = 3.0
"""Seconds; the time that each child is given is ten times that."""

LIVES_ON = (
    "import ctypes, os, time\n"
    "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n"  # it follows nobody's death any more
    "os.write(1, b'%d\\n' % os.getpid())\n"
    "time.sleep(60)\n"
)
LEAVES_ANOTHER = (
    "import os, time\n"
    "if os.fork() == 0: os.write(1, b'%d\\n' % os.getpid())\n"  # a fork follows nobody's death from the first
    "time.sleep(60)\n"
)
ASKS_HALF = LIVES_ON.replace("time.sleep", f"os.write({child.READS}, b'half'); time.sleep")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No starter that another test began; and no filter, which would refuse what these children do."""
    begun: list[starter.Starter] = []
    monkeypatch.setattr(starter, "_starters", begun)
    monkeypatch.setattr(calls, "seccomp_program", lambda **_: "")
    yield
    for each in begun:
        each.close()


class _Bytes:
    size = 1 << 20

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(length)


def _lost(program: str) -> tuple[ChildBroke, float, int]:
    """Kill the starter once a child has said its number: what is raised, how long after, and the number."""
    said: list[int] = []
    killed: list[float] = []
    using = starter.starter()

    def take(data: bytes) -> None:
        said.append(int(data))
        threading.Timer(0.2, kill).start()

    def kill() -> None:
        killed.append(time.monotonic())
        os.kill(using.pid, signal.SIGKILL)

    argv = (PYTHON, "-I", "-c", program)
    command = Command(argv=argv, wall=WALL, seconds=10 * SOON, reads=_Bytes(), read_budget=1 << 30)
    with pytest.raises(ChildBroke) as broke:
        child.run(command, Listener(output=take))
    return broke.value, time.monotonic() - killed[0], said[0]


def _lives(number: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("flag", [child.WHOLE_GROUP, 1 << 20], ids=["group by handle", "as on an older kernel"])
@pytest.mark.parametrize("program", [LIVES_ON, ASKS_HALF], ids=["silent", "in the middle of a request"])
def test_a_child_that_follows_no_death_is_ended_with_its_starter_and_the_run_with_it(
    program: str, flag: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "WHOLE_GROUP", flag)
    broke, seconds, number = _lost(program)
    assert (broke.ending.how, broke.try_again) == (How.LOST, True)
    assert seconds < SOON
    assert not _lives(number)


def _knows_groups_by_handle() -> bool:
    major, minor = (int(each) for each in os.uname().release.split(".")[:2])
    return (major, minor) >= (6, 9)


@pytest.mark.skipif(not _knows_groups_by_handle(), reason="this kernel knows no group by a handle")
def test_what_a_dead_child_of_a_lost_starter_left_in_its_group_is_ended() -> None:
    _, seconds, number = _lost(LEAVES_ANOTHER)
    assert seconds < SOON
    end = time.monotonic() + SOON
    while _lives(number):
        assert time.monotonic() < end
        time.sleep(0.02)
