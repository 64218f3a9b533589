"""Holds kept receipts against the server: does it still know them? A receipt counts for as long as it is committed.

A database that is restored from an older copy does not know what came in after the copy was made. Its agents are the
only ones who can tell: they ask about every receipt for a file on a docked device and about the newest of the others,
again and again, about older ones by turns, and about each one before its source is let go. What the server no longer
knows is set aside in the journal and handed on, so that the file is offered again; of a source that is not docked any
more a person is told.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.agent import clock
from ingest.agent.client import Server
from ingest.agent.errors import ReceiptLost, Refused, SourceKept
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import LostReceipt
from ingest.agent.kept import KeptReceipts
from ingest.agent.protocol import LOST_PAGE, STATUS_PAGE

log = logging.getLogger(__name__)

EVERY = 30.0  # seconds between two rounds; a round goes over everything that is docked


@dataclass(frozen=True, slots=True)
class Held:
    """How many kept receipts the server was asked about, and those of them that it no longer knows."""

    asked: int
    lost: tuple[LostReceipt, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """Some lost receipts were shown to the server; it stands by these after all."""

    known: frozenset[str]


class Upholding:
    """Asks whether receipts still count, a page at a time. What is lost comes out of `lost`, in the journal already."""

    def __init__(self, server: Server, journal: Journal) -> None:
        self._server, self._kept = server, KeptReceipts(journal)
        self._round = self._kept.newest_round() + 1
        self._not_before, self._has_asked = 0.0, False
        self._others = [self._kept.of_newest, self._kept.of_all]
        self.lost: queue.SimpleQueue[LostReceipt] = queue.SimpleQueue()

    def begin_again(self) -> None:
        """The server was away and is back: it may be another one, or have other records."""
        self._not_before = 0.0
        self._begin_round()

    def run(self) -> None:
        """One page, where it is time, and what is still to be told. Raises Away, Stopping, JournalAway."""
        self._tell()
        if clock.monotonic() < self._not_before:
            return
        page = self._kept.of_docked(self._round, STATUS_PAGE) or self._of_others()
        if page or not self._has_asked:
            # About nothing too, once in a round: the server then knows that nothing is kept here that it may have lost.
            self._ask(page)
        else:
            self._rest()

    def go_over(self, *, everything: bool) -> Held:
        """Ask now, without a pause: about the newest receipts; about all where `everything` is wanted or one is lost.

        For an agent that does not stay. Raises Away, Refused, Stopping, JournalAway; what was found until then is kept.
        """
        asked, lost = 0, dict[str, LostReceipt]()
        while page := self._kept.of_newest(self._round, STATUS_PAGE):
            unknown = self._server.unknown_receipts(page)
            self._kept.upheld([one for one in page if one not in unknown], self._round)
            lost |= {one.receipt_id: one for one in self._lose(sorted(unknown))}
            asked += len(page)
            if not (everything or lost):
                break
        if not asked:
            self._server.unknown_receipts([])
        known_after_all = set[str]()
        while told := self._tell():
            known_after_all |= told.known
        return Held(asked, tuple(one for one in lost.values() if one.receipt_id not in known_after_all))

    def check(self, receipt_id: str) -> None:
        """Before a source is let go. Raises ReceiptLost, SourceKept, Away, Refused, Stopping, JournalAway."""
        is_known, reason = self._server.may_let_go(receipt_id)
        if not is_known:
            self._lose([receipt_id])
            raise ReceiptLost("The server no longer knows its receipt: it is not let go, and offered again.")
        if reason:
            raise SourceKept(reason)

    def _of_others(self) -> list[str]:
        """One page of each kind in a round, and more where one held a lost receipt: there may be others like it."""
        return self._others.pop(0)(self._round, STATUS_PAGE) if self._others else []

    def _ask(self, page: Sequence[str]) -> None:
        self._has_asked = True
        try:
            unknown = self._server.unknown_receipts(page)
        except Refused as refused:
            log.warning("the server does not say which receipts it knows", extra={"reason": refused.reason})
            self._rest()
            return
        self._kept.upheld([one for one in page if one not in unknown], self._round)
        if unknown:
            self._others = [self._kept.of_newest, self._kept.of_all]
            self._lose(sorted(unknown))

    def _lose(self, receipt_ids: Sequence[str]) -> list[LostReceipt]:
        lost = self._kept.lose(receipt_ids)
        for one in lost:
            log.error(
                "the server no longer knows a receipt",
                extra={"receipt": one.receipt_id, "device": one.label, "file": one.name, "let_go": one.let_go},
            )
            self.lost.put(one)
        return lost

    def _tell(self) -> _Told | None:
        """Show the server a page of lost receipts; None where there is none to show."""
        page, known = self._kept.untold(LOST_PAGE), set[str]()
        for one in page:
            try:
                is_known = self._server.tell_lost(one)
            except Refused as refused:
                # It stays in the journal, as an incident, and in the log.
                log.warning("the server will not hear of a lost receipt", extra={"reason": refused.reason})
                is_known = False
            self._kept.told([one.receipt_id])
            if is_known:
                self._kept.take_back(one.receipt_id)
                known.add(one.receipt_id)
        return _Told(frozenset(known)) if page else None

    def _rest(self) -> None:
        self._begin_round()
        self._not_before = clock.monotonic() + EVERY

    def _begin_round(self) -> None:
        self._round += 1
        self._has_asked = False
        self._others = [self._kept.of_newest, self._kept.of_all]
