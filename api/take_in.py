"""`continuity ingest`: files handed in by name take the same path as a dock's, and are waited for.

Where nothing runs on the data folder the whole system is started for as long as this takes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from sqlalchemy import select

from api.system import Embedded
from api.trouble import KnownTrouble
from api.up import Up, Wanted, enrol, running_at, stop_on_signals
from evidence.bootstrap import House
from evidence.models import Quarantine, Recording, Sidecar
from evidence.vocabulary import AgentKind, Condition, Playability
from ingest.agent.errors import AgentError, StateInUse
from ingest.agent.once import Event, FileResult, ingest_once
from ingest.agent.settings import Settings

Say = Callable[[str], None]
EXAMINED_WITHIN = 120.0  # seconds without progress before a recording is reported as still to be examined


def take_in(paths: Sequence[Path], data: Path, *, show: bool, say: Say) -> list[dict[str, Any]]:
    """Take files and folders in; what became of each. Raises KnownTrouble in words that a person can act on."""
    stop = threading.Event()
    stop_on_signals(stop)
    with _system(data, say=say) as (embedded, url):
        state = embedded.data / "workstation"
        enrol(embedded, url, state, kind=AgentKind.WORKSTATION, name="Handed in on the command line")
        results = _send_in_turn(paths, Settings(server=url, state=state), stop, show=show, say=say)
        house = embedded.house()
        _await_examination(house, results, stop)
        return [_told(house, result) for result in results]


@contextmanager
def _system(data: Path, *, say: Say) -> Iterator[tuple[Embedded, str]]:
    url = running_at(data)
    if url is not None:
        yield Embedded.of(data), url
        return
    say(f"Nothing runs on {data}: the system is started for as long as this takes")
    with Up(Wanted(data=data, port=0, demo=False, agent=False), say=say) as system:
        watching = threading.Event()
        keeper = threading.Thread(target=system.watch, args=(watching,), daemon=True)
        keeper.start()
        try:
            yield system.embedded, system.url
        finally:
            watching.set()
            keeper.join()


def _send_in_turn(
    paths: Sequence[Path], settings: Settings, stop: threading.Event, *, show: bool, say: Say
) -> list[FileResult]:
    """Send, once nobody else hands files in from this data folder. Each file's reason is in its result."""
    logging.getLogger("ingest.agent").addHandler(logging.NullHandler())
    logging.getLogger("ingest.agent").propagate = False
    told = False
    while True:
        try:
            return _send(paths, settings, stop, show=show)
        except StateInUse as busy:
            if not told:
                say("Files are being handed in by another command; this one waits for its turn")
                told = True
            if stop.wait(1.0):
                raise KnownTrouble("Stopped before any file was sent.") from busy
        except AgentError as error:
            raise KnownTrouble(error.reason) from error


def _send(paths: Sequence[Path], settings: Settings, stop: threading.Event, *, show: bool) -> list[FileResult]:
    if not show:
        return ingest_once(paths, settings, stop=stop)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        return ingest_once(paths, settings, _Bars(progress).on_event, stop=stop)


class _Bars:
    """One bar for all bytes, with the file that moves now beside it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("Looking", total=None)
        self._files: dict[str, tuple[int, int]] = {}

    def on_event(self, event: Event) -> None:
        """A file has moved on."""
        self._files[event.path] = (event.bytes_sent, event.bytes_total)
        self._progress.update(
            self._task,
            description=f"{event.state}  {event.name[-50:]}",
            completed=sum(sent for sent, _ in self._files.values()),
            total=sum(total for _, total in self._files.values()),
        )


def _await_examination(house: House, results: Sequence[FileResult], stop: threading.Event) -> None:
    """Wait until each recording has been examined, so that its state can be told; never longer than that."""
    wanted = {UUID(result.recording_id) for result in results if result.recording_id}
    before, moved = len(wanted) + 1, time.monotonic()
    while wanted and not stop.wait(0.3):
        with house.reading() as session:
            rows = select(Recording.id).where(
                Recording.id.in_(wanted),
                Recording.condition == Condition.UNEXAMINED,
                Recording.playability == Playability.WAITING,
            )
            waiting = len(session.scalars(rows).all())
        if waiting == 0 or time.monotonic() - moved > EXAMINED_WITHIN:
            return
        if waiting < before:
            before, moved = waiting, time.monotonic()


def _told(house: House, result: FileResult) -> dict[str, Any]:
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
