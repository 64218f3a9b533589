"""Kept receipts that are held against the server, and those that it no longer knows. A part of the journal.

A receipt that is lost stays written down for ever. Its file counts as one that was never taken in: where it is still
on its device it is offered again, where it is not a person must be told.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.agent import clock
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import LET_GO, NO_LONGER_KNOWN, SETTLE_INCIDENTS, LostReceipt
from ingest.agent.names import as_text
from ingest.agent.protocol import SignedStatement

INCIDENT = "receipt-lost"

OF_DOCKED = (
    "SELECT r.receipt_id FROM receipts r JOIN files f ON f.id = r.file_id JOIN sessions s ON s.id = f.session_id"
    " WHERE s.closed_at IS NULL AND r.upheld_in < ? LIMIT ?"
)
OF_ALL = "SELECT receipt_id FROM receipts WHERE upheld_in < ? ORDER BY upheld_in LIMIT ?"
OF_NEWEST = "SELECT receipt_id FROM receipts WHERE upheld_in < ? ORDER BY file_id DESC LIMIT ?"
LOSING = (
    "SELECT r.file_id, f.session_id, f.label, f.name, r.recording_id, r.body, r.signature, r.key_id, r.kept_at,"
    " d.action, s.closed_at NOTNULL FROM receipts r JOIN files f ON f.id = r.file_id"
    " JOIN sessions s ON s.id = f.session_id"
    " LEFT JOIN releases d ON d.file_id = r.file_id AND d.done_at NOTNULL AND d.intended_at >= r.kept_at"
    " WHERE r.receipt_id = ?"
)
TAKE_BACK = (
    "INSERT OR IGNORE INTO receipts (file_id,receipt_id,recording_id,body,signature,key_id,kept_at)"
    " SELECT l.file_id, l.receipt_id, l.recording_id, l.body, l.signature, l.key_id, l.kept_at FROM lost_receipts l"
    " JOIN files f ON f.id = l.file_id WHERE l.receipt_id = ? AND f.arrival_id IS NULL"
)
SOURCES = (
    "SELECT DISTINCT s.root, f.label, f.name, f.size, f.mtime_ns FROM lost_receipts l JOIN files f ON f.id = l.file_id"
    " JOIN sessions s ON s.id = f.session_id WHERE l.let_go IS NULL AND f.arrival_id IS NULL"
)
UNTOLD = (
    "SELECT l.receipt_id, f.session_id, f.label, f.name, l.let_go, l.body, l.signature, l.key_id FROM lost_receipts l"
    " JOIN files f ON f.id = l.file_id WHERE l.told_at IS NULL ORDER BY l.kept_at LIMIT ?"
)


class KeptReceipts:
    """The receipts in one journal. Methods may be called from any thread; each is one transaction."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def newest_round(self) -> int:
        """The number of the last round in which receipts were held against the server; 0 where there was none."""
        return int(self._journal.rows("SELECT coalesce(max(upheld_in), 0) FROM receipts")[0][0])

    def of_docked(self, number: int, limit: int) -> list[str]:
        """Receipts for files of docked devices that were not asked about in this round."""
        return [row[0] for row in self._journal.rows(OF_DOCKED, number, limit)]

    def of_newest(self, number: int, limit: int) -> list[str]:
        """The newest receipts that were not asked about in this round: an older copy lacks these before all others."""
        return [row[0] for row in self._journal.rows(OF_NEWEST, number, limit)]

    def of_all(self, number: int, limit: int) -> list[str]:
        """The receipts that were not asked about for longest."""
        return [row[0] for row in self._journal.rows(OF_ALL, number, limit)]

    def upheld(self, receipt_ids: Iterable[str], number: int) -> None:
        """The server stands by these."""
        with self._journal.transaction() as db:
            db.executemany("UPDATE receipts SET upheld_in=? WHERE receipt_id=?", [(number, one) for one in receipt_ids])

    def lose(self, receipt_ids: Iterable[str]) -> list[LostReceipt]:
        """The server does not know these: set each aside, and let its file count as one that was not taken in."""
        with self._journal.transaction() as db:
            rows = [(one, *row) for one in receipt_ids for row in db.execute(LOSING, (one,)).fetchall()]
            return [_lose(db, _Losing(*row)) for row in rows]

    def untold(self, limit: int) -> list[LostReceipt]:
        """Lost receipts whose sources are not on a docked device; the server is still to be told of them."""
        return [
            LostReceipt(
                receipt_id=row[0], session_id=row[1], label=row[2], name=row[3], let_go=row[4],
                signed=SignedStatement(*row[5:]),
            )
            for row in self._journal.rows(UNTOLD, limit)
        ]  # fmt: skip

    def sources(self) -> list[Source]:
        """Where the sources of lost receipts were that were not let go, nor offered again since."""
        return [Source(*row) for row in self._journal.rows(SOURCES)]

    def told(self, receipt_ids: Sequence[str]) -> None:
        """The server has been told of these."""
        with self._journal.transaction() as db:
            moment = clock.now_as_text()
            db.executemany(
                "UPDATE lost_receipts SET told_at=? WHERE receipt_id=?", [(moment, one) for one in receipt_ids]
            )

    def take_back(self, receipt_id: str) -> None:
        """The server stands by this one after all: it was asked while its records were being put back."""
        with self._journal.transaction() as db:
            db.execute(TAKE_BACK, (receipt_id,))
            db.execute("DELETE FROM lost_receipts WHERE receipt_id=?", (receipt_id,))
            for file_id, body in db.execute("SELECT file_id, body FROM receipts WHERE receipt_id=?", (receipt_id,)):
                arrival_id = json.loads(body)["arrival_id"]
                db.execute(
                    "UPDATE files SET state='receipted', reason=NULL, arrival_id=? WHERE id=?", (arrival_id, file_id)
                )
                db.execute(SETTLE_INCIDENTS, (clock.now_as_text(), file_id))


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when it was taken in: folder and label of its device, name, bytes, time of change in ns."""

    root: bytes
    label: str
    name: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Losing:
    """One row of LOSING."""

    receipt_id: str
    file_id: int
    session_id: str
    label: str
    name: bytes
    recording_id: str
    body: bytes
    signature: bytes
    key_id: str
    kept_at: str
    let_go: str | None
    is_away: bool


def _lose(db: sqlite3.Connection, one: _Losing) -> LostReceipt:
    moment = clock.now_as_text()
    needs_a_person = one.let_go is not None or one.is_away
    told_at = None if needs_a_person else moment
    receipt = (one.receipt_id, one.file_id, one.recording_id, one.body, one.signature, one.key_id, one.kept_at)
    values = (*receipt, one.let_go, moment, told_at)
    db.execute("INSERT OR REPLACE INTO lost_receipts VALUES (?,?,?,?,?,?,?,?,?,?)", values)
    db.execute("DELETE FROM proofs WHERE file_id=?", (one.file_id,))
    db.execute("DELETE FROM receipts WHERE file_id=?", (one.file_id,))
    state = "waiting" if one.let_go is None else "gone"
    reason = NO_LONGER_KNOWN if one.let_go is None else LET_GO.format(how=one.let_go)
    db.execute("UPDATE files SET state=?, reason=?, arrival_id=NULL WHERE id=?", (state, reason, one.file_id))
    if needs_a_person:
        _open_incident(db, one, reason, moment)
    # What was told since then is not known either: closings are told again.
    db.execute("UPDATE sessions SET close_told_at=NULL WHERE closed_at >= ?", (one.kept_at,))
    return LostReceipt(
        receipt_id=one.receipt_id, session_id=one.session_id, label=one.label, name=one.name, let_go=one.let_go,
        signed=SignedStatement(one.body, one.signature, one.key_id),
    )  # fmt: skip


def _open_incident(db: sqlite3.Connection, one: _Losing, reason: str, moment: str) -> None:
    said = f"{as_text(one.name)} of {one.label}: {reason} Receipt {one.receipt_id}, recording {one.recording_id}."
    db.execute(
        "INSERT INTO incidents (kind,session_id,name,reason,opened_at) VALUES (?,?,?,?,?)",
        (INCIDENT, one.session_id, one.name, said, moment),
    )
