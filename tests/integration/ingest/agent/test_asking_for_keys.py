"""How often the log's keys are asked for: when they are needed, not for every proof that is not believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.tlog.keys import Algorithm
from evidence.tlog.signing import SigningKey
from ingest.agent import clock
from ingest.agent.client import Server
from ingest.agent.digests import Digests
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import KeptReceipt, SessionRow
from ingest.agent.log_proofs import LogProof
from ingest.agent.protocol import SignedStatement
from ingest.agent.proving import Proving
from ingest.agent.sighting import Identity, Sighting
from tests.unit.ingest.agent.test_log_proofs import BODY, EVENT, KEY, ORIGIN, proof, statement

RECEIPTS = Ed25519PrivateKey.generate()
ANOTHER = SigningKey.make(ORIGIN, Algorithm.ED25519)


class Answering(Server):
    """The far side of the wire, with these proofs and these keys, counting how often it is asked."""

    def __init__(self, proofs: dict[str, LogProof]) -> None:
        self.shown, self.keys, self.asked = proofs, statement(), 0

    def proofs(self, arrival_ids: Sequence[str]) -> dict[str, LogProof]:
        return {each: self.shown[each] for each in arrival_ids if each in self.shown}

    def log_keys(self) -> SignedStatement:
        self.asked += 1
        return SignedStatement(self.keys, RECEIPTS.sign(self.keys), "k")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Three files with receipts, none of them proven."""
    made = Journal(tmp_path)
    session = SessionRow(
        id="s", root=b"/dock", deep=True, label="cam", bay="cam", kind="dock", dev=1, ino=2,
        opened_at=clock.now_as_text(),
    )  # fmt: skip
    clips = [Sighting(b"clip-%d" % number, Identity(100, number, 7, number)) for number in range(3)]
    made.open_session(session, clips)
    for number, clip in enumerate(clips):
        row = made.claim("s", "cam", clip)
        made.sent(row.id, f"a-{number}", Digests(100, "a" * 64, "b" * 128, "c" * 64))
        made.keep_receipts([(row.id, KeptReceipt(f"r-{number}", "rec", SignedStatement(BODY, b"s", "k")))])
    return made


def rounds(journal: Journal, server: Answering, number: int = 3) -> Proving:
    proving = Proving(server, journal, {"k": RECEIPTS.public_key().public_bytes_raw()})
    for _ in range(number):
        again(proving)
    return proving


def again(proving: Proving) -> None:
    proving._not_before = 0.0
    proving.run()


def everywhere(shown: LogProof) -> Answering:
    return Answering({f"a-{number}": shown for number in range(3)})


def test_proofs_that_hold_ask_once(journal: Journal) -> None:
    server = everywhere(proof())
    rounds(journal, server)
    assert (server.asked, journal.unproven(9)) == (1, [])


def test_proofs_that_are_wrong_in_themselves_ask_for_no_other_keys(journal: Journal) -> None:
    server = everywhere(proof(event={**EVENT, "obj": [{"role": "receipt", "sha256": hashlib.sha256().hexdigest()}]}))
    rounds(journal, server)
    assert server.asked == 1
    assert len(journal.unproven(9)) == 3


def test_a_key_that_the_server_does_not_name_is_asked_for_once(journal: Journal) -> None:
    server = everywhere(proof(key=ANOTHER))
    rounds(journal, server)
    assert server.asked == 2
    assert len(journal.unproven(9)) == 3


def test_a_new_key_of_the_log_is_learnt(journal: Journal) -> None:
    server = Answering({"a-0": proof()})
    proving = rounds(journal, server, 1)
    server.keys = json.dumps(
        {"v": 1, "kind": "log-keys", "origin": ORIGIN, "keys": [KEY.vkey().text(), ANOTHER.vkey().text()]}
    ).encode()
    server.shown = {f"a-{number}": proof(key=ANOTHER) for number in range(3)}
    again(proving)
    assert (server.asked, journal.unproven(9)) == (2, [])


def test_keys_without_end_cost_one_question_a_round(journal: Journal) -> None:
    keys = [SigningKey.make(ORIGIN, Algorithm.ED25519) for _ in range(3)]
    server = Answering({f"a-{number}": proof(key=key) for number, key in enumerate(keys)})
    proving = rounds(journal, server, 1)
    assert server.asked == 1
    again(proving)
    assert server.asked == 2
