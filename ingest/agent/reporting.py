"""Tells the server what is docked and where each file stands: at most once a second for each session.

Reports are kept until they are told, the newest of each file standing for all before it. A listing goes ahead of
everything else, because no file is offered before the server knows what the device says it holds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ingest.agent import clock, patience
from ingest.agent.client import Server
from ingest.agent.errands import run_errands
from ingest.agent.errors import AgentError, AgentRevoked, Away, Refused, SessionUnknown, Stopping
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import SessionRow
from ingest.agent.names import as_b64
from ingest.agent.protocol import LISTING_PAGE, FileReport
from ingest.agent.proving import Proving
from ingest.agent.reach import Reach
from ingest.agent.sighting import Sighting
from ingest.agent.upholding import Upholding

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two reports of one session
SIGN_OF_LIFE = 15.0  # seconds after which a session is reported even where nothing changed
LONGEST_NAME = 4096  # bytes the server takes


Page = list[tuple[int, Sighting]]


class Telling:
    """What is to be told of one session, and what has been."""

    def __init__(self, session: SessionRow) -> None:
        self.session = session
        self._lock = threading.Lock()
        self._listing: Page = []
        self._reports: dict[bytes, FileReport] = {}
        self._number = 0
        self._complete = False
        self._closing: str | None = None
        self.told = -1
        self.reason: str | None = None
        self.refused: str | None = None
        self.closed = threading.Event()
        self.next_report = 0.0
        self.not_before = 0.0

    def list_files(self, sightings: Sequence[Sighting], *, complete: bool) -> int:
        """Tell of files; gives back the number to compare with `told`. An empty listing tells of an empty device."""
        with self._lock:
            self._number += 1
            self._listing += [(self._number, one) for one in sightings if len(one.name) <= LONGEST_NAME]
            self._complete = complete
            return self._number

    def describe_again(self, sightings: Sequence[Sighting]) -> None:
        """The server knows nothing of this session: tell of it anew, with what was listed and has no receipt."""
        self.list_files(sightings, complete=self._complete)

    def report(self, report: FileReport) -> None:
        """Tell where a file stands."""
        with self._lock:
            self._reports[report.name] = report

    def keep_quiet_about(self, name: bytes) -> None:
        """The server knows better where this file stands: an older report must not reach it now."""
        with self._lock:
            self._reports.pop(name, None)

    def close(self, because: str) -> None:
        """Tell that the device has gone, after everything else has been told."""
        with self._lock:
            self._closing = because

    # --- the reporter's side

    def next_page(self) -> tuple[Page, int, bool] | None:
        """The next page of the listing, the newest number, and whether this completes it; None if all is told."""
        with self._lock:
            if self.told == self._number:
                return None
            page = self._listing[:LISTING_PAGE]
            return page, self._number, self._complete and len(page) == len(self._listing)

    def page_told(self, page: Page, number: int) -> None:
        """The server has this page."""
        with self._lock:
            del self._listing[: len(page)]
            self.told = self._listing[0][0] - 1 if self._listing else number

    def next_reports(self, now: float) -> tuple[list[FileReport], str | None] | None:
        """File reports to tell now, and why the session is closed if it is to be; None where nothing is due."""
        with self._lock:
            due = self._reports or self._closing
            if self.closed.is_set() or now < self.next_report or not (due or now >= self.next_report + SIGN_OF_LIFE):
                return None
            page = list(self._reports.values())[:LISTING_PAGE]
            return page, self._closing if len(page) == len(self._reports) else None

    def reports_told(self, page: Sequence[FileReport], closing: str | None, now: float) -> None:
        """The server has these; what changed meanwhile stays to be told."""
        with self._lock:
            for report in page:
                if self._reports.get(report.name) is report:
                    del self._reports[report.name]
            self.next_report = now if self._reports and len(page) == LISTING_PAGE else now + EVERY
            if closing:
                self.closed.set()


class Reporter:
    """One thread that tells everything that is to be told, and runs the small errands left by earlier runs."""

    def __init__(
        self,
        server: Server,
        journal: Journal,
        proving: Proving,
        upholding: Upholding,
        reach: Reach,
        stop: threading.Event,
    ) -> None:
        self._proving, self._upholding = proving, upholding
        self._server, self._journal, self._reach, self._stop = server, journal, reach, stop
        self._lock = threading.Lock()
        self._tellings: dict[str, Telling] = {}
        self._wake = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the end; only after the stop sign was given."""
        self._wake.set()
        self._thread.join(seconds)

    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def open(self, session: SessionRow) -> Telling:
        """A place to say what is to be told of a session."""
        with self._lock:
            return self._tellings.setdefault(session.id, Telling(session))

    def hurry(self) -> None:
        """There is something to tell."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = self._guarded(self._round)
            self._wake.wait(pause)
            self._wake.clear()

    def _guarded(self, work: Callable[[], None]) -> float:
        """Do some telling and say how long to pause. What cannot be told now stays to be told."""
        try:
            work()
        except Away as away:
            self._failures += 1
            self._reach.failed(away)
            return patience.pause_after(self._failures, most=30.0)
        except AgentRevoked as revoked:
            self._reach.refuse(revoked)
            return 30.0
        except Stopping:
            return 0.0
        except AgentError as error:
            log.warning("telling the server failed", extra={"reason": error.reason})
            return 5.0
        if self._failures:
            self._failures = 0
            self._reach.answered(store_too=False)
            self._upholding.begin_again()
        return 0.2

    def _round(self) -> None:
        with self._lock:
            tellings = list(self._tellings.values())
        for telling in tellings:
            self._tell(telling)
        run_errands(self._server, self._journal, but=frozenset(one.session.id for one in tellings))
        self._upholding.run()
        self._proving.run()
        with self._lock:
            self._tellings = {key: one for key, one in self._tellings.items() if not one.closed.is_set()}

    def _tell(self, telling: Telling) -> None:
        now = clock.monotonic()
        if now < telling.not_before:
            return
        try:
            while page := telling.next_page():
                self._put_page(telling, *page)
            while reports := telling.next_reports(now):
                self._post(telling, *reports)
        except SessionUnknown as unknown:
            # Restored from an older copy, it may know nothing of what it was told.
            log.warning("the server does not know a session", extra={"session": telling.session.id})
            telling.describe_again(self._journal.listed_in(telling.session.id))
            telling.refused, telling.not_before = unknown.reason, now + EVERY
        except Refused as refused:
            # The session's files wait with this reason, and it is tried again.
            log.warning("the server refused a report", extra={"session": telling.session.id, "reason": refused.reason})
            telling.refused, telling.not_before = refused.reason, now + 30.0

    def _put_page(self, telling: Telling, page: Page, number: int, complete: bool) -> None:  # noqa: FBT001
        message = session_message(telling.session, [one for _, one in page], complete=complete)
        self._server.put_session(telling.session.id, message)
        telling.refused = None
        telling.page_told(page, number)
        self._reach.contact()

    def _post(self, telling: Telling, reports: list[FileReport], closing: str | None) -> None:
        state = "closed" if closing else "present"
        self._server.post_state(telling.session.id, state=state, reason=closing or telling.reason, files=reports)
        self._reach.contact()
        telling.reports_told(reports, closing, clock.monotonic())
        if closing:
            self._journal.closing_told(telling.session.id)


def session_message(session: SessionRow, page: Sequence[Sighting], *, complete: bool) -> dict[str, Any]:
    """A session and one page of its listing, as it travels."""
    return {
        "bay": session.bay,
        "kind": session.kind,
        "device": {"label": session.label, "serial": None, "make": None, "model": None},
        "agent_time": session.opened_at,
        # A folder of files has no clock to ask; a device that states its time would be quoted here, as it says it.
        "device_time_as_stated": None,
        "clock_offset_ms": session.clock_offset_ms,
        "clock_round_trip_ms": session.clock_round_trip_ms,
        "listing": [
            {
                "name_b64": as_b64(one.name),
                "size": one.identity.size,
                "mtime_ns": one.identity.mtime_ns,
                "refused": one.refused,
            }
            for one in page
        ],
        "listing_complete": complete,
    }
