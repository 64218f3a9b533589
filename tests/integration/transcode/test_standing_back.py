"""A child that is told to stand back does, as its own process and as a group."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from transcode import child, sandbox
from transcode.child import Command
from transcode.sandbox import Wall

AUTOGROUP = Path("/proc/self/autogroup")


def said_by(*argv: str, nice: int, may_read: tuple[str, ...] = ()) -> str:
    """What a program prints that was started behind the wall."""
    program = shutil.which(argv[0])
    assert program is not None
    may_run = (program, *sandbox.SYSTEM_FOLDERS, *sandbox.SYSTEM_FILES)
    wall = Wall(cpu_seconds=5, address_space=1 << 30, file_size=0, may_run=may_run, may_read=may_read, nice=nice)
    ending = child.run(Command(argv=(program, *argv[1:]), wall=wall, seconds=30))
    assert ending.usable, ending.in_words()
    return ending.output.decode().strip()


def test_it_stands_back_behind_others() -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(said_by("nice", nice=0)) == mine
    assert int(said_by("nice", nice=7)) == min(19, mine + 7)


def test_its_session_stands_back_where_the_kernel_groups_by_session() -> None:
    if not AUTOGROUP.exists():
        pytest.skip("this kernel does not group processes by session")
    said = said_by("cat", "/proc/self/autogroup", nice=7, may_read=("/proc",))
    assert said.endswith("nice 7"), said


def test_what_stands_back_is_work_that_nobody_waits_for() -> None:
    policies = [said_by("cat", "/proc/self/stat", nice=nice, may_read=("/proc",)).split()[40] for nice in (0, 7)]
    assert policies == [str(os.SCHED_OTHER), str(os.SCHED_BATCH)]
