"""`continuity ingest`: files handed in by name take the same path as a dock's, and are waited for.

Where nothing runs on the data folder the whole system is started for as long as this takes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from ingest.agent import identity
from ingest.agent.errors import AgentError, StateInUse
from ingest.agent.journal_rows import LostReceipt
from ingest.agent.names import as_text
from ingest.agent.once import Checked, Event, FileResult, Looked, OnEvent, OnResult, ingest_once
from ingest.agent.once import check_receipts as hold_receipts
from ingest.agent.settings import Settings

Say = Callable[[str], None]
WORKSTATION = "workstation"  # folder of the agent that hands in by name, below the data folder


def take_in(
    paths: Sequence[Path], data: Path, *, show: bool, say: Say, tell: Tell = lambda _: None
) -> list[dict[str, Any]]:
    """Take files and folders in; what became of each, which `tell` hears as soon as that is settled.

    Raises KnownTrouble in words that a person can act on.
    """

    def send(settings: Settings, stop: threading.Event, hears: Ears) -> list[FileResult]:
        looked = list[Looked]()

        def hear(found: Looked) -> None:
            looked.append(found)
            if found.away is not None:
                say(f"The server could not be asked about earlier receipts; this waits for it. {found.away}")

        sent = ingest_once(paths, settings, hears.on_event, stop=stop, on_result=hears.on_result, on_looked=hear)
        lost = [one for found in looked for one in found.lost]
        for one in lost:
            say(_lost_in_words(one))
        if lost:
            say("Run `continuity ingest --check-receipts`: it offers again what is still where it was")
        return sent

    return _with_results(data, send, show=show, say=say, tell=tell)


def check_receipts(data: Path, *, show: bool, say: Say, tell: Tell = lambda _: None) -> Held:
    """Hold every receipt of what was handed in by name against the records, and hand in again what they have lost.

    Raises KnownTrouble in words that a person can act on.
    """
    if not identity.is_enrolled(data.resolve() / WORKSTATION):
        raise KnownTrouble(f"Nothing was ever handed in by name on {data}: there is no receipt to check.")
    found = list[Checked]()

    def send(settings: Settings, stop: threading.Event, hears: Ears) -> list[FileResult]:
        checked = hold_receipts(settings, hears.on_event, stop=stop, on_result=hears.on_result)
        found.append(checked)
        return checked.results

    results = _with_results(data, send, show=show, say=say, tell=tell)
    gone = [_lost_in_words(one) for one in found[0].gone]
    return Held(asked=found[0].asked, lost=len(found[0].lost), gone=gone, offered=results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How many receipts were asked about, how many are lost, which of them have no source any more, in words.

    `offered` is what became of files that were handed in again.
    """

    asked: int
    lost: int
    gone: list[str]
    offered: list[dict[str, Any]]

    @property
    def is_whole(self) -> bool:
        """Whether everything that has a receipt is held, now at the latest."""
        return not self.gone and all(each["receipt"] for each in self.offered)


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of files that move, and of those that have their receipt."""

    on_event: OnEvent
    on_result: OnResult


Send = Callable[[Settings, threading.Event, Ears], list[FileResult]]


def _lost_in_words(one: LostReceipt) -> str:
    return (
        f"{as_text(one.name)} of {one.label} has a receipt ({one.receipt_id}) that this system no longer knows: its"
        " database was restored from an older copy. The incident says where its bytes are"
    )


def _with_results(data: Path, send: Send, *, show: bool, say: Say, tell: Tell) -> list[dict[str, Any]]:
    stop = threading.Event()
    stop_on_signals(stop)
    with _system(data, say=say) as (embedded, url):
        state = embedded.data / WORKSTATION
        enrol(embedded, url, state, kind=AgentKind.WORKSTATION, name="Handed in on the command line")
        results = Results(embedded.house(), tell)
        results.start()
        try:
            sent = _send_in_turn(send, Settings(server=url, state=state), stop, results.add, show=show, say=say)
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
    send: Send, settings: Settings, stop: threading.Event, on_result: OnResult, *, show: bool, say: Say
) -> list[FileResult]:
    """Send, once nobody else hands files in from this data folder. Each file's reason is in its result."""
    logging.getLogger("ingest.agent").addHandler(logging.NullHandler())
    logging.getLogger("ingest.agent").propagate = False
    told = False
    while True:
        try:
            with _bars(show=show) as on_event:
                return send(settings, stop, Ears(on_event, on_result))
        except StateInUse as busy:
            if not told:
                say("Files are being handed in by another command; this one waits for its turn")
                told = True
            if stop.wait(1.0):
                raise KnownTrouble("Stopped before any file was sent.") from busy
        except AgentError as error:
            raise KnownTrouble(error.reason) from error


@contextmanager
def _bars(*, show: bool) -> Iterator[OnEvent]:
    if not show:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bars(progress).on_event


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
