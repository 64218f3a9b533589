"""Starts children from one process that has loaded everything they need, and takes them away when they are dead.

Loading PyAV costs a seventh of a second of processor time, and a recording has three to five children: they are
forked instead (decision 0017). The starter opens no media, knows no secret and has no environment but two words; each
child walls itself in as before it was forked. When this process ends, however it ends, the starter ends with it, and
with the starter its children.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MOST_STARTS: Final = 1000
"""Children of one starter: they share where things lie in memory, so it is not kept for ever."""
PATIENCE: Final = 60.0
"""Seconds that it may take over an answer: one that does not answer holds up every child of this process."""
LENGTH: Final = struct.Struct("<I")
DOOR: Final = Path(__file__).resolve().parent / "inside" / "__main__.py"
ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}


class StarterLost(Exception):
    """The starter has ended, or did not answer and was ended, and every child of it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A dead child's account: its wait status, processor seconds, and the kernel's high-water mark in bytes."""

    status: int
    cpu_seconds: float
    peak_memory: int


class Starter:
    """One starter process. Any thread may ask it; it answers one after the other, within milliseconds."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        self._line.settimeout(PATIENCE)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - no shell; the program is ours
                [sys.executable, "-I", str(DOOR), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Not in our group: whoever interrupts this process lets its children finish.
                start_new_session=True,
                env=ENVIRONMENT,
                cwd="/",
            )
        self.pid, self.owner = self._process.pid, os.getpid()
        self._turn = threading.Lock()
        self._started, self._living = 0, 0

    @property
    def is_worn(self) -> bool:
        """It has started as many as it may."""
        return self._started >= MOST_STARTS

    @property
    def lives(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    def start(self, told: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """Start a child that has these open as 1, 2, 3 and so on; its process number.

        Raises StarterLost, and OSError where the machine cannot start a process.
        """
        with self._turn:
            answer = self._asked({"start": told}, descriptors)
            self._started += 1
            if "error" in answer:
                raise OSError(*answer["error"])
            self._living += 1
        return int(answer["pid"])

    def has_ended(self, pid: int) -> bool:
        """The child is dead; its number stays its own until it is taken. Raises StarterLost."""
        with self._turn:
            return bool(self._asked({"ended": pid})["ended"])

    def take(self, pid: int) -> Taken | None:
        """Take a dead child away; None while it lives. Raises StarterLost."""
        with self._turn:
            answer = self._asked({"take": pid})
            if answer["status"] is None:
                return None
            self._living -= 1
        return Taken(int(answer["status"]), float(answer["cpu"]), int(answer["peak"]))

    def _asked(self, what: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        data = json.dumps(what).encode()
        try:
            socket.send_fds(self._line, [LENGTH.pack(len(data))], descriptors)
            self._line.sendall(data)
            size = LENGTH.unpack(self._exactly(LENGTH.size))[0]
            answer: dict[str, Any] = json.loads(self._exactly(size))
        except OSError as error:
            self._end()  # it is dead already, or it hangs; and half an answer is never read on
            raise StarterLost from error
        return answer

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._line.recv(size - len(data))
            if not more:
                raise StarterLost
            data += more
        return data

    def close_unless_needed(self) -> bool:
        """End it where none of its children is left; whether it has ended."""
        if self._living and self.lives:
            return False
        self.close()
        return True

    def close(self) -> None:
        """End it, and what it still has."""
        self._line.close()
        if self.owner == os.getpid():
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


_door: Final = threading.Lock()
_starters: Final[list[Starter]] = []


def starter() -> Starter:
    """The starter of this process: another once it is worn or has ended."""
    with _door:
        if _starters and _starters[-1].owner != os.getpid():
            _starters.clear()  # forked away from the process that has them
        if not _starters or _starters[-1].is_worn or not _starters[-1].lives:
            _starters[:] = [each for each in _starters if not each.close_unless_needed()]
            _starters.append(Starter())
        return _starters[-1]


@atexit.register
def _close_all() -> None:
    for each in _starters:
        if each.owner == os.getpid():
            each.close()
