"""The demonstration of the first start: footage made by FFmpeg, docked as cameras and a recorder would."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import imageio_ffmpeg
import structlog

from transcode.demonstration import make_footage

log = structlog.get_logger()


def start(data: Path, dock: Path, stop: threading.Event) -> None:
    """Make the footage and dock it beside everything else. Nothing happens where it was done before."""
    if (data / "run" / "demonstration-docked").exists():
        return
    threading.Thread(target=_make_and_dock, args=(data, dock, stop), name="demonstration", daemon=True).start()


def _make_and_dock(data: Path, dock: Path, stop: threading.Event) -> None:
    making = data / "demonstration"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    make_footage(making, Path(imageio_ffmpeg.get_ffmpeg_exe()))
    for device in sorted(making.iterdir()):
        if stop.is_set():
            return
        # A rename on one file system: the dock sees each camera come whole, as when it is plugged in.
        target = dock / device.name
        if not target.exists():
            device.rename(target)
    shutil.rmtree(making, ignore_errors=True)
    (data / "run" / "demonstration-docked").touch()
    log.info("demonstration footage docked", dock=str(dock))
