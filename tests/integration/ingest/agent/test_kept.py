"""Kept receipts: asked about in rounds, set aside where they are lost, taken back where they were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.agent import clock
from ingest.agent.account import account_of
from ingest.agent.digests import Digests
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import KeptReceipt, SessionRow
from ingest.agent.kept import KeptReceipts
from ingest.agent.log_proofs import LogProof
from ingest.agent.protocol import SignedStatement
from ingest.agent.sighting import Identity, Sighting


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def kept(journal: Journal) -> KeptReceipts:
    return KeptReceipts(journal)


def receipted(journal: Journal, *names: str, session: str = "s-1") -> list[int]:
    """A docked device whose files have receipts and proofs; the numbers of the files."""
    sightings = [Sighting(name.encode(), Identity(100, 1, 7, number)) for number, name in enumerate(names)]
    row = SessionRow(
        id=session, root=b"/dock/cam", deep=True, label=session, bay="cam", kind="dock", dev=1, ino=2,
        opened_at=clock.now_as_text(),
    )  # fmt: skip
    journal.open_session(row, sightings)
    ids = []
    for one in sightings:
        file, name = journal.claim(session, session, one).id, one.name.decode()
        journal.sent(file, f"a-{name}", Digests(100, "a" * 64, "b" * 128, "c" * 64))
        body = f'{{"arrival_id":"a-{name}"}}'.encode()
        receipt = KeptReceipt(f"r-{name}", f"rec-{name}", SignedStatement(body, b"s", "k"))
        journal.keep_receipts([(file, receipt)])
        journal.keep_proof(file, LogProof(b"leaf", b"proof"))
        ids.append(file)
    return ids


def test_a_round_asks_about_what_is_docked_and_the_rest_by_turns(journal: Journal, kept: KeptReceipts) -> None:
    receipted(journal, "old-1", "old-2", session="s-0")
    journal.close_session("s-0", "taken away")
    receipted(journal, "new-1", "new-2", "new-3")
    assert kept.newest_round() == 0
    assert kept.of_docked(1, 2) == ["r-new-1", "r-new-2"]
    kept.upheld(["r-new-1", "r-new-2"], 1)
    assert kept.of_docked(1, 2) == ["r-new-3"]
    kept.upheld(["r-new-3"], 1)
    assert kept.of_docked(1, 2) == []
    assert kept.of_newest(1, 1) == ["r-old-2"]
    assert kept.of_all(1, 1) == ["r-old-1"]
    kept.upheld(["r-old-1"], 1)
    assert kept.of_all(1, 9) == ["r-old-2"]
    assert kept.newest_round() == 1
    assert kept.of_docked(2, 9) == ["r-new-1", "r-new-2", "r-new-3"]


def test_a_lost_receipt_of_a_docked_file_leaves_it_to_be_offered_again(
    tmp_path: Path, journal: Journal, kept: KeptReceipts
) -> None:
    (file,) = receipted(journal, "clip")
    (lost,) = kept.lose(["r-clip", "r-nobody"])
    assert (lost.receipt_id, lost.name, lost.let_go) == ("r-clip", b"clip", None)
    assert journal.receipt(file) is None
    assert journal.proof(file) is None
    assert journal.unproven(9) == []
    assert (journal.file(file).state.value, journal.file(file).arrival_id) == ("waiting", None)
    assert [one.name for one in journal.listed_in("s-1")] == [b"clip"]
    assert kept.untold(9) == [], "it is offered again: nobody need be told"
    assert account_of(tmp_path).incidents == ()
    assert kept.lose(["r-clip"]) == []


def test_a_source_that_is_away_is_told_of_until_the_server_has_heard_it(
    tmp_path: Path, journal: Journal, kept: KeptReceipts
) -> None:
    gone, there = receipted(journal, "gone", "there")
    journal.intend_release(gone, "deleted")
    journal.release_done(gone)
    kept.lose(["r-gone"])
    journal.close_session("s-1", "taken away")
    journal.closing_told("s-1")
    kept.lose(["r-there"])
    assert {(one.receipt_id, one.let_go) for one in kept.untold(9)} == {("r-gone", "deleted"), ("r-there", None)}
    assert [one["kind"] for one in account_of(tmp_path).incidents] == ["receipt-lost", "receipt-lost"]
    assert journal.untold_closings() == [("s-1", "taken away")], "the copy does not know that the device went either"
    assert [journal.file(each).state.value for each in (gone, there)] == ["gone", "waiting"]
    kept.told(["r-gone", "r-there"])
    assert kept.untold(9) == []


def test_a_receipt_that_the_server_knows_after_all_counts_again(
    tmp_path: Path, journal: Journal, kept: KeptReceipts
) -> None:
    (file,) = receipted(journal, "gone")
    before = journal.receipt(file)
    journal.intend_release(file, "deleted")
    journal.release_done(file)
    kept.lose(["r-gone"])
    kept.take_back("r-gone")
    assert journal.receipt(file) == before
    assert (journal.file(file).state.value, journal.file(file).arrival_id) == ("receipted", "a-gone")
    assert account_of(tmp_path).incidents == ()
    assert kept.untold(9) == []
