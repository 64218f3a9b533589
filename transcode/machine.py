"""Looks at what this process may use of the machine: cores and memory, as its affinity and its control groups say.

A container's own limits count, not the host's: with half a host's cores granted, twice as many encodes would only
be throttled. Control groups of version 2 and, where a host still has them, of version 1 (kernel documentation,
admin-guide/cgroup-v2 and cgroup-v1). What cannot be read limits nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
NO_LIMIT: Final = 1 << 60
"""Version 1 writes a number of about 2^63 where there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Cores, in fractions where a quota says so, and bytes of memory; each with what told it."""

    cores: float
    cores_by: str
    memory: int
    memory_by: str


def look(root: Path = ROOT) -> Machine:
    """What may be used now. `root` is where `/proc` and `/sys` are looked for."""
    cores, cores_by = float(_allowed_cores()), "its affinity"
    for quota, said in _quotas(root):
        if quota < cores:
            cores, cores_by = quota, said
    memory, memory_by = _total_memory(root), "the machine"
    for limit, said in _memory_limits(root):
        if limit < memory:
            memory, memory_by = limit, said
    return Machine(cores=cores, cores_by=cores_by, memory=memory, memory_by=memory_by)


def _allowed_cores() -> int:
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _total_memory(root: Path) -> int:
    """All of it, in bytes; NO_LIMIT where nobody says."""
    for line in _read(root / "proc/meminfo").splitlines():
        name, _, told = line.partition(":")
        if name == "MemTotal" and told.split():
            return int(told.split()[0]) * 1024
    return NO_LIMIT


def _groups(root: Path) -> Iterator[tuple[Path, str]]:
    """Folders of this process's control groups with what governs there ("" in version 2), from the inside out.

    In a container the path is often the host's, and only the mount's own root is there: it is always among them.
    """
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = ([*line.split(":", 2), "", ""])[:3]
        for controller in controllers.split(",") if controllers else [""]:
            if controller not in ("", "cpu", "memory"):
                continue
            base = mount / controller if controller else mount
            inner = base / path.lstrip("/")
            for folder in (inner, *inner.parents):
                if folder == base or base in folder.parents:
                    yield folder, controller


def _quotas(root: Path) -> Iterator[tuple[float, str]]:
    for folder, controller in _groups(root):
        if controller == "":
            told = _read(folder / "cpu.max").split()
        elif controller == "cpu":
            told = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        else:
            continue
        if len(told) == 2 and told[0].isdigit() and told[1].isdigit() and int(told[1]):
            yield int(told[0]) / int(told[1]), f"the quota of its control group ({told[0]}/{told[1]})"


def _memory_limits(root: Path) -> Iterator[tuple[int, str]]:
    for folder, controller in _groups(root):
        names = {"": ("memory.max", "memory.high"), "memory": ("memory.limit_in_bytes",)}.get(controller, ())
        for name in names:
            told = _read(folder / name).strip()
            if told.isdigit() and int(told) < NO_LIMIT:
                yield int(told), f"{name} of its control group"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
