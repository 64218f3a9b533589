"""Decides how many encodes run at once, and lets no more begin than memory carries.

One `-threads 1` encode of the recipe keeps a decoder, filters and an encoder busy side by side, close to two cores;
it is one slot a core all the same, because between its encodes a job fetches, checks and stores (decision 0014 has
the measurement). `slots_for` is pure. `Room` is the one thing that the encodes of a process share.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

MIB: Final = 1 << 20
GIB: Final = 1 << 30
ENCODE: Final = 512 * MIB
"""What an encode of 1080p is counted with, in bytes: some 300 MiB were measured, and its master's pages lie beside."""
BASE: Final = 192 * MIB
PICTURES: Final = 48
"""Decoded pictures of the master's size that decoder, filters and encoder are taken to hold at once."""
LEAST_LEFT: Final = GIB
MOST: Final = 256


@dataclass(frozen=True, slots=True)
class Slots:
    """How many encodes at once, and why, in words for a person."""

    count: int
    because: str


def left_for_encodes(memory: int) -> int:
    """Bytes that encodes may use together: a quarter, and never less than a GiB, is the rest of the system's."""
    return max(ENCODE, memory - max(LEAST_LEFT, memory // 4))


def slots_for(*, cores: float, cores_by: str, memory: int, memory_by: str, asked: int | None = None) -> Slots:
    """One a core, as far as memory carries them. `asked` is what a setting says; memory is then only told."""
    by_memory = max(1, left_for_encodes(memory) // ENCODE)
    room = f"memory ({_gib(memory)} by {memory_by}) carries {min(by_memory, MOST)}"
    if asked is not None:
        return Slots(asked, f"CONTINUITY_TRANSCODE_SLOTS says {asked}; {room}")
    by_cores = max(1, int(cores))
    told = f"one for each of {cores:g} cores ({cores_by})"
    if by_memory < by_cores:
        return Slots(by_memory, f"{told} would be {by_cores}, and {room}")
    return Slots(min(by_cores, MOST), f"{told}; {room}")


def bytes_for(width: int, height: int) -> int:
    """What encoding pictures of this size is counted with: 8K takes several times what 1080p does."""
    return max(ENCODE, BASE + width * height * 3 // 2 * PICTURES)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


@dataclass(slots=True)
class Room:
    """What the encodes of one process share: memory, in bytes, and seats. Each waits for its part."""

    whole: int
    seats: int = MOST
    taken: int = 0
    waited: int = 0
    unasked: int = 0
    full_since: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def of(self, needed: int, stopping: threading.Event, *, at_once: bool = False) -> Iterator[bool]:
        """Hold this much and a seat while the block lasts; False: called off while waiting, nothing is held.

        What is larger than the whole room is let in once nothing else runs: refusing it would keep it for ever.
        `at_once`: whether or not a seat is free. Others wait for it all the same, but for one, which never starves.
        """
        if not self._enter(needed, stopping, at_once=at_once):
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                self._sit(-needed, -1, at_once=at_once)
                self._changed.notify_all()

    def _enter(self, needed: int, stopping: threading.Event, *, at_once: bool) -> bool:
        with self._changed:
            while (self.taken and self.taken + needed > self.whole) or not (at_once or self._has_seat):
                if stopping.is_set():
                    return False
                self._changed.wait(0.2)
            self._sit(needed, 1, at_once=at_once)
            return True

    def stand_aside(self, stopping: threading.Event, *, most: float) -> None:
        """Wait while every seat is taken, until that has lasted for `most` seconds without a pause."""
        with self._changed:
            while self._is_full and time.monotonic() - self.full_since < most and not stopping.is_set():
                self._changed.wait(0.2)

    @property
    def _is_full(self) -> bool:
        return self.waited + self.unasked >= self.seats

    @property
    def _has_seat(self) -> bool:
        return not self.waited or self.waited + self.unasked < self.seats

    def _sit(self, needed: int, count: int, *, at_once: bool) -> None:
        was_full = self._is_full
        self.taken += needed
        if at_once:
            self.unasked += count
        else:
            self.waited += count
        if self._is_full and not was_full:
            self.full_since = time.monotonic()
