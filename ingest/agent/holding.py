"""One agent for each state folder: a lock that ends with the process, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.agent.errors import StateInUse
from ingest.agent.identity import prepare

LOCK_FILE = "lock"


@contextmanager
def holding(state: Path) -> Iterator[None]:
    """Hold the state folder. Raises StateInUse where another agent does, IdentityUnsafe where it cannot be made."""
    prepare(state)
    handle = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _lock(handle)
        except OSError as error:
            raise StateInUse(f"Another agent works with {state}: stop it, or give this one its own folder.") from error
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
