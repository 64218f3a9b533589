"""The story of a dock: devices come, are listed, settle, are carried, receipted, and go.

One thread goes round and decides; what may have to wait (disks, network) is done by others and looked at when it is
finished. Any round may be the last: what it had begun is found again from journal, device and server.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Protocol

from ingest.agent import clock
from ingest.agent.awaiting import Awaiting
from ingest.agent.budget import Budget
from ingest.agent.carriers import Carriers
from ingest.agent.client import Server
from ingest.agent.devices import Devices
from ingest.agent.docking import Place
from ingest.agent.errors import AgentFault, JournalAway
from ingest.agent.identity import AgentIdentity
from ingest.agent.journal import Journal
from ingest.agent.protocol import FileState
from ingest.agent.proving import Proving
from ingest.agent.reach import Reach
from ingest.agent.reception import Reception
from ingest.agent.reporting import Reporter
from ingest.agent.settings import Settings
from ingest.agent.store import PartStore
from ingest.agent.tracking import Device, Tracked
from ingest.agent.upholding import Upholding
from ingest.agent.upload import Means

log = logging.getLogger(__name__)

LONGEST_ROUND = 1.0  # seconds between rounds where nothing happens
BUSY_ROUND = 0.2  # where something is under way
SHORTEST_ROUND = 0.01  # so that a thousand small files do not mean a thousand rounds
LOOKERS = 4  # devices looked at side by side, so that one that hangs does not hold the others
MOVED = frozenset({FileState.CHECKING, FileState.RECEIPTED, FileState.REFUSED})


class Listener(Protocol):
    """Who wants to know what happens here, beside the server."""

    def changed(self, device: Device, file: Tracked) -> None:
        """A file stands elsewhere, or more of it has been sent."""

    def rounded(self, agent: Agent) -> None:
        """One round is over."""


class Agent:
    """One agent at work. Make it, then `run` it once."""

    def __init__(  # noqa: PLR0913 - everything it works with comes in at this one door
        self,
        settings: Settings,
        identity: AgentIdentity,
        journal: Journal,
        *,
        find_places: Callable[[], Sequence[Place]],
        stop: threading.Event,
        wake: threading.Event,
        listener: Listener,
    ) -> None:
        self.settings, self.identity, self.journal, self._listener = settings, identity, journal, listener
        self.stop, self.wake = stop, wake
        self.reach = Reach(wake)
        server = Server(settings, identity, stop)
        self._lookers = ThreadPoolExecutor(LOOKERS, "looker")
        self._senders = ThreadPoolExecutor(settings.upload_threads, "sender")
        self._upholding = Upholding(server, journal)
        proving = Proving(server, journal, identity.receipt_keys)
        self._reporter = Reporter(server, journal, proving, self._upholding, self.reach, stop)
        self._awaiting = Awaiting(server, self.reach, stop, wake)
        means = Means(
            identity=identity,
            server=server,
            store=PartStore(settings, stop),
            journal=journal,
            budget=Budget(settings.buffer_mib << 20, stop),
            senders=self._senders,
            stop=stop,
        )
        self.reception = Reception(
            find_places,
            every=settings.sweep_seconds,
            server=server,
            journal=journal,
            lookers=self._lookers,
            wake=wake,
        )
        self.devices = Devices(settings, journal, self._reporter, self._lookers, wake)
        self.carriers = Carriers(settings, means, self.devices, self._awaiting, self._upholding, self.reach)
        self.reason: str | None = None
        self.moved_at = clock.monotonic()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Go round until told to stop or `until` says so. Raises AgentRevoked; other troubles are waited out."""
        with ExitStack() as at_the_end:
            at_the_end.callback(self._leave_off)
            self._reporter.start()
            self._awaiting.start()
            while not self.stop.is_set() and not until():
                began = clock.monotonic()
                self._round_or_wait(began)
                self._listener.rounded(self)
                if self.reach.revoked:
                    raise self.reach.revoked
                self.wake.wait(BUSY_ROUND if self.is_busy else LONGEST_ROUND)
                self.wake.clear()
                self.stop.wait(max(0.0, SHORTEST_ROUND - (clock.monotonic() - began)))

    @property
    def is_busy(self) -> bool:
        """Whether anything is under way on this side."""
        return self.carriers.are_busy or self.devices.are_busy or self.reception.is_busy

    def notice(self, path: bytes) -> None:
        """Something happened at a path."""
        if not self.devices.hint(path):
            self.reception.hurry()

    def close_all(self, because: str, *, seconds: float) -> None:
        """Say that every device is done with, and wait so long at most until the server has been told."""
        until = clock.monotonic() + (0.0 if self.reach.away else seconds)
        for telling in [self.devices.farewell(device, because, lost_because=because) for device in self.devices]:
            telling.closed.wait(max(0.0, until - clock.monotonic()))

    def _round_or_wait(self, now: float) -> None:
        try:
            self._round(now)
            self.reason = None
        except JournalAway as trouble:
            # Nothing may be copied that is not written down first: stand still, say so, and try again.
            if self.reason != trouble.reason:
                log.warning("the agent stands still", extra={"reason": trouble.reason})
            self.reason = trouble.reason
            self.stop.wait(2.0)

    def _round(self, now: float) -> None:
        for docked in self.reception.arrivals(now, present=[device.place for device in self.devices]):
            self.devices.welcome(docked, now)
        self.devices.look(now)
        self.devices.see(now)
        self.devices.lose(self._upholding)
        self.devices.list_news()
        self.carriers.collect(now)
        self.carriers.hear(now)
        self.carriers.let_go(self.wake)
        self.carriers.admit(now, self.wake)
        self._tell()
        self._check_helpers()

    def _tell(self) -> None:
        for device in self.devices:
            names, device.dirty = list(device.dirty), set()
            self.devices.report(device, names)
            for name in names:
                file = device.files[name]
                if file.state in MOVED or file.bytes_sent > file.most_sent:
                    file.most_sent = max(file.most_sent, file.bytes_sent)
                    self.moved_at = clock.monotonic()
                self._listener.changed(device, file)

    def _check_helpers(self) -> None:
        """A thread that died of a fault has said so in the log; an agent without it would only seem to work."""
        for helper in (self._reporter, self._awaiting):
            if not helper.is_alive() and not self.stop.is_set():
                raise AgentFault(RuntimeError(f"{type(helper).__name__} has ended"))

    def _leave_off(self) -> None:
        """Stop cleanly: parts on their way end at the stop sign, and are found again at the next start."""
        self.stop.set()
        self._lookers.shutdown(wait=False, cancel_futures=True)
        self.carriers.stop()
        self._senders.shutdown(wait=True, cancel_futures=True)
        self._reporter.join(10)
        self._awaiting.join(10)
