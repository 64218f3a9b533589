"""A child that is taken over: what it tries on other processes and files, and what is left of it when it is over."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from pathlib import Path

import pytest

from tests.support.walls import PYTHON, wall_for_python
from transcode import calls, child, sandbox
from transcode.child import Command
from transcode.ending import How

WALL = wall_for_python()


def python(program: str, *told: object) -> list[str]:
    """What a Python program says behind the wall, word by word."""
    argv = (PYTHON, "-I", "-c", program, *(str(each) for each in told))
    ending = child.run(Command(argv=argv, wall=WALL, seconds=20))
    assert ending.how is How.CLEAN, ending
    return ending.output.decode().split()


ATTEMPTS = (
    "import ctypes, os, resource, subprocess, sys, threading\n"
    "neighbour, number = sys.argv[1], int(sys.argv[2])\n"
    "def raw(*told):\n"
    "  if ctypes.CDLL(None, use_errno=True).syscall(*told) < 0:\n"
    "    raise OSError(ctypes.get_errno(), '')\n"
    "def attempt(name, do, *told):\n"
    "  try: do(*told); print(f'{name}:done')\n"
    "  except OSError as error: print(f'{name}:{error.errno}')\n"
    "thread = threading.Thread(target=print, args=['thread:done'])\n"
    "attempt('thread', thread.start); thread.join()\n"
    "attempt('limit', resource.prlimit, 0, resource.RLIMIT_NOFILE, (32, 32))\n"
    "attempt('others-limit', resource.prlimit, number, resource.RLIMIT_NOFILE, (7, 7))\n"
    "attempt('others-turn', os.setpriority, os.PRIO_PROCESS, number, 19)\n"
    "attempt('others-processor', os.sched_setaffinity, number, {0})\n"
    "attempt('mode', os.chmod, neighbour, 0o777)\n"
    "attempt('owner', os.chown, neighbour, -1, -1)\n"
    "attempt('times', os.utime, neighbour, (1, 1))\n"
    "attempt('mark', os.setxattr, neighbour, 'user.mark', b'1')\n"
    "attempt('unmark', os.removexattr, neighbour, 'user.mark')\n"
    "attempt('newer-mode', raw, 452, -100, neighbour.encode(), 0o777, 0)\n"
    "attempt('session', os.setsid)\n"
    "attempt('group', os.setpgid, 0, number)\n"
    "attempt('spawn', os.posix_spawn, '/bin/true', ['true'], {})\n"
    "attempt('run', subprocess.run, ['/bin/true'])\n"
    "attempt('clone3', raw, 435, bytes(88), 88)\n"
    "attempt('fork', os.fork)\n"
)
"""Threads and its own limit are a child's own affair; everything after that is not."""


@pytest.mark.skipif(not calls.seccomp_program(), reason="libseccomp is not here")
def test_a_child_starts_no_process_and_touches_nothing_of_others(tmp_path: Path) -> None:
    neighbour = tmp_path / "another officer's"
    neighbour.write_text("as it came")
    os.setxattr(neighbour, "user.mark", b"theirs")
    before = neighbour.stat()
    with subprocess.Popen(["sleep", "60"]) as other:
        said = dict(each.split(":") for each in python(ATTEMPTS, neighbour, other.pid) if each != "thread:done")
        limit = resource.prlimit(other.pid, resource.RLIMIT_NOFILE)
        other.kill()
    assert said.pop("limit") == "done"
    assert said.pop("clone3") == str(errno.ENOSYS)
    assert len(said) == 14
    assert set(said.values()) == {str(errno.EPERM)}, said
    assert limit == resource.getrlimit(resource.RLIMIT_NOFILE)
    assert neighbour.stat() == before


LEFT_BEHIND = (
    "import os, time\n"
    "for _ in range(20):\n"
    "  if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "      if os.fork() == 0: os.setsid()\n"
    "      os.write(1, f'{os.getpid()}\\n'.encode())\n"
    "      os.closerange(0, 10)\n"
    "      time.sleep(60)\n"
    "    os._exit(0)\n"
    "  os.wait()\n"
)


@pytest.mark.skipif(not sandbox.CHILDREN.exists(), reason="this kernel does not name the children of a process")
def test_a_child_leaves_nothing_behind_however_it_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of defence, tried with the first one taken away: as where libseccomp is missing."""
    monkeypatch.setattr(calls, "seccomp_program", lambda **_: "")
    left = [int(each) for each in python(LEFT_BEHIND)]
    assert len(left) == 40
    assert not [number for number in left if Path(f"/proc/{number}").exists()]
