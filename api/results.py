"""What became of each file that was handed in: told once, as soon as it is settled, while others are still sent.

A file is settled when it has its receipt and has been examined, or when nothing more is done about it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from evidence.bootstrap import House
from evidence.models import Quarantine, Recording, Sidecar
from evidence.vocabulary import Condition, Playability
from ingest.agent.once import FileResult

Tell = Callable[[dict[str, Any]], None]
EXAMINED_WITHIN = 120.0  # seconds without progress before a recording is reported as still to be examined
LOOK_EVERY = 0.3


class Results:
    """Collects receipts as they come, from any thread, and tells of each file once it has been examined."""

    def __init__(self, house: House, tell: Tell) -> None:
        self._house, self._tell = house, tell
        self._lock = threading.Lock()
        self._open: dict[str, FileResult] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="results", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Tell no more from here; `finish` may follow."""
        self._ended.set()
        self._thread.join()

    def add(self, result: FileResult) -> None:
        """A file has its receipt."""
        with self._lock:
            self._open[result.path] = result

    def finish(self, results: Sequence[FileResult], stop: threading.Event) -> list[dict[str, Any]]:
        """Everything was sent: wait for what is still examined, tell what has not been told, give back all of it."""
        with self._lock:
            self._open = {each.path: each for each in results if each.path not in self._told}
        moved = time.monotonic()
        while self._awaited() and not stop.wait(LOOK_EVERY):
            if self._tell_settled():
                moved = time.monotonic()
            if time.monotonic() - moved > EXAMINED_WITHIN:
                break
        for each in results:
            if each.path not in self._told:
                self._say(each)
        return [self._told[each.path] for each in results]

    def _follow(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self._tell_settled()

    def _awaited(self) -> bool:
        with self._lock:
            return any(each.recording_id for each in self._open.values())

    def _tell_settled(self) -> int:
        """Tell of those that have been examined; how many these were."""
        with self._lock:
            waiting = [each for each in self._open.values() if each.recording_id]
        unexamined = self._unexamined({UUID(each.recording_id) for each in waiting if each.recording_id})
        settled = [each for each in waiting if UUID(str(each.recording_id)) not in unexamined]
        for each in settled:
            self._say(each)
        return len(settled)

    def _say(self, result: FileResult) -> None:
        told = told_of(self._house, result)
        with self._lock:
            self._told[result.path] = told
            self._open.pop(result.path, None)
        self._tell(told)

    def _unexamined(self, wanted: Collection[UUID]) -> set[UUID]:
        if not wanted:
            return set()
        rows = select(Recording.id).where(
            Recording.id.in_(wanted),
            Recording.condition == Condition.UNEXAMINED,
            Recording.playability == Playability.WAITING,
        )
        with self._house.reading() as session:
            return set(session.scalars(rows).all())


def told_of(house: House, result: FileResult) -> dict[str, Any]:
    """What became of one file, as it is printed."""
    told: dict[str, Any] = {
        "name": result.name,
        "name_b64": result.name_b64,
        "path": result.path,
        "size": result.size,
        "sha256": result.sha256,
        "recording_id": result.recording_id,
        "state": result.state,
        "reason": result.reason,
        "receipt": result.state == "receipted",
    }
    if result.recording_id is None:
        return told
    with house.reading() as session:
        master = UUID(result.recording_id)
        sidecar = session.get(Sidecar, master)
        if sidecar is not None:
            beside = str(sidecar.recording_id) if sidecar.recording_id else None
            return {**told, "state": "sidecar", "recording_id": beside, "master_id": str(master)}
        recording = session.get_one(Recording, master)
        open_one = select(Quarantine.reason).where(Quarantine.recording_id == master, Quarantine.closed_at.is_(None))
        quarantined = session.scalars(open_one).one_or_none()
    if quarantined is not None:
        return {**told, "state": "quarantined", "reason": quarantined}
    return {**told, "state": recording.playability.value, "reason": recording.playability_reason}
