"""The journal: what it has returned from survives a kill; damage costs nothing but reading again."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.agent import clock
from ingest.agent.account import account_of
from ingest.agent.digests import Digests
from ingest.agent.errors import JournalAway
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import JOURNAL_FILE, KeptReceipt, SentPart, SessionRow
from ingest.agent.log_proofs import LogProof
from ingest.agent.protocol import FileState, SignedStatement
from ingest.agent.sighting import Identity, Sighting

ONE = Identity(100, 1, 7, 8)
CLIP = Sighting(b"clip\xff\n.mp4", ONE)
DIGESTS = Digests(100, "a" * 64, "b" * 128, "c" * 64)
RECEIPT = KeptReceipt("r-1", "rec-1", SignedStatement(b"{}", b"s", "k"))


def session(number: int = 1) -> SessionRow:
    return SessionRow(
        id=f"s-{number}", root=b"/dock/cam\xff", deep=True, label="cam", bay="cam", kind="dock", dev=1, ino=2,
        opened_at=clock.now_as_text(),
    )  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path)
    made.open_session(session(), [CLIP])
    return made


def test_what_was_written_is_there_after_a_kill(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from ingest.agent.journal import Journal
from tests.integration.ingest.agent.test_journal import CLIP, DIGESTS, RECEIPT, SentPart, session
journal = Journal(Path(sys.argv[1]))
journal.open_session(session(), [CLIP])
row = journal.claim("s-1", "cam", CLIP)
journal.offered(row.id, "a-1")
journal.part_sent(row.id, "a-1", SentPart(1, 100, "a" * 64, "etag"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).resolve().parents[4]
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=False)
    assert ended.returncode == -signal.SIGKILL
    journal = Journal(tmp_path)
    row = journal.claim("s-1", "cam", CLIP)
    assert (row.arrival_id, row.state) == ("a-1", FileState.SENDING)
    assert journal.parts(row.id, "a-1") == {1: SentPart(1, 100, "a" * 64, "etag")}
    assert [one.id for one in journal.open_sessions()] == ["s-1"]
    assert journal.open_sessions()[0].root == b"/dock/cam\xff"


def test_the_listing_is_durable_before_anything_else(tmp_path: Path, journal: Journal) -> None:
    found = account_of(tmp_path)
    assert (found.listed, found.receipted) == (1, 0)
    assert [gap.name for gap in found.gaps] == [CLIP.name]
    with sqlite3.connect(journal.path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_same_file_brings_its_work_along(journal: Journal) -> None:
    row = journal.claim("s-1", "cam", CLIP)
    journal.sent(row.id, "a-1", DIGESTS)
    journal.open_session(session(2), [CLIP])
    again = journal.claim("s-2", "cam", CLIP)
    assert (again.id, again.session_id, again.digests) == (row.id, "s-2", DIGESTS)


def test_a_file_that_only_looks_the_same_is_read_again(journal: Journal) -> None:
    row = journal.claim("s-1", "cam", CLIP)
    journal.sent(row.id, "a-1", DIGESTS)
    again = journal.claim("s-1", "cam", Sighting(CLIP.name, Identity(100, 1, 7, 9)))
    assert (again.id, again.digests, again.arrival_id) == (row.id, None, "a-1")
    assert again.identity.ino == 9


def test_another_state_of_a_file_is_another_row(journal: Journal) -> None:
    row = journal.claim("s-1", "cam", CLIP)
    grown = journal.claim("s-1", "cam", Sighting(CLIP.name, Identity(101, 1, 7, 8)))
    assert grown.id != row.id


def test_parts_of_another_arrival_are_forgotten(journal: Journal) -> None:
    row = journal.claim("s-1", "cam", CLIP)
    journal.offered(row.id, "a-1")
    journal.part_sent(row.id, "a-1", SentPart(1, 100, "a" * 64, "e"))
    journal.offered(row.id, "a-2")
    assert journal.parts(row.id, "a-1") == {}


def test_a_receipt_closes_the_gap(tmp_path: Path, journal: Journal) -> None:
    row = journal.claim("s-1", "cam", CLIP)
    journal.sent(row.id, "a-1", DIGESTS)
    journal.keep_receipts([(row.id, RECEIPT)])
    assert journal.receipt(row.id) == RECEIPT
    assert account_of(tmp_path).gaps == ()
    assert journal.receipted_in("s-1") == {CLIP.name: (ONE, DIGESTS, RECEIPT)}


def test_an_incident_is_opened_once(tmp_path: Path, journal: Journal) -> None:
    for _ in range(3):
        journal.open_incident("receipt-refused", "It is forged.", session_id="s-1", name=CLIP.name)
    journal.open_incident("agent-fault", "Something.")
    journal.open_incident("agent-fault", "Something.")
    assert len(account_of(tmp_path).incidents) == 2
    row = journal.claim("s-1", "cam", CLIP)
    journal.sent(row.id, "a-1", DIGESTS)
    journal.keep_receipts([(row.id, RECEIPT)])
    assert [one["kind"] for one in account_of(tmp_path).incidents] == ["agent-fault"]


def test_withdrawals_wait_until_they_are_told(journal: Journal) -> None:
    row = journal.claim("s-1", "cam", CLIP)
    journal.withdraw_later(row.id, "never offered")
    assert journal.withdrawals() == []
    journal.offered(row.id, "a-1")
    journal.withdraw_later(row.id, "It grew.")
    assert journal.withdrawals() == [("a-1", "It grew.")]
    journal.withdrawn("a-1")
    assert journal.withdrawals() == []


def test_a_damaged_journal_is_set_aside_and_said(tmp_path: Path, journal: Journal) -> None:
    journal.close()
    (tmp_path / JOURNAL_FILE).write_bytes(b"this is no database" * 1000)
    fresh = Journal(tmp_path)
    assert "set aside" in str(fresh.damage)
    assert [one["kind"] for one in account_of(tmp_path).incidents] == ["journal-damaged"]
    assert len(list(tmp_path.glob(f"{JOURNAL_FILE}.damaged-*"))) == 1


def test_a_journal_that_cannot_be_written_stops_the_work(journal: Journal) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))  # as a full disk: no file grows any more
    try:
        with pytest.raises(JournalAway, match="nothing is copied"):
            journal.list_more("s-1", [Sighting(b"more.mp4", ONE)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, usual)
    journal.list_more("s-1", [Sighting(b"more.mp4", ONE)])


def test_what_is_no_journal_has_no_account(tmp_path: Path) -> None:
    with pytest.raises(JournalAway, match="no journal"):
        account_of(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_receipt_waits_for_its_proof_and_keeps_it(journal: Journal) -> None:
    row = journal.claim("s-1", "cam", CLIP)
    journal.offered(row.id, "a-1")
    assert journal.unproven(10) == []
    journal.keep_receipts([(row.id, RECEIPT)])
    assert [(one.arrival_id, one.name, one.body) for one in journal.unproven(10)] == [("a-1", CLIP.name, b"{}")]
    assert not journal.is_proven("r-1")
    journal.keep_proof(row.id, LogProof(b"leaf", b"proof"))
    assert journal.unproven(10) == []
    assert journal.is_proven("r-1")
    assert journal.proof(row.id) == LogProof(b"leaf", b"proof")


def test_a_journal_of_the_version_before_goes_on(tmp_path: Path) -> None:
    made = Journal(tmp_path)
    made.open_session(session(), [CLIP])
    row = made.claim("s-1", "cam", CLIP)
    made.offered(row.id, "a-1")
    made.keep_receipts([(row.id, RECEIPT)])
    made.close()
    with sqlite3.connect(tmp_path / JOURNAL_FILE) as db:
        db.executescript(
            "DROP TABLE proofs; DROP TABLE lost_receipts; DROP INDEX receipts_by_round;"
            "ALTER TABLE receipts DROP COLUMN upheld_in; PRAGMA user_version=1;"
        )
    again = Journal(tmp_path)
    assert again.receipt(row.id) == RECEIPT
    assert [one.file_id for one in again.unproven(10)] == [row.id]
