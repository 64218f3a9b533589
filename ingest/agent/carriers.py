"""Files under way: who begins, what became of those that were carried, whose receipt has come, what is let go.

Write order: a receipt is in the journal before the file counts as receipted, and the source goes last.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ingest.agent import clock
from ingest.agent.admission import Priority, whose_turn
from ingest.agent.aftermath import Aftermath, after
from ingest.agent.awaiting import Awaited, Awaiting, Heard
from ingest.agent.devices import Devices
from ingest.agent.errors import (
    AgentError,
    AgentRevoked,
    ArrivalFailed,
    ArrivalGone,
    Away,
    JournalAway,
    ReceiptLost,
    ReceiptRefused,
    SourceKept,
    Stopping,
)
from ingest.agent.journal_rows import FileRow, KeptReceipt
from ingest.agent.pools import result_of, send_off
from ingest.agent.protocol import ArrivalState, FileState, Standing
from ingest.agent.reach import Reach
from ingest.agent.receipts import Expected, verify
from ingest.agent.release import let_go
from ingest.agent.settings import Release, Settings
from ingest.agent.tracking import Device, Tracked
from ingest.agent.upholding import Upholding
from ingest.agent.upload import Errand, HandedOver, Means, carry

log = logging.getLogger(__name__)

RELEASE_EVERY = 1.0  # seconds between two looks for receipts that have their proof
KEPT_FOR = 60.0  # seconds until it is asked again whether a source may go that the server wanted kept
ASK_AGAIN = 10.0  # seconds until a source whose release could not be asked about is tried again


@dataclass(frozen=True, slots=True)
class Carried:
    """A file that was taken to the server."""

    row: FileRow
    handed_over: HandedOver


class Carriers:
    """Everything between a settled file and its receipt."""

    def __init__(
        self,
        settings: Settings,
        means: Means,
        devices: Devices,
        awaiting: Awaiting,
        upholding: Upholding,
        reach: Reach,
    ) -> None:
        self._settings, self._means, self._devices = settings, means, devices
        self._awaiting, self._upholding, self._reach = awaiting, upholding, reach
        # One place beyond the cap is live custody's.
        self._pool = ThreadPoolExecutor(settings.concurrent_files + 1, "carrier")
        self._under_way: dict[Future[Carried], tuple[Device, Tracked]] = {}
        self._letting_go: dict[Future[None], tuple[Device, Tracked]] = {}
        self._release_from = 0.0

    @property
    def are_busy(self) -> bool:
        """Whether a file is under way or being let go."""
        return bool(self._under_way or self._letting_go)

    def stop(self) -> None:
        """Begin nothing more; wait for what is under way, which ends at the stop sign."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    # --- whose turn

    def admit(self, now: float, wake: threading.Event) -> None:
        """Let those begin whose turn it is; the others wait, with a reason."""
        away = self._reach.away
        is_full = len(self._under_way) >= self._settings.concurrent_files
        devices = [one for one in self._devices if not is_full or away or one.priority is Priority.LIVE_CUSTODY]
        files = [(device, file) for device in devices for file in device.ready(now, self._devices.told(device))]
        candidates = [device.candidate(file, number) for number, (device, file) in enumerate(files)]
        under_way = [device.priority for device, _ in self._under_way.values()]
        turn = whose_turn(candidates, under_way, cap=self._settings.concurrent_files, away=away)
        for number in turn.chosen if not away or now >= self._reach.try_at else ():
            self._begin(*files[number], wake)
        for device, file in files:
            if file.state is FileState.WAITING and (away or not file.failures):
                device.put(file, FileState.WAITING, turn.reason)

    def _begin(self, device: Device, file: Tracked, wake: threading.Event) -> None:
        file.bytes_sent, file.tried_at = 0, clock.monotonic()
        device.put(file, FileState.READING)
        self._under_way[send_off(self._pool, wake, self._carry, device, file)] = (device, file)

    def _carry(self, device: Device, file: Tracked) -> Carried:
        """In a carrier's thread: write the file into the journal and take it to the server."""
        file.row = row = self._means.journal.claim(device.session.id, device.place.label, file.as_sighting())

        def on_state(state: FileState) -> None:
            device.put(file, state)

        def on_sent(octets: int) -> None:
            file.bytes_sent += octets
            device.dirty.add(file.name)

        root = device.place.root
        errand = Errand(root=root, row=row, priority=device.priority, on_state=on_state, on_sent=on_sent)
        return Carried(row, carry(errand, self._means))

    # --- what became of them

    def collect(self, now: float) -> None:
        """Look at what the carriers have finished."""
        received = []
        for future in [one for one in self._under_way if one.done()]:
            device, file = self._under_way.pop(future)
            try:
                carried = result_of(future)
            except AgentError as error:
                self._settle_trouble(device, file, error, now)
                continue
            self._reach.answered(store_too=True)
            awaited = Awaited(
                device=device.key,
                row=carried.row,
                arrival_id=carried.handed_over.standing.arrival_id,
                digests=carried.handed_over.digests,
            )
            file.failures = file.away = 0
            if carried.handed_over.standing.state is ArrivalState.RECEIPTED:
                received.append(Heard(awaited, carried.handed_over.standing))
            else:
                device.put(file, FileState.CHECKING)
                self._awaiting.add(awaited)
        self._receive(received, now)

    def _settle_trouble(self, device: Device, file: Tracked, error: AgentError, now: float) -> None:
        """A file could not be carried: it waits, is gone or refused, with the reason."""
        outcome = after(error, failures=file.failures, away=file.away)
        file.failures += outcome.counts
        file.away += isinstance(error, Away)
        file.not_before = now + outcome.pause
        self._note(device, file, error, outcome)
        if device.key not in self._devices.docked:
            return
        if outcome.settle_anew:
            device.restart(file, now)
        if outcome.look_at_device:
            device.next_sweep = 0.0
        device.put(file, outcome.state, outcome.reason)

    def _note(self, device: Device, file: Tracked, error: AgentError, outcome: Aftermath) -> None:
        """What went wrong becomes a record, and known to whom it concerns."""
        if isinstance(error, Away):
            self._reach.failed(error)
        if isinstance(error, AgentRevoked):
            self._reach.refuse(error)
        journal = self._means.journal
        if outcome.incident:
            journal.open_incident(outcome.incident, outcome.reason, session_id=device.session.id, name=file.name)
        if outcome.counts:
            log.warning("a file waits", extra={"file": file.name, "reason": outcome.reason, "failures": file.failures})
        if file.row is not None:
            journal.set_aside(file.row.id, outcome.state, outcome.reason)

    # --- receipts

    def hear(self, now: float) -> None:
        """Look at what the server said of arrivals that it was checking."""
        heard: list[Heard] = []
        while not self._awaiting.heard.empty() and len(heard) < 500:
            heard.append(self._awaiting.heard.get())
        self._receive(heard, now)

    def _receive(self, heard: Sequence[Heard], now: float) -> None:
        """Check receipts, keep them, and only then count their files as receipted."""
        kept: list[tuple[Heard, KeptReceipt]] = []
        for one in heard:
            try:
                kept.append((one, self._checked(one)))
            except AgentError as error:
                if found := self._find(one.awaited):
                    self._settle_trouble(*found, error, now)
        try:
            self._means.journal.keep_receipts([(one.awaited.row.id, receipt) for one, receipt in kept])
        except JournalAway:
            for one, _ in kept:
                self._awaiting.add(one.awaited)
            raise
        for one, receipt in kept:
            if found := self._find(one.awaited):
                self._mark_receipted(*found, one.awaited, receipt)

    def _checked(self, heard: Heard) -> KeptReceipt:
        """The receipt, if it speaks of these bytes. Raises ReceiptRefused, ArrivalGone, ArrivalFailed."""
        standing, awaited = heard.standing, heard.awaited
        if standing is None:
            raise ArrivalGone("the arrival is no longer known", status=404, kind="arrival-gone")
        if standing.state is not ArrivalState.RECEIPTED:
            raise ArrivalFailed(_words_of(standing), status=409, kind="arrival-failed")
        if standing.receipt is None:
            raise ReceiptRefused("The server says there is a receipt and does not show it.")
        expected = Expected(
            agent_id=self._means.identity.agent_id,
            arrival_id=awaited.arrival_id,
            name=awaited.row.name,
            digests=awaited.digests,
        )
        return verify(standing.receipt, expected, self._means.identity.receipt_keys)

    def _find(self, awaited: Awaited) -> tuple[Device, Tracked] | None:
        """The file an arrival was made of, where it is still known and still the same."""
        device = self._devices.known(awaited.device)
        file = device.files.get(awaited.row.name) if device else None
        if device is None or file is None or file.identity != awaited.row.identity:
            return None
        return device, file

    def _mark_receipted(self, device: Device, file: Tracked, awaited: Awaited, receipt: KeptReceipt) -> None:
        file.digests, file.receipt, file.bytes_sent = awaited.digests, receipt, file.identity.size
        device.put(file, FileState.RECEIPTED)

    # --- letting go

    def let_go(self, wake: threading.Event) -> None:
        """Where the policy says so, let receipted sources go."""
        if self._settings.release is Release.KEEP:
            return
        if (now := clock.monotonic()) >= self._release_from:
            self._release_from = now + RELEASE_EVERY
            self._begin_to_let_go(wake)
        for future in [one for one in self._letting_go if one.done()]:
            device, file = self._letting_go.pop(future)
            self._note_release(device, file, future)

    def _begin_to_let_go(self, wake: threading.Event) -> None:
        """Those whose receipt is known to be in the custody log, each tried once."""
        now = clock.monotonic()
        for device in self._devices:
            for file in device.files.values():
                if file.state is not FileState.RECEIPTED or file.let_go_tried or file.receipt is None:
                    continue
                if now < file.not_before:
                    continue
                if self._means.journal.is_proven(file.receipt.receipt_id):
                    file.let_go_tried = True
                    future = send_off(self._pool, wake, self._release, device, file, file.receipt.receipt_id)
                    self._letting_go[future] = (device, file)

    def _release(self, device: Device, file: Tracked, receipt_id: str) -> None:
        # A receipt that was committed may not be any more: its database can have been restored since.
        self._upholding.check(receipt_id)
        row = self._means.journal.claim(device.session.id, device.place.label, file.as_sighting())
        let_go(device.place.root, row, self._settings, self._means.journal)

    def _note_release(self, device: Device, file: Tracked, future: Future[None]) -> None:
        try:
            result_of(future)
        except (Away, Stopping):
            # Nobody could say whether the receipt still counts: it is asked again.
            file.let_go_tried, file.not_before = False, clock.monotonic() + ASK_AGAIN
        except SourceKept as kept:
            if file.reason != kept.reason:
                log.warning("a source is kept", extra={"file": file.name, "reason": kept.reason})
                device.put(file, FileState.RECEIPTED, kept.reason)
            file.let_go_tried, file.not_before = False, clock.monotonic() + KEPT_FOR
        except ReceiptLost as lost:
            log.warning("a source was not let go", extra={"file": file.name, "reason": lost.reason})
        except AgentError as error:
            self._means.journal.open_incident("not-let-go", error.reason, session_id=device.session.id, name=file.name)
            log.warning("a source was not let go", extra={"file": file.name, "reason": error.reason})


def _words_of(standing: Standing) -> str:
    return standing.reason or f"the arrival is {standing.state.value}"
