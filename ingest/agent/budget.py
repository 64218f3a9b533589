"""The one budget of memory for file bytes, shared by all files under way.

Whatever the size and number of files, no more than this is held at once; who finds it spent waits in line.
Buffers of full parts are kept for the next one, small ones are given back to the system.
"""

from __future__ import annotations

import mmap
import threading
from collections import deque
from contextlib import suppress

from ingest.agent.errors import Stopping, TooLargeForBuffer

KEEP_FROM = 1 << 20  # bytes; smaller buffers are cheaper to make than to keep
LOOK_UP_EVERY = 0.5  # seconds between looks at the stop sign while in line


class Loan:
    """Memory on loan: `view` is writable and exactly as long as asked for; return it with `give_back`."""

    def __init__(self, budget: Budget, memory: mmap.mmap, size: int) -> None:
        self._budget, self._memory = budget, memory
        self.view = memoryview(memory)[:size]

    def give_back(self) -> None:
        """Return the memory; the view is of no use afterwards. May be called twice."""
        if self._memory is not None:
            self.view.release()
            memory, self._memory = self._memory, None  # type: ignore[assignment]  # ends the loan
            self._budget.take_back(memory)


class Budget:
    """So many bytes for all. May be asked from any thread."""

    def __init__(self, octets: int, stop: threading.Event) -> None:
        self.octets = octets
        self._stop = stop
        self._turn = threading.Condition()
        self._line: deque[object] = deque()
        self._lent = 0
        self._kept: list[mmap.mmap] = []

    def borrow(self, size: int) -> Loan:
        """Memory for `size` bytes, when there is enough and it is one's turn. Raises TooLargeForBuffer, Stopping."""
        rounded = max(mmap.PAGESIZE, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
        if rounded > self.octets:
            raise TooLargeForBuffer(part=rounded, budget=self.octets)
        with self._turn:
            self._await_turn(rounded)
            self._lent += rounded
            return Loan(self, self._memory(rounded), size)

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits in line."""
        return bool(self._line)

    def _await_turn(self, rounded: int) -> None:
        ticket = object()
        self._line.append(ticket)
        try:
            while self._line[0] is not ticket or self._lent + rounded > self.octets:
                self._turn.wait(LOOK_UP_EVERY)
                if self._stop.is_set():
                    raise Stopping
        finally:
            self._line.remove(ticket)
            self._turn.notify_all()

    def _memory(self, rounded: int) -> mmap.mmap:
        for memory in self._kept:
            if len(memory) == rounded:
                self._kept.remove(memory)
                return memory
        kept = sum(map(len, self._kept))
        while self._kept and self._lent + kept > self.octets:
            kept -= len(self._kept[0])
            _close(self._kept.pop(0))
        return mmap.mmap(-1, rounded)

    def take_back(self, memory: mmap.mmap) -> None:
        """Only for Loan.give_back."""
        with self._turn:
            self._lent -= len(memory)
            if len(memory) >= KEEP_FROM and self._lent > 0:
                self._kept.append(memory)
            else:
                _close(memory)
            if self._lent == 0:
                self._let_go()
            self._turn.notify_all()

    def _let_go(self) -> None:
        # Nothing is under way: an idle agent holds no file memory at all.
        for memory in self._kept:
            _close(memory)
        self._kept.clear()


def _close(memory: mmap.mmap) -> None:
    # An error on its way up may still point into it; then it goes when the error does.
    with suppress(BufferError):
        memory.close()
