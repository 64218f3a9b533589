"""Notices devices that come, lists each before anything is read, and writes the listing into the journal.

A session that was open when the agent last stopped goes on where the device is still the same one; where it is not,
the device was taken away meanwhile, and that is said.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from ingest.agent import clock, release, timing
from ingest.agent.admission import priority_of
from ingest.agent.client import Server
from ingest.agent.digests import Digests
from ingest.agent.docking import Examination, Place, list_place, places_in, presence_of
from ingest.agent.errors import AgentError, JournalAway, SourceUnreadable
from ingest.agent.identifiers import new_id
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import KeptReceipt, SessionRow
from ingest.agent.pools import result_of, send_off
from ingest.agent.settings import Dock
from ingest.agent.sighting import Identity, Sighting
from ingest.agent.tracking import Device
from ingest.agent.watcher import Watcher

log = logging.getLogger(__name__)

Key = tuple[bytes, bool]


@dataclass(frozen=True, slots=True)
class Docked:
    """A device that was listed and written into the journal, with what is known of its files from before."""

    place: Place
    session: SessionRow
    seen: Examination
    receipted: Mapping[bytes, tuple[Identity, Digests, KeptReceipt]]
    fault: str | None = None
    lost: Sequence[Sighting] = ()
    """What the session listed before, without a receipt, and is not there now."""

    def as_device(self, key: int) -> Device:
        """The device to keep track of."""
        return Device(key=key, place=self.place, session=self.session, priority=priority_of(self.place.kind))


class Docks:
    """Finds devices in dock folders, and watches these so that it is asked in time."""

    def __init__(self, docks: Sequence[Dock], watcher: Watcher) -> None:
        self._docks, self._watcher = docks, watcher
        self.faults: dict[str, str] = {}

    def __call__(self) -> list[Place]:
        """The devices that are there now; a folder that will not be listed is named in `faults`."""
        found: list[Place] = []
        for dock in self._docks:
            try:
                found += places_in(dock)
            except SourceUnreadable as fault:
                if self.faults.get(str(dock.folder)) != fault.reason:
                    log.warning("a dock folder cannot be listed", extra={"reason": fault.reason})
                self.faults[str(dock.folder)] = fault.reason
                self._watcher.forget(dock.folder.resolve())
            else:
                self.faults.pop(str(dock.folder), None)
                self._watcher.watch(dock.folder.resolve())
        return found


class Reception:
    """Finds places, docks what is new there, and adopts sessions of the run before."""

    def __init__(
        self,
        find_places: Callable[[], Sequence[Place]],
        *,
        every: float,
        server: Server,
        journal: Journal,
        lookers: Executor,
        wake: threading.Event,
    ) -> None:
        self._find, self._every = find_places, every
        self._server, self._journal, self._lookers, self._wake = server, journal, lookers, wake
        self._finding: Future[Sequence[Place]] | None = None
        self._next_find = 0.0
        self._docking: dict[Key, Future[Docked]] = {}
        self._before = {(session.root, session.deep): session for session in journal.open_sessions()}
        self._is_first = True
        self.faults: dict[Key, str] = {}
        release.recover(journal, {session.id: session.root for session in self._before.values()})

    @property
    def is_busy(self) -> bool:
        """Whether a device may still turn up without anybody docking one."""
        return self._is_first or bool(self._docking)

    def hurry(self) -> None:
        """Something happened in a dock folder: look at once."""
        self._next_find = 0.0

    def arrivals(self, now: float, present: Iterable[Place]) -> list[Docked]:
        """Devices docked since this was last called. Raises JournalAway where a listing cannot be written down."""
        if self._finding is None and now >= self._next_find:
            self._finding = send_off(self._lookers, self._wake, self._find)
        if self._finding is not None and self._finding.done():
            finding, self._finding, self._next_find = self._finding, None, now + self._every
            places = result_of(finding)
            self._dock_new(places, {key_of(place) for place in present})
        return self._docked()

    def _dock_new(self, places: Sequence[Place], present: set[Key]) -> None:
        for place in places:
            key = key_of(place)
            if key not in present and key not in self._docking:
                before = self._before.pop(key, None)
                self._docking[key] = send_off(self._lookers, self._wake, self._dock, place, before)
        if self._is_first:
            for session in self._before.values():
                self._journal.close_session(session.id, "The device was taken away while the agent did not run.")
            self._before.clear()
            self._is_first = False

    def _docked(self) -> list[Docked]:
        arrived = []
        for key, future in list(self._docking.items()):
            if not future.done():
                continue
            del self._docking[key]
            try:
                arrived.append(result_of(future))
                self.faults.pop(key, None)
            except JournalAway:
                raise
            except AgentError as fault:
                # It is found again at the next look into the dock folder, and tried again.
                log.warning("a device cannot be listed", extra={"device": os.fsdecode(key[0]), "reason": fault.reason})
                self.faults[key] = fault.reason
        return arrived

    def _dock(self, place: Place, before: SessionRow | None) -> Docked:
        """In a looker's thread: list a device and write the listing down, before its first byte is copied."""
        dev, ino = presence_of(place)
        seen, fault = _listed(place)
        if before is not None and (before.dev, before.ino, before.label) == (dev, ino, place.label):
            self._journal.list_more(before.id, seen.sightings)
            return Docked(place, before, seen, self._journal.receipted_in(before.id), fault, self._lost(before, seen))
        if before is not None:
            self._journal.close_session(before.id, "The device was taken away while the agent did not run.")
        offset = timing.measure(self._server.time)
        session = SessionRow(
            id=str(new_id()),
            root=place.root,
            deep=place.deep,
            label=place.label,
            bay=place.bay,
            kind=place.kind.value,
            dev=dev,
            ino=ino,
            opened_at=clock.now_as_text(),
            clock_offset_ms=offset.offset_ms if offset else None,
            clock_round_trip_ms=offset.round_trip_ms if offset else None,
        )
        self._journal.open_session(session, seen.sightings)
        return Docked(place, session, seen, {}, fault)

    def _lost(self, before: SessionRow, seen: Examination) -> list[Sighting]:
        if not seen.complete:
            return []  # what was not listed may be there; the next whole listing says
        there = {one.name for one in seen.sightings}
        return [one for one in self._journal.listed_in(before.id) if one.name not in there]


def _listed(place: Place) -> tuple[Examination, str | None]:
    """What a device holds; one that will not say is docked all the same, with the reason, and asked again."""
    try:
        return list_place(place), None
    except SourceUnreadable as fault:
        return Examination((), complete=False, whole=True), fault.reason


def key_of(place: Place) -> Key:
    """What tells places apart: a dock folder's own files and its subfolders' have one path in common."""
    return place.root, place.deep
