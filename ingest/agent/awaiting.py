"""Waits for receipts: one thread asks about all arrivals that the server is checking, many at once.

It believes nothing: what it hears is handed on, and checked where it is used.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

from ingest.agent import patience
from ingest.agent.client import Server
from ingest.agent.digests import Digests
from ingest.agent.errors import AgentRevoked, Away, Refused, Stopping
from ingest.agent.journal_rows import FileRow
from ingest.agent.protocol import STATUS_PAGE, ArrivalState, Standing
from ingest.agent.reach import Reach

HOLD = 3  # seconds the server may hold its answer; new arrivals wait no longer than this to be asked about
BREATH = 0.005  # seconds for each arrival asked about
ENDED = frozenset({ArrivalState.RECEIPTED, ArrivalState.FAILED, ArrivalState.WITHDRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A file that is with the server: its row, arrival and digests, and which device it came from."""

    device: int
    row: FileRow
    arrival_id: str
    digests: Digests


@dataclass(frozen=True, slots=True)
class Heard:
    """What the server says of an awaited file; None where it no longer knows of it."""

    awaited: Awaited
    standing: Standing | None


class Awaiting:
    """Everything that waits for a receipt."""

    def __init__(self, server: Server, reach: Reach, stop: threading.Event, wake: threading.Event) -> None:
        self._server, self._reach, self._stop, self._tell = server, reach, stop, wake
        self._lock, self._more = threading.Lock(), threading.Event()
        self._awaited: dict[str, Awaited] = {}
        self._failures = 0
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="awaiting", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Wait for the end; only after the stop sign was given."""
        self._more.set()
        self._thread.join(seconds)

    def add(self, awaited: Awaited) -> None:
        """Ask about one more arrival."""
        with self._lock:
            self._awaited[awaited.arrival_id] = awaited
        self._more.set()

    def __len__(self) -> int:
        return len(self._awaited)

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                page = list(self._awaited)[:STATUS_PAGE]
            if not page:
                self._more.wait(1.0)
                self._more.clear()
                continue
            self._stop.wait(self._ask(page))

    def _ask(self, page: list[str]) -> float:
        """Ask about one page and say how long to pause."""
        try:
            found = {one.arrival_id: one for one in self._server.standings(page, wait=HOLD)}
        except Away as away:
            self._failures += 1
            self._reach.failed(away)
            return patience.pause_after(self._failures, most=30.0)
        except AgentRevoked as revoked:
            self._reach.refuse(revoked)
            return 30.0
        except Refused:
            # One id among them may be what it does not like: ask again a little later, from the other end.
            self._turn(page)
            return 5.0
        except Stopping:
            return 0.0
        if self._failures:
            self._failures = 0
            self._reach.answered(store_too=False)
        self._hand_on(page, found)
        # Of many, some end all the time: a breath between two questions lets one answer speak of several.
        return len(page) * BREATH

    def _hand_on(self, page: list[str], found: dict[str, Standing]) -> None:
        with self._lock:
            for arrival_id in page:
                standing = found.get(arrival_id)
                if standing is None or standing.state in ENDED:
                    self.heard.put(Heard(self._awaited.pop(arrival_id), standing))
        self._turn(page)
        if not self.heard.empty():
            self._tell.set()

    def _turn(self, page: list[str]) -> None:
        """Those just asked about go to the end of the line."""
        with self._lock:
            for arrival_id in page:
                if arrival_id in self._awaited:
                    self._awaited[arrival_id] = self._awaited.pop(arrival_id)
