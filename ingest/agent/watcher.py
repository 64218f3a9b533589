"""Quick notice of what happens below the dock folders. It may miss things; the sweep does not.

It only says where to look: what is there is seen by the same look as the sweep's, so both give the same sighting.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

# Not what merely was opened or read: that would be our own reading.
OF_INTEREST: list[type[FileSystemEvent]] = [
    DirCreatedEvent, DirDeletedEvent, DirMovedEvent, FileClosedEvent, FileCreatedEvent, FileDeletedEvent,
    FileModifiedEvent, FileMovedEvent,
]  # fmt: skip


class _Handler(FileSystemEventHandler):
    """Passes every event on."""

    def __init__(self, take: Callable[[FileSystemEvent], None]) -> None:
        self._take = take

    def on_any_event(self, event: FileSystemEvent) -> None:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Called by the observer's thread."""
        self._take(event)


class Watcher:
    """Watches dock folders; `noticed` gives the paths where something happened since it was last asked."""

    def __init__(self, wake: threading.Event) -> None:
        self._wake, self._lock = wake, threading.Lock()
        self._handler = _Handler(self._take)
        self._paths: set[bytes] = set()
        self._observer = Observer()
        self._watched: dict[Path, ObservedWatch] = {}
        self.faults: dict[Path, str] = {}

    def start(self) -> None:
        """Begin to listen."""
        self._observer.start()

    def watch(self, folder: Path) -> None:
        """Watch one dock folder; where the system will not, the reason is kept and the sweep alone does the work."""
        if folder in self._watched or not folder.is_dir():
            return
        try:
            watch = self._observer.schedule(self._handler, str(folder), recursive=True, event_filter=OF_INTEREST)
        except OSError as error:
            self.faults[folder] = f"{folder} cannot be watched ({error.strerror}); it is listed at intervals instead."
            return
        self._watched[folder] = watch
        self.faults.pop(folder, None)

    def forget(self, folder: Path) -> None:
        """The folder went away: watch it anew when it is back."""
        watch = self._watched.pop(folder, None)
        if watch is not None:
            self._observer.unschedule(watch)

    def _take(self, event: FileSystemEvent) -> None:
        with self._lock:
            self._paths.update(os.fsencode(path) for path in (event.src_path, event.dest_path) if path)
        self._wake.set()

    def noticed(self) -> set[bytes]:
        """Paths where something happened since this was last called."""
        with self._lock:
            paths, self._paths = self._paths, set()
        return paths

    def stop(self) -> None:
        """Stop listening."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(5)
