"""Room to work in: one folder for each piece of work, gone afterwards, and after a crash by whoever comes next."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from transcode.errors import ScratchFull
from transcode.settings import TranscodeSettings

IN_USE: Final = "in-use"
SPARE: Final = 256 << 20
"""Bytes that are left to the rest of the host."""


@contextmanager
def scratch(settings: TranscodeSettings, *, needed: int) -> Iterator[Path]:
    """A folder of this work's own, for `needed` bytes. Raises ScratchFull."""
    settings.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.scratch).free
    if free < needed + SPARE:
        raise ScratchFull(needed=needed, free=free)
    folder = Path(tempfile.mkdtemp(dir=settings.scratch))
    with (folder / IN_USE).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def clear_left_over(settings: TranscodeSettings) -> int:
    """Remove the folders of work that died: nobody holds their lock. How many there were."""
    cleared = 0
    for folder in settings.scratch.iterdir() if settings.scratch.is_dir() else ():
        try:
            with (folder / IN_USE).open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                cleared += 1
        except (BlockingIOError, FileNotFoundError, NotADirectoryError):
            # In use, or just being made or removed by another.
            continue
    return cleared
