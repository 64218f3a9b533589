"""Room to work in: one folder for each piece of work, gone afterwards, and after a crash by whoever works next."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from transcode.errors import ScratchFull, SettingsRefused
from transcode.settings import TranscodeSettings

IN_USE: Final = "in-use"
DOOR: Final = "door"
SPARE: Final = 256 << 20
"""Bytes that are left to the rest of the host."""


@contextmanager
def scratch(settings: TranscodeSettings, *, needed: int) -> Iterator[Path]:
    """A folder of this work's own, for `needed` bytes. Raises ScratchFull; SettingsRefused for others' folders."""
    with _door(settings):
        _clear(settings)
        free = shutil.disk_usage(settings.scratch).free
        if free < needed + SPARE:
            raise ScratchFull(needed=needed, free=free)
        folder = Path(tempfile.mkdtemp(dir=settings.scratch))
        held = (folder / IN_USE).open("w")
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield folder
    finally:
        # What says that it is in use goes last, and behind the door: nobody else takes the rest for left over.
        for each in folder.iterdir():
            _remove(each)
        with _door(settings):
            shutil.rmtree(folder)
            held.close()


def clear_left_over(settings: TranscodeSettings) -> int:
    """Remove the folders of work that died: nobody holds their lock. How many there were."""
    with _door(settings):
        return _clear(settings)


def _clear(settings: TranscodeSettings) -> int:
    left = [each for each in settings.scratch.iterdir() if each.is_dir() and not _is_in_use(each)]
    for folder in left:
        shutil.rmtree(folder)
    return len(left)


def _remove(path: Path) -> None:
    if path.name == IN_USE:
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _is_in_use(folder: Path) -> bool:
    try:
        with (folder / IN_USE).open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@contextmanager
def _door(settings: TranscodeSettings) -> Iterator[None]:
    """One at a time makes or clears folders: a folder that is just being made looks like one that was left."""
    settings.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.scratch.stat().st_uid != os.geteuid():
        raise SettingsRefused(f"CONTINUITY_TRANSCODE_SCRATCH: {settings.scratch} belongs to someone else")
    with (settings.scratch / DOOR).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
