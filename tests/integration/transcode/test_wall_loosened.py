"""A child that is taken over: what it tries on its own wall, and on files that it may only read."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.walls import PYTHON, wall_for_python
from transcode import calls, child
from transcode.child import Command
from transcode.ending import How
from transcode.sandbox import Wall

WALL = wall_for_python()
pytestmark = pytest.mark.skipif(not calls.seccomp_program(), reason="libseccomp is not here")

TRY = (
    "import ctypes, fcntl, os, sys\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "room = ctypes.create_string_buffer(256)\n"
    "room[0] = b'\\x40'\n"  # FS_NODUMP_FL, which asks for no right of its own
    "file, folder, spare = os.open(sys.argv[1], 0), os.open(sys.argv[2], 0), os.open('/dev/null', 0)\n"
    "def attempt(name, call, *told):\n"
    "  ctypes.set_errno(0)\n"
    "  told = [each if each is room else ctypes.c_ulong(each) for each in told]\n"
    "  done = libc.syscall(ctypes.c_long(call), *told) >= 0\n"
    "  print(f'{name}:{\"done\" if done else ctypes.get_errno()}', flush=True)\n"
    "NUMBERS = {'x86_64': (157, 16, 72, 73, 253, 294, 254, 300), 'aarch64': (167, 29, 25, 32, 26, 26, 27, 262)}\n"
    "prctl, ioctl, control, flock, watch, watch1, add_watch, fanotify = NUMBERS[os.uname().machine]\n"
)
"""Each by its number: the C library would look at the arguments first."""


def tried(program: str, folder: Path, wall: Wall = WALL) -> dict[str, str]:
    """What became of each attempt: done, or the kernel's number for why not."""
    file = folder / "may be read"
    file.write_text("as it came")
    argv = (PYTHON, "-I", "-c", TRY + program, str(file), str(folder))
    ending = child.run(Command(argv=argv, wall=replace(wall, may_read=(str(folder),)), seconds=20))
    assert ending.how is How.CLEAN, ending
    return dict(each.split(":") for each in ending.output.decode().split())


def refused(said: dict[str, str]) -> bool:
    """All of them."""
    return set(said.values()) == {str(errno.EPERM)}


def test_a_child_takes_nothing_back_of_what_the_wall_has_set(tmp_path: Path) -> None:
    said = tried(
        "for half in (0, 1 << 32):\n"
        "  for name, option, value in (('death', 1, 0), ('dumpable', 4, 1), ('capabilities', 24, 0), ('bits', 28, 0),\n"
        "      ('slack', 29, 1), ('memory', 35, 14), ('orphans', 36, 1), ('privileges', 38, 1), ('ambient', 47, 4),\n"
        "      ('tracer', 0x59616D61, (1 << 64) - 1)):\n"
        "    attempt(f'{name}-{half}', prctl, half | option, value, 0, 0, 0)\n",
        tmp_path,
    )
    assert len(said) == 20
    assert refused(said), said


@pytest.mark.parametrize("devices", [(), ("/dev/zero",)])
def test_a_child_marks_locks_and_watches_no_file_that_it_may_only_read(
    tmp_path: Path, devices: tuple[str, ...]
) -> None:
    said = tried(
        "for half in (0, 1 << 32):\n"
        "  for request in (0x40086602, 0x40046602, 0x401C5820, 0x40087602, 0x40086604, 0x40806685, 0x40047211,\n"
        "      0x40049409, 0xC0189436, 0x8901, 0x8902, 0x5412, 0x5452):\n"
        "    attempt(f'ioctl-{request:x}-{half}', ioctl, file, half | request, room)\n"
        "  for command in (6, 7, 8, 10, 15, 37, 38, 1024, 1026, 1029, 1036, 1038, 1040):\n"
        "    attempt(f'fcntl-{command}-{half}', control, folder if command == 1026 else file, half | command, 0)\n"
        "attempt('lock', flock, file, 2)\n"
        "attempt('watch', watch, 0) if watch != watch1 else print('watch:1')\n"
        "attempt('watch1', watch1, 0)\n"
        "attempt('add', add_watch, file, room, 1)\n"
        "attempt('fanotify', fanotify, 0x200, 0)\n",
        tmp_path,
        replace(WALL, may_use=devices),
    )
    assert len(said) == 2 * (13 + 13) + 5
    assert refused(said), said


@pytest.mark.parametrize("devices", [(), ("/dev/zero",)])
def test_what_the_c_library_and_python_ask_of_the_same_calls_is_answered(
    tmp_path: Path, devices: tuple[str, ...]
) -> None:
    said = tried(
        "attempt('name', prctl, 15, room, 0, 0, 0)\n"
        "attempt('named', prctl, 16, room, 0, 0, 0)\n"
        "attempt('close', ioctl, spare, 0x5451, 0)\n"
        "attempt('left', ioctl, file, 0x541B, room)\n"
        "attempt('copy', control, file, 1030, 20)\n"
        "attempt('flags', control, file, 4, 0x800)\n"
        "attempt('pipe', control, 1, 1032, 0)\n"
        "attempt('terminal', ioctl, 1, 0x5401, room)\n"
        "attempt('driver', ioctl, file, 0xC0406400, room)\n",
        tmp_path,
        replace(WALL, may_use=devices),
    )
    assert said.pop("terminal") == str(errno.ENOTTY)
    assert said.pop("driver") == str(errno.ENOTTY if devices else errno.EPERM)
    assert set(said.values()) == {"done"}, said
