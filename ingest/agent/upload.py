"""The story of one file: opened, read once, sent, handed over.

Any step may be repeated after a crash; none may be skipped or moved. What the server and the store already have is
asked for and not sent again, and nothing here is trusted to be a receipt: that comes later, and is checked.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ingest.agent.budget import Budget, Loan
from ingest.agent.client import Server
from ingest.agent.digests import Digests
from ingest.agent.errors import ArrivalGone, PartsMissing, ReceiptRefused, SourceBusy, SourceChanged, StoreAway
from ingest.agent.identity import AgentIdentity
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import FileRow, SentPart
from ingest.agent.protocol import SMALLEST_PART, ArrivalState, FileState, Offer, Offered, PartUrl, Standing
from ingest.agent.reading import Part, Reading, read_through
from ingest.agent.receipts import Expected, verify
from ingest.agent.sighting import Source, opened
from ingest.agent.store import PartStore, UploadUnknown

HANDED_OVER = frozenset({ArrivalState.STORED, ArrivalState.VERIFYING, ArrivalState.RECEIPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What carrying a file needs, shared by all files."""

    identity: AgentIdentity
    server: Server
    store: PartStore
    journal: Journal
    budget: Budget
    senders: Executor
    stop: threading.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One file to carry: where it is, its row in the journal, and whom to tell of progress."""

    root: bytes
    row: FileRow
    priority: int
    on_state: Callable[[FileState], None]
    on_sent: Callable[[int], None]

    def offer(self, digests: Digests | None) -> Offer:
        """This file as it is offered."""
        row = self.row
        return Offer(
            session_id=row.session_id,
            name=row.name,
            size=row.identity.size,
            mtime_ns=row.identity.mtime_ns,
            priority=self.priority,
            digests=digests,
        )


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A file whose bytes the server has: where it stands there, and what the bytes are."""

    standing: Standing
    digests: Digests


def carry(errand: Errand, means: Means) -> HandedOver:
    """Carry one settled file to the server.

    Raises SourceError, Away, Refused and its kinds, ReceiptRefused, JournalAway, Stopping; each may be tried again.
    """
    with opened(errand.root, errand.row.name) as source:
        if source.has_writer():
            raise SourceBusy("Another program on this host is still writing it.")
        try:
            source.check_is(errand.row.identity)
            if errand.row.identity.size <= SMALLEST_PART:
                return _carry_whole(source, errand, means)
            return _carry_in_parts(source, errand, means)
        except SourceChanged as changed:
            # What was announced will not come; what the file has become is another offer.
            means.journal.withdraw_later(errand.row.id, changed.reason)
            raise


def _carry_whole(source: Source, errand: Errand, means: Means) -> HandedOver:
    """A file of one part is in memory before it is offered, so the server can say at once that it has it."""
    errand.on_state(FileState.READING)
    reading = Reading(source, means.budget)
    loans: list[Loan] = []
    try:
        for part in reading.parts(SMALLEST_PART):
            loans.append(part.loan)  # noqa: PERF401 - kept also when the next step of the reading fails
        source.check_is(errand.row.identity)
        digests = reading.digests()
        offered = means.server.offer(errand.offer(digests))
        arrival_id = offered.standing.arrival_id
        if offered.standing.state in HANDED_OVER:
            return _handed_over(errand, means, offered.standing, digests)
        errand.on_state(FileState.SENDING)
        wanted = [(1, digests.size, digests.sha256)]
        etag = _put(means, lambda: means.server.part_urls(arrival_id, wanted)[1], loans[0].view, errand.on_sent)
        standing = means.server.complete(arrival_id, digests, {1: (etag, digests.sha256)})
        return _handed_over(errand, means, standing, digests)
    finally:
        for loan in loans:
            loan.give_back()


def _carry_in_parts(source: Source, errand: Errand, means: Means) -> HandedOver:
    """A larger file is offered first and hashed while it is sent."""
    errand.on_state(FileState.READING)
    digests = errand.row.digests
    offered = means.server.offer(errand.offer(digests))
    if offered.standing.state in HANDED_OVER:
        # Looks like a file that was taken before. Whether it is, only its bytes can say.
        digests = digests or _digests_of(source, errand, means)
        if _is_about(offered.standing, errand, digests, means):
            return _handed_over(errand, means, offered.standing, digests)
        offered = means.server.offer(errand.offer(digests))
        if offered.standing.state in HANDED_OVER:
            return _handed_over(errand, means, offered.standing, digests)
    return _send_in_parts(source, offered, errand, means)


def _digests_of(source: Source, errand: Errand, means: Means) -> Digests:
    digests = read_through(source, means.budget)
    source.check_is(errand.row.identity)
    return digests


def _is_about(standing: Standing, errand: Errand, digests: Digests, means: Means) -> bool:
    """Whether an arrival's receipt speaks of these bytes; without one the server's re-reading will tell."""
    if standing.receipt is None:
        return True
    try:
        verify(
            standing.receipt,
            expected_of(standing, errand.row.name, digests, means.identity),
            means.identity.receipt_keys,
        )
    except ReceiptRefused:
        return False
    return True


def _send_in_parts(source: Source, offered: Offered, errand: Errand, means: Means) -> HandedOver:
    arrival_id = offered.standing.arrival_id
    means.journal.offered(errand.row.id, arrival_id)
    errand.on_state(FileState.SENDING)
    with ThreadPoolExecutor(1, "hasher") as aside:
        reading = Reading(source, means.budget, aside)
        sent = Sending(errand, means, offered).send_all(reading, offered.part_size)
        source.check_is(errand.row.identity)
        digests = reading.digests()
    try:
        standing = means.server.complete(arrival_id, digests, sent)
    except PartsMissing as missing:
        means.journal.forget_parts(errand.row.id, missing.missing)
        raise
    return _handed_over(errand, means, standing, digests)


class Sending:
    """The parts of one file on their way: the reader goes ahead while the senders send."""

    def __init__(self, errand: Errand, means: Means, offered: Offered) -> None:
        self._errand, self._means, self._arrival_id = errand, means, offered.standing.arrival_id
        self._held = _held(offered, means.journal.parts(errand.row.id, self._arrival_id))
        self._whole = offered.is_whole
        self._under_way: dict[Future[SentPart], Part] = {}
        self._sent: dict[int, tuple[str, str]] = {}
        self._failed = threading.Event()

    def send_all(self, reading: Reading, part_size: int) -> dict[int, tuple[str, str]]:
        """Send every part; ETag and SHA-256 by number. What goes wrong first is raised, once all is still."""
        try:
            for part in reading.parts(part_size):
                self._under_way[self._means.senders.submit(self._send, part)] = part
                self._collect(timeout=0)
            while self._under_way:
                self._collect(timeout=None)
        finally:
            self._let_go()
        return self._sent

    def _collect(self, *, timeout: float | None) -> None:
        done, _ = wait(self._under_way, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in done:
            del self._under_way[future]
            part = future.result()
            self._sent[part.number] = (part.etag, part.sha256)

    def _let_go(self) -> None:
        """On the way out of a failure: nothing may go on sending from memory that is lent to others by then."""
        self._failed.set()
        waiting = {future: part for future, part in self._under_way.items() if future.cancel()}
        for part in waiting.values():
            part.give_back()
        wait(self._under_way.keys() - waiting.keys())

    def _send(self, part: Part) -> SentPart:
        try:
            view = part.loan.view
            sha256 = hashlib.sha256(view).hexdigest()
            if held := self._already_there(part.number, len(view), sha256):
                self._errand.on_sent(len(view))
                return held
            etag = _put(self._means, self._address_of(part.number, len(view), sha256), view, self._errand.on_sent)
            sent = SentPart(part.number, len(view), sha256, etag)
            self._means.journal.part_sent(self._errand.row.id, self._arrival_id, sent)
            return sent
        finally:
            part.give_back()

    def _already_there(self, number: int, size: int, sha256: str) -> SentPart | None:
        """What need not be sent again: the journal's own parts, and all of them where the store has the whole."""
        held = self._held.get(number)
        if held is not None and (held.sha256, held.size) == (sha256, size):
            return held
        return SentPart(number, size, sha256, "") if self._whole else None

    def _address_of(self, number: int, size: int, sha256: str) -> Callable[[], PartUrl]:
        def address() -> PartUrl:
            if self._failed.is_set():
                raise StoreAway("Another part of the file could not be sent.")
            return self._means.server.part_urls(self._arrival_id, [(number, size, sha256)])[number]

        return address


def _held(offered: Offered, sent: Mapping[int, SentPart]) -> dict[int, SentPart]:
    """Parts that both the journal and the store know, and agree on."""
    stored = offered.stored
    return {
        number: part
        for number, part in sent.items()
        if number in stored and (stored[number].size, stored[number].etag) == (part.size, part.etag)
    }


def _put(means: Means, address: Callable[[], PartUrl], view: memoryview, on_sent: Callable[[int], None]) -> str:
    try:
        return means.store.put(view, address, on_sent)
    except UploadUnknown as unknown:
        raise ArrivalGone(unknown.reason, status=404, kind="store") from unknown


def _handed_over(errand: Errand, means: Means, standing: Standing, digests: Digests) -> HandedOver:
    """Write order: the journal knows what was handed over before anybody waits for its receipt."""
    means.journal.sent(errand.row.id, standing.arrival_id, digests)
    return HandedOver(standing, digests)


def expected_of(standing: Standing, name: bytes, digests: Digests, identity: AgentIdentity) -> Expected:
    """What a receipt for this arrival must say."""
    return Expected(agent_id=identity.agent_id, arrival_id=standing.arrival_id, name=name, digests=digests)
