"""Files and folders handed in by name: the same path as a dock, until each has its receipt or a reason why not."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ingest.agent import clock, identity
from ingest.agent.agent import Agent
from ingest.agent.client import Server
from ingest.agent.docking import Place, gathered, place_of_path
from ingest.agent.errors import Away, Refused, SourceError, Stopping
from ingest.agent.holding import holding
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import LostReceipt
from ingest.agent.kept import KeptReceipts, Source
from ingest.agent.names import as_b64, as_text
from ingest.agent.protocol import FileState
from ingest.agent.reception import key_of
from ingest.agent.settings import Kind, Settings, changed
from ingest.agent.sighting import look
from ingest.agent.status import StatusFile
from ingest.agent.tracking import ENDED, Device, Tracked
from ingest.agent.upholding import Upholding

log = logging.getLogger(__name__)

MOST_FAILURES = 5  # after so many of a file's own, its reason is the answer
LAST_WORDS = 10.0  # seconds to tell the server that everything handed in is done with
DONE = "Everything that was handed in has been dealt with."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What became of one file. `state` is `receipted`, `refused`, `gone`, or where it stood when waiting ended."""

    path: str
    name: str
    name_b64: str
    size: int
    sha256: str | None
    recording_id: str | None
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A file stands elsewhere, or more of it has been sent."""

    path: str
    name: str
    name_b64: str
    state: str
    bytes_sent: int
    bytes_total: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """How many receipts the server was asked about, those it no longer knows, and of them those whose source is gone.

    `results` is what became of files that were offered again, those of earlier losses too.
    """

    asked: int
    lost: tuple[LostReceipt, ...]
    gone: tuple[LostReceipt, ...]
    results: list[FileResult]


@dataclass(frozen=True, slots=True)
class Looked:
    """What the newest receipts of earlier calls came to: those that are lost, or why the server could not be asked."""

    lost: Sequence[LostReceipt] = ()
    away: str | None = None


OnEvent = Callable[[Event], None]
OnResult = Callable[[FileResult], None]
OnLooked = Callable[[Looked], None]


def ingest_once(
    paths: Sequence[str | bytes | os.PathLike[str]],
    settings: Settings,
    on_event: OnEvent = lambda _: None,
    *,
    stop: threading.Event | None = None,
    on_result: OnResult = lambda _: None,
    on_looked: OnLooked = lambda _: None,
) -> list[FileResult]:
    """Take files and folders in, and come back when each file has a receipt, a refusal or a reason.

    First the newest receipts of earlier calls are held against the server, all of them where it no longer knows one:
    whoever calls this does not stay to do it later. `on_looked` is told which are lost, or why the
    server could not be asked, which is then waited for.

    `on_event` and `on_result` are called from this thread, the latter once for each file, when it has its receipt.
    With server or store away it waits `settings.patience_seconds` with nothing
    moving. Interrupted, by `stop` or outright, it may be called again and goes on where it was.
    Raises NotEnrolled, IdentityUnsafe, StateInUse, JournalAway, AgentRevoked.
    """
    with _opened(settings) as (told, me, journal):
        ending = stop or threading.Event()
        on_looked(_look_at_newest(Server(told, me, ending), journal))
        handed_in = _find([os.fsencode(path) for path in paths], me.name)
        return _Once(handed_in, told, me, journal, _Ears(on_event, on_result), ending).run()


def check_receipts(
    settings: Settings,
    on_event: OnEvent = lambda _: None,
    *,
    stop: threading.Event | None = None,
    on_result: OnResult = lambda _: None,
) -> Checked:
    """Hold every kept receipt against the server, and offer again what it lost and what is still where it was.

    Raises Away and Refused where the server does not say, and what `ingest_once` raises.
    """
    with _opened(settings) as (told, me, journal):
        ending = stop or threading.Event()
        held = Upholding(Server(told, me, ending), journal).go_over(everything=True)
        places = _still_there(KeptReceipts(journal).sources(), me.name)
        results = _Once(_HandedIn(places, []), told, me, journal, _Ears(on_event, on_result), ending).run()
        offered = {(place.label, name) for place in places for name in place.only or ()}
        gone = tuple(one for one in held.lost if (one.label, one.name) not in offered)
        return Checked(held.asked, held.lost, gone, results)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Settings, identity.AgentIdentity, Journal]]:
    """The state folder, held: settings that know the server, who we are, the journal."""
    with holding(settings.state):
        me = identity.load(settings.state)
        told = changed(settings, server=settings.server or me.server)
        journal = Journal(told.state)
        try:
            yield told, me, journal
        finally:
            journal.close()


def _look_at_newest(server: Server, journal: Journal) -> Looked:
    try:
        return Looked(Upholding(server, journal).go_over(everything=False).lost)
    except (Away, Refused, Stopping) as reason:
        # Whatever keeps the server from answering is waited out below, and becomes each file's reason.
        log.warning("kept receipts were not held against the server", extra={"reason": reason.reason})
        return Looked(away=reason.reason)


def _still_there(sources: Iterable[Source], bay: str) -> list[Place]:
    """The places of files that are as they were when they were taken in: each under its device's own label."""
    found = []
    for one in sources:
        seen = None
        with suppress(SourceError):  # cannot be read: then it cannot be offered either, and counts as gone
            seen = look(one.root, one.name)
        if seen is None or seen.refused or (seen.identity.size, seen.identity.mtime_ns) != (one.size, one.mtime_ns):
            continue
        only = frozenset({one.name})
        found.append(Place(root=one.root, label=one.label, bay=bay, kind=Kind.WORKSTATION, deep=False, only=only))
    return gathered(found)


def _find(paths: Sequence[bytes], bay: str) -> _HandedIn:
    found, absent = [], []
    for path in dict.fromkeys(paths):
        try:
            found.append(place_of_path(path, bay))
        except SourceError as error:
            absent.append(_not_there(path, error.reason))
    return _HandedIn(gathered(found), absent)


@dataclass(frozen=True, slots=True)
class _HandedIn:
    """Where it is, and what of it is not there."""

    places: list[Place]
    absent: list[FileResult]


@dataclass(frozen=True, slots=True)
class _Ears:
    """Who hears of what happens."""

    on_event: OnEvent
    on_result: OnResult


class _Once:
    """One run over what was handed in."""

    def __init__(
        self,
        handed_in: _HandedIn,
        settings: Settings,
        me: identity.AgentIdentity,
        journal: Journal,
        ears: _Ears,
        stop: threading.Event,
    ) -> None:
        self._ears, self._patience = ears, settings.patience_seconds
        self._told: set[str] = set()
        self._places, self._absent = handed_in.places, handed_in.absent
        self._seen: dict[tuple[bytes, bool], Device] = {}
        self._results: list[FileResult] | None = None
        self._status = StatusFile(settings.state)
        self._outer_stop = stop
        self._agent = Agent(
            settings,
            me,
            journal,
            find_places=lambda: self._places,
            stop=threading.Event(),
            wake=threading.Event(),
            listener=self,
        )

    def run(self) -> list[FileResult]:
        """Until everything has ended; then tell the server, and give back the results."""
        if self._places:
            self._agent.run(until=self._is_over)
        return [*self._absent, *(self._results if self._results is not None else self._collect())]

    # --- what the agent tells

    def changed(self, device: Device, file: Tracked) -> None:
        """Hand an event on."""
        path, name, name_b64 = _called(device, file)
        self._ears.on_event(
            Event(
                path=path,
                name=name,
                name_b64=name_b64,
                state=file.state.value,
                bytes_sent=min(max(0, file.bytes_sent), file.identity.size),
                bytes_total=file.identity.size,
                reason=file.reason,
            )
        )
        if file.state is FileState.RECEIPTED and path not in self._told:
            self._told.add(path)
            self._ears.on_result(_result_of(device, file))

    def rounded(self, agent: Agent) -> None:
        """Keep in mind every device that was there, also one that was taken away."""
        for device in agent.devices:
            self._seen[key_of(device.place)] = device
        self._status.write(agent, {})

    # --- when is it over

    def _is_over(self) -> bool:
        if self._outer_stop.is_set():
            return True
        waited_out = clock.monotonic() - self._agent.moved_at > self._patience
        if not (waited_out or self._is_finished()):
            return False
        self._results = self._collect()
        self._agent.close_all(DONE, seconds=LAST_WORDS)
        return True

    def _is_finished(self) -> bool:
        faults = self._agent.reception.faults
        if any(key not in self._seen and key not in faults for key in map(key_of, self._places)):
            return False
        if self._agent.carriers.are_busy:
            return False
        return all(_has_ended(file) for device in self._seen.values() for file in device.files.values())

    def _collect(self) -> list[FileResult]:
        results = [
            _result_of(device, device.files[name]) for device in self._seen.values() for name in sorted(device.files)
        ]
        results += [
            _not_there(device.place.root, device.reason, state=FileState.WAITING)
            for device in self._seen.values()
            if device.reason and not device.files
        ]
        unseen = [place for place in self._places if key_of(place) not in self._seen]
        for place in unseen:
            reason = self._agent.reception.faults.get(key_of(place), "The agent was stopped before it was looked at.")
            results.append(_not_there(place.root, reason))
        return results


def _has_ended(file: Tracked) -> bool:
    return file.state in ENDED or (file.failures >= MOST_FAILURES and file.state is FileState.WAITING)


def _called(device: Device, file: Tracked) -> tuple[str, str, str]:
    path = as_text(os.path.join(device.place.root, file.name))  # noqa: PTH118 - Path cannot hold raw bytes
    return path, as_text(file.name), as_b64(file.name)


def _result_of(device: Device, file: Tracked) -> FileResult:
    path, name, name_b64 = _called(device, file)
    return FileResult(
        path=path,
        name=name,
        name_b64=name_b64,
        size=file.identity.size,
        sha256=file.digests.sha256 if file.digests else None,
        recording_id=file.receipt.recording_id if file.receipt else None,
        state=file.state.value,
        reason=file.reason,
    )


def _not_there(path: bytes, reason: str, *, state: FileState = FileState.GONE) -> FileResult:
    return FileResult(
        path=as_text(path),
        name=as_text(os.path.basename(path) or path),  # noqa: PTH119 - Path cannot hold raw bytes
        name_b64=as_b64(os.path.basename(path) or path),  # noqa: PTH119
        size=0,
        sha256=None,
        recording_id=None,
        state=state.value,
        reason=reason,
    )
