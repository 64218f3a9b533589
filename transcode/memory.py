"""How much memory a child held at the most.

The kernel's account of a dead child (wait4) begins at what its parent had held when it forked: it tells nothing of
a child that needs less than that. Such a child is looked at while it lives.
"""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

HIGH_WATER = re.compile(rb"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
PAUSE = 0.1
"""Seconds between two looks at the least: a look costs some 20 microseconds."""


class Memory:
    """The high-water mark of one child, in bytes. Where there is no /proc, the kernel's account alone."""

    def __init__(self, parent: int, pid: int) -> None:
        self._floor = _high_water(parent)
        self._pid = pid
        self._seen, self._next = 0, 0.0

    def look(self) -> None:
        """Look, unless that was done just now."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            self._seen = max(self._seen, _high_water(self._pid))

    def peak(self, accounted: int) -> int:
        """The mark: the kernel's account where it is the child's own, otherwise the highest that was seen."""
        if accounted > self._floor or not self._seen:
            return accounted
        return self._seen


def _high_water(process: int) -> int:
    with contextlib.suppress(OSError):
        found = HIGH_WATER.search(Path("/proc", str(process), "status").read_bytes())
        return int(found[1]) * 1024 if found else 0
    return 0
