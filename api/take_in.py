"""`continuity ingest`: files handed in by name take the same path as a dock's, and are waited for.

Where nothing runs on the data folder the whole system is started for as long as this takes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

from api.results import Results, Tell
from api.system import Embedded
from api.trouble import KnownTrouble
from api.up import Up, Wanted, enrol, running_at, stop_on_signals
from evidence.vocabulary import AgentKind
from ingest.agent.errors import AgentError, StateInUse
from ingest.agent.once import Event, FileResult, OnResult, ingest_once
from ingest.agent.settings import Settings

Say = Callable[[str], None]


def take_in(
    paths: Sequence[Path], data: Path, *, show: bool, say: Say, tell: Tell = lambda _: None
) -> list[dict[str, Any]]:
    """Take files and folders in; what became of each, which `tell` hears as soon as that is settled.

    Raises KnownTrouble in words that a person can act on.
    """
    stop = threading.Event()
    stop_on_signals(stop)
    with _system(data, say=say) as (embedded, url):
        state = embedded.data / "workstation"
        enrol(embedded, url, state, kind=AgentKind.WORKSTATION, name="Handed in on the command line")
        results = Results(embedded.house(), tell)
        results.start()
        try:
            settings = Settings(server=url, state=state)
            sent = _send_in_turn(paths, settings, stop, show=show, say=say, on_result=results.add)
        finally:
            results.stop()
        return results.finish(sent, stop)


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
    paths: Sequence[Path], settings: Settings, stop: threading.Event, *, show: bool, say: Say, on_result: OnResult
) -> list[FileResult]:
    """Send, once nobody else hands files in from this data folder. Each file's reason is in its result."""
    logging.getLogger("ingest.agent").addHandler(logging.NullHandler())
    logging.getLogger("ingest.agent").propagate = False
    told = False
    while True:
        try:
            return _send(paths, settings, stop, show=show, on_result=on_result)
        except StateInUse as busy:
            if not told:
                say("Files are being handed in by another command; this one waits for its turn")
                told = True
            if stop.wait(1.0):
                raise KnownTrouble("Stopped before any file was sent.") from busy
        except AgentError as error:
            raise KnownTrouble(error.reason) from error


def _send(
    paths: Sequence[Path], settings: Settings, stop: threading.Event, *, show: bool, on_result: OnResult
) -> list[FileResult]:
    if not show:
        return ingest_once(paths, settings, stop=stop, on_result=on_result)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        return ingest_once(paths, settings, _Bars(progress).on_event, stop=stop, on_result=on_result)


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
