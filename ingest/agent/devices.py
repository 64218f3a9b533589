"""The devices that are docked now: welcomed, looked at, listed, and taken leave of.

Looking is done by other threads, because a dying device may not answer for minutes; the deciding is done here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import count

from ingest.agent import clock
from ingest.agent.docking import Examination, examine
from ingest.agent.errors import AgentError, SourceGone
from ingest.agent.journal import Journal
from ingest.agent.names import SEPARATOR, from_path
from ingest.agent.pools import result_of, send_off
from ingest.agent.protocol import FileState
from ingest.agent.reception import Docked
from ingest.agent.reporting import Reporter, Telling
from ingest.agent.settings import Settings
from ingest.agent.tracking import Device
from ingest.agent.upholding import Upholding

log = logging.getLogger(__name__)

UNPLUGGED = "The device was unplugged before this was taken; dock it again."


class Devices:
    """Every docked device, by its number within this run."""

    def __init__(
        self, settings: Settings, journal: Journal, reporter: Reporter, lookers: Executor, wake: threading.Event
    ) -> None:
        self._settings, self._journal, self._reporter = settings, journal, reporter
        self._lookers, self._wake = lookers, wake
        self._keys = count(1)
        self._looking: dict[int, tuple[Future[Examination], float]] = {}
        self.docked: dict[int, Device] = {}
        self._left: dict[int, Device] = {}
        self.tellings: dict[int, Telling] = {}

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self.docked.values()))

    @property
    def are_busy(self) -> bool:
        """Whether somebody is looking, or something settles."""
        now = clock.monotonic()
        return bool(self._looking) or any(device.unsettled(now + 1.0) for device in self)

    def welcome(self, docked: Docked, now: float) -> None:
        """A device was docked; its listing is in the journal already."""
        device = docked.as_device(next(self._keys))
        self.docked[device.key] = device
        telling = self.tellings[device.key] = self._reporter.open(device.session)
        device.take(docked.seen, now)
        device.lose(docked.lost, now)
        _recall(device, docked)
        self._mark_listed(device, telling.list_files(list(device.unlisted.values()), complete=device.listing_complete))
        device.settle_seen(docked.seen, self._settings, now, clock.now_ns())
        device.next_sweep, device.reason = now + self._settings.sweep_seconds, docked.fault
        log.info("device docked", extra={**_named(device), "files": len(device.files)})

    def hint(self, path: bytes) -> bool:
        """Something happened at a path; false where no docked device is meant."""
        for device in sorted(self, key=lambda one: -len(one.place.root)):
            root = device.place.root
            if path == root:
                device.next_sweep = 0.0
                return device.place.deep
            if path.startswith(root.rstrip(SEPARATOR) + SEPARATOR):
                name = from_path(path[len(root.rstrip(SEPARATOR)) + 1 :])
                if device.place.deep or b"/" not in name:
                    device.hint(name)
                    return device.place.deep
        return False

    def look(self, now: float) -> None:
        """Send somebody to look at each device of which it is time."""
        for device in self:
            if device.key in self._looking:
                continue
            wanted: list[bytes] | None = None
            if now < device.next_sweep:
                wanted = sorted({file.name for file in device.unsettled(now)} | device.look_for)
                if not wanted:
                    continue
            device.look_for = set()
            future = send_off(self._lookers, self._wake, examine, device.place, device.presence, wanted=wanted)
            self._looking[device.key] = (future, now)

    def see(self, now: float) -> None:
        """Take in what was seen."""
        for key, (future, began) in list(self._looking.items()):
            if future.done():
                del self._looking[key]
                if key in self.docked:
                    self._take_in(self.docked[key], future, began=began, now=now)

    def _take_in(self, device: Device, future: Future[Examination], *, began: float, now: float) -> None:
        try:
            seen = result_of(future)
        except SourceGone as gone:
            self.farewell(device, gone.reason)
            return
        except AgentError as trouble:
            device.reason, device.next_sweep = trouble.reason, now + self._settings.sweep_seconds
            return
        device.reason = None
        device.take(seen, now)
        device.settle_seen(seen, self._settings, now, clock.now_ns())
        if seen.whole:
            # A slow device is not asked for more than a twentieth of its time.
            device.next_sweep = now + max(self._settings.sweep_seconds, 20 * (now - began))
        elif seen.folders:
            device.next_sweep = 0.0

    def lose(self, upholding: Upholding) -> None:
        """Take in which receipts the server no longer knows: it is told anew of all that is docked, and without one.

        A copy that does not know a receipt does not know either what was listed after it was made.
        """
        is_lost = False
        while not upholding.lost.empty():
            lost, is_lost = upholding.lost.get(), True
            for device in self:
                if device.session.id == lost.session_id:
                    device.void(lost)
        for device in self if is_lost else ():
            device.list_again()

    def list_news(self) -> None:
        """Write order: the journal has a file before the server is told of it, and both before it is read."""
        for device in self:
            if device.unlisted:
                news = list(device.unlisted.values())
                self._journal.list_more(device.session.id, news)
                number = self.tellings[device.key].list_files(news, complete=device.listing_complete)
                self._mark_listed(device, number)
            if device.vanished:
                self._journal.unlist(device.session.id, device.vanished)
                device.vanished.clear()

    def _mark_listed(self, device: Device, number: int) -> None:
        for name in device.unlisted:
            device.files[name].listed = number
        device.unlisted.clear()
        self._reporter.hurry()

    def told(self, device: Device) -> int:
        """The number of the last listing of this device that the server has."""
        return self.tellings[device.key].told

    def report(self, device: Device, names: Iterable[bytes]) -> None:
        """Let the server know where some files stand."""
        telling = self.tellings[device.key]
        telling.reason = device.reason
        for name in names:
            file = device.files[name]
            if file.is_worth_telling:
                telling.report(file.report())
            else:
                telling.keep_quiet_about(name)

    def known(self, key: int) -> Device | None:
        """A device that is docked, or that left while receipts for its files were still awaited."""
        return self.docked.get(key) or self._left.get(key)

    def farewell(self, device: Device, because: str, *, lost_because: str = UNPLUGGED) -> Telling:
        """A device is gone: say what is missing and close its session. Receipts still awaited will still come."""
        lost = device.leave(lost_because)
        files = "1 file" if len(lost) == 1 else f"{len(lost)} files"
        reason = f"{because} {files} had not been taken." if lost else because
        self.report(device, device.dirty)
        telling = self.tellings.pop(device.key)
        del self.docked[device.key]
        awaited = {key: one for key, one in self._left.items() if one.awaits_receipts}
        self._left = {**awaited, device.key: device}
        telling.close(reason)
        self._reporter.hurry()
        self._journal.close_session(device.session.id, reason)
        log.info("device gone", extra={**_named(device), "reason": reason})
        return telling


def _recall(device: Device, docked: Docked) -> None:
    """Files of this session that had their receipts before the agent was started again."""
    for name, (identity, digests, kept) in docked.receipted.items():
        file = device.files.get(name)
        if file is not None and file.identity == identity:
            file.settled, file.digests, file.receipt, file.bytes_sent = True, digests, kept, identity.size
            device.put(file, FileState.RECEIPTED)


def _named(device: Device) -> dict[str, str]:
    return {"bay": device.place.bay, "device": device.place.label}
