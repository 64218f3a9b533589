"""Starts one walled-in child, listens to it, and says how it ended.

A child is either FFmpeg's binary or a task of `transcode.inside` (PyAV). It has pipes and nothing else; it gets its
master as a scratch file that the wall names, or as byte ranges that this process reads for it. Every way of ending
has its own word. When a child has ended, nothing that it started lives on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from transcode import calls, tally
from transcode.ending import Ending, How, Kept, how_it_ended
from transcode.errors import ChildBroke
from transcode.memory import Memory
from transcode.sandbox import Layer, Wall
from transcode.starter import Starter, StarterLost, starter

LARGEST_RANGE = 4 * 1024 * 1024
REPORT, PROGRESS, READS = 3, 4, 5
"""Descriptors of a child beside its output and messages: where it says which layers of the wall stand, says how far
it is, and gets byte ranges."""
PULSE = 0.5
"""Seconds after which a wait for a child looks whether it is still to be waited for, and whether its starter lives."""
WHOLE_GROUP = 4
"""PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9 (pidfd_send_signal(2))."""
REST = 0.25
"""Seconds between two hearings of FFmpeg, which says a word on each picture and each fiftieth of a second of sound."""
LITTLE = 16 * 1024
"""Bytes in one hearing after which there is no hurry."""
ROOM = 1 << 18
"""Bytes that a child may say before it waits for us."""
MESSAGE_LIMIT = 256 * 1024
_ASKED = struct.Struct("<QI")
_GIVEN = struct.Struct("<i")


class Ranges(Protocol):
    """Bytes that can be read at any place. `read_at` gives what there is, less than asked at the end only."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run and what it may have.

    `inside` names a task of transcode.inside, whose arguments are `task`; otherwise `argv` is a program.
    `reads` are byte ranges served to the child, no more than `read_budget` bytes in all.
    """

    argv: tuple[str, ...] = ()
    inside: str = ""
    task: dict[str, object] = field(default_factory=dict)
    wall: Wall
    seconds: float
    reads: Ranges | None = None
    read_budget: int = 0
    output_limit: int = 16 * 1024 * 1024
    word: str = ""

    @property
    def doing(self) -> str:
        """What the child is to do, in one word: the caller's, a task of transcode.inside, or the program's name."""
        return self.word or self.inside or Path(self.argv[0]).name.partition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who hears what, while the child runs. `output` empty: standard output is kept for the Ending."""

    stopping: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[str], None] | None = None
    output: Callable[[bytes], None] | None = None


class _Running:
    """One child while it lives. Everything happens in the calling thread."""

    def __init__(self, command: Command, listener: Listener) -> None:
        self.command, self.listener = command, listener
        self.messages, self.report, self.output = Kept(MESSAGE_LIMIT), bytearray(), bytearray()
        self.lines, self.said, self.served = b"", 0, 0
        self.verdict: How | None = None
        self.selector, self.ended = selectors.DefaultSelector(), selectors.DefaultSelector()
        self.ours: list[int] = []
        self.handle, self.next_look = -1, 0.0
        self.reader: socket.socket | None = None
        self.started = time.monotonic()
        self.deadline = self.started + command.seconds

    def start(self) -> None:
        takers = (self._take_output, self.messages.take, self.report.extend, self._take_progress)
        pipes = [self._pipe() for _ in takers]
        theirs = [child_end for _, child_end in pipes]
        if self.command.reads is not None:
            self.reader, other = socket.socketpair()
            # Half a request, or bytes that nobody takes: no child makes this process wait past its own deadline.
            self.reader.settimeout(PULSE)
            theirs.append(other.detach())
        try:
            self.starter, self.pid = _started(self._told(), theirs)
        except BaseException:
            self._let_go()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self.memory = Memory(self.starter.pid, self.pid)
        with contextlib.suppress(OSError):  # a kernel that has no such thing: a rest is then as long as it is
            self.ours.append(os.pidfd_open(self.pid))
            self.handle = self.ours[-1]
            self.ended.register(self.handle, selectors.EVENT_READ)
        with contextlib.suppress(OSError):  # a user who has many pipes gets no larger ones
            fcntl.fcntl(pipes[0][0], fcntl.F_SETPIPE_SZ, ROOM)
        for (our_end, _), take in zip(pipes, takers, strict=True):
            self._listen(our_end, take)
        if self.reader is not None:
            self.selector.register(self.reader, selectors.EVENT_READ, None)

    def _pipe(self) -> tuple[int, int]:
        ours, theirs = os.pipe()
        self.ours.append(ours)
        return ours, theirs

    def _told(self) -> dict[str, object]:
        """What the starter is asked for."""
        program = calls.seccomp_program(has_devices=bool(self.command.wall.may_use))
        wall = replace(self.command.wall, report_fd=REPORT, seccomp_program=program)
        size = {"size": self.command.reads.size} if self.command.reads is not None else {}
        task = {**self.command.task, "progress_fd": PROGRESS, "reads_fd": READS, **size}
        return {"wall": wall.as_json(), "argv": self.command.argv, "inside": self.command.inside, "task": task}

    def _listen(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        self.selector.register(descriptor, selectors.EVENT_READ, take)

    def _take_output(self, data: bytes) -> None:
        if self.listener.output is not None:
            self.listener.output(data)
            return
        self.said += len(data)
        if self.said > self.command.output_limit:
            self._end(How.TOO_MUCH_OUTPUT)
        else:
            self.output += data

    def _take_progress(self, data: bytes) -> None:
        *whole, self.lines = (self.lines + data[:65536]).split(b"\n")
        self.lines = self.lines[-4096:]
        if self.listener.progress is not None:
            for line in whole:
                self.listener.progress(line[:4096].decode(errors="replace"))

    def _serve(self, reader: socket.socket) -> None:
        """Answer one request for a range: -1 and no bytes when the budget is spent or nothing is there."""
        source = self.command.reads
        asked = self._receive(reader)
        if len(asked) < _ASKED.size or source is None:
            self.selector.unregister(reader)
            return
        offset, length = _ASKED.unpack(asked)
        length = max(0, min(length, LARGEST_RANGE, source.size - offset))
        if self.served + length > self.command.read_budget:
            self._end(How.TOO_MUCH_READ)
            return
        data = source.read_at(offset, length) if length else b""
        self.served += len(data)
        self._give(reader, _GIVEN.pack(len(data)) + data)

    def _receive(self, reader: socket.socket) -> bytes:
        """One request, however slowly it comes; less where the child ended or has no time left."""
        asked = b""
        # A child that ended with an answer unread resets the line: its ending says which.
        with contextlib.suppress(ConnectionResetError):
            while len(asked) < _ASKED.size and self._is_waited_for():
                with contextlib.suppress(TimeoutError):
                    more = reader.recv(_ASKED.size - len(asked))
                    if not more:
                        break
                    asked += more
        return asked

    def _give(self, reader: socket.socket, answer: bytes) -> None:
        """An answer, however slowly it is taken: a child that a busy host starves is as honest as another."""
        left = memoryview(answer)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while left and self._is_waited_for():
                with contextlib.suppress(TimeoutError):
                    left = left[reader.send(left) :]

    def _look(self) -> None:
        """Look how much it holds, and whether its starter lives, who alone tells of its end. Raises StarterLost."""
        self.memory.look()
        if (now := time.monotonic()) >= self.next_look:
            self.next_look = now + PULSE
            if not self.starter.lives:
                raise StarterLost

    def _is_waited_for(self) -> bool:
        self._look()
        return time.monotonic() < self.deadline and not self.listener.stopping.is_set()

    def _end(self, verdict: How) -> None:
        self.verdict = self.verdict or verdict
        self.kill()

    def watch(self) -> None:
        """Listen until the child's pipes are dry, or it is dead and something else holds them open."""
        while self._has_pipes():
            said = sum(self._hear(key) for key, _ in self.selector.select(timeout=0.1))
            if 0 < said < LITTLE and not self.command.inside:
                self.ended.select(timeout=REST)
            self._look()
            if self.listener.stopping.is_set():
                self._end(How.STOPPED)
            elif time.monotonic() > self.deadline:
                self._end(How.TIMED_OUT)
            if self.verdict is not None and not self._lives():
                break

    def _has_pipes(self) -> bool:
        return any(key.data is not None for key in self.selector.get_map().values())

    def _lives(self) -> bool:
        return not self.starter.has_ended(self.pid)

    def _hear(self, key: selectors.SelectorKey) -> int:
        """Take what is there; how many bytes were said."""
        if key.data is None:
            self._serve(key.fileobj)  # type: ignore[arg-type] # the only entry without a taker is our socket
            return 0
        data = os.read(key.fd, ROOM)
        if data:
            key.data(data)
        else:
            self.selector.unregister(key.fileobj)
        return len(data)

    def reap(self) -> None:
        """Wait for the end of a child whose pipes are dry, no longer than it was given."""
        while self._lives():
            self.memory.look()
            if self.listener.stopping.wait(0.005):
                self._end(How.STOPPED)
            elif time.monotonic() > self.deadline:
                self._end(How.TIMED_OUT)

    def kill(self) -> None:
        """End the child and everything that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _kill_by_handle(self) -> bool:
        """End its group by a handle, which no other ever has; whether the kernel knows groups by one."""
        try:
            signal.pidfd_send_signal(self.handle, signal.SIGKILL, None, WHOLE_GROUP)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return True

    def _end_orphans(self) -> None:
        """End what a lost starter's child still has. Nobody keeps its number: it is used only while the child lives."""
        if self.handle < 0:
            return
        if not self._kill_by_handle() and not self.ended.select(timeout=0):
            self.kill()
        self.ended.select(timeout=PULSE)

    def to_its_end(self) -> Ending:
        """Listen, wait, and take the account; whatever is raised meanwhile, the child is dead."""
        try:
            self.watch()
            self.reap()
        except StarterLost:
            self._end_orphans()
            self._let_go()
            raise
        except BaseException:
            self.close()
            raise
        return self.close()

    def close(self) -> Ending:
        """Kill what is left of the group, take the dead child's account, and say how it ended."""
        self.kill()  # before the corpse is taken away: until then its number cannot be another's
        try:
            while (taken := self.starter.take(self.pid)) is None:
                time.sleep(0.002)
        finally:
            self._let_go()
        code, cpu = os.waitstatus_to_exitcode(taken.status), taken.cpu_seconds
        layers, messages = _reported(bytes(self.report)), self.messages.lines()
        left = self.command.wall.cpu_seconds - cpu
        return Ending(
            how=self.verdict or how_it_ended(code, messages, cpu_left=left, walled=bool(layers)),
            code=abs(code),
            output=bytes(self.output),
            messages=messages,
            seconds=time.monotonic() - self.started,
            cpu_seconds=cpu,
            peak_memory=self.memory.peak(taken.peak_memory),
            bytes_served=self.served,
            layers=layers,
        )

    def _let_go(self) -> None:
        self.selector.close()
        self.ended.close()
        if self.reader is not None:
            self.reader.close()
        for descriptor in self.ours:
            os.close(descriptor)


def _started(told: dict[str, object], descriptors: list[int]) -> tuple[Starter, int]:
    """A child, and its starter: a fresh one where the last had ended unseen."""
    using = starter()
    try:
        return using, using.start(told, descriptors)
    except StarterLost:
        again = starter()
        return again, again.start(told, descriptors)


def _reported(report: bytes) -> tuple[Layer, ...]:
    """The layers that the child says it put on, and the two that starting it gave."""
    try:
        found = [Layer(**layer) for layer in json.loads(report)] if report else []
    except (ValueError, TypeError, RecursionError):
        return ()
    if not found:
        return ()
    ours = [Layer(name, stands=True, detail="given at the start") for name in ("own-session", "own-environment")]
    return (*found, *ours)


def run(command: Command, listener: Listener | None = None) -> Ending:
    """Run one child to its end in the calling thread.

    Raises what `command.reads` raises when the master cannot be read, after the child is dead, ChildBroke where the
    child was lost with the process that starts them, and OSError where the machine cannot start a process.
    Everything that the child itself does wrong is in the Ending.
    """
    running = _Running(command, listener or Listener())
    try:
        running.start()
        ending = running.to_its_end()
    except StarterLost as error:
        lost = Ending(how=How.LOST, seconds=time.monotonic() - running.started)
        tally.count(command.doing, lost.how)
        raise ChildBroke(command.doing, lost) from error
    tally.count(command.doing, ending.how)
    return ending
