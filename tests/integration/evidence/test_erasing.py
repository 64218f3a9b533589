"""Erasing a personal value: it is gone, the log stands as it was, and what went otherwise is missed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from evidence.custody import ledger
from evidence.custody.events import SYSTEM, EventType
from evidence.custody.sealing import revealed
from evidence.database import Sessions, WriteSession, open_engine
from evidence.errors import AlreadySettled, LogDisagrees, NotFound
from evidence.identifiers import new_id
from tests.support.logbook import AMARA, viewed, write

EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Reading and writing on a database of the test's own."""
    engine = open_engine(database_url)
    yield Sessions(engine, log_origin="custody.test.example/main")
    engine.dispose()


def frozen(sessions: Sessions) -> list[tuple[Any, ...]]:
    """Every event as it stands: leaf, hash and the columns beside them."""
    with sessions.reading() as session:
        rows = session.execute(text("SELECT * FROM custody.event ORDER BY ingest_no"))
        return [tuple(row) for row in rows]


def test_an_erased_name_leaves_the_event_and_its_proof_as_they_were(sessions: Sessions) -> None:
    subject = new_id()
    first, _ = write(sessions, viewed(subject, personal={"note": "seen with Jo Bloggs"}), viewed(subject))
    before = frozen(sessions)
    with sessions.writing() as session:
        erased = ledger.erase_sealed(session, first.id, "actor", AMARA)
    assert frozen(sessions)[:2] == before
    with sessions.reading() as session:
        assert ledger.check_subject(session, subject) == 3
        one, two, three = ledger.history(session, subject)
        row = session.execute(
            text("SELECT salt, value_enc, erased_by FROM custody.sealed WHERE event_id = :id AND field = 'actor'"),
            {"id": first.id},
        ).one()
        kept = revealed(session, [first.id])[first.id]
    assert one.sentence == "someone whose name has been erased opened the playback copy"
    assert two.sentence == "Amara Osei opened the playback copy"
    assert three.sentence == f"Amara Osei erased the sealed actor of event {first.id}"
    assert (three.operation, three.facts) == ("erasure", {"event": str(first.id), "field": "actor"})
    assert tuple(row) == (None, None, erased.id)
    assert {field: each.value for field, each in kept.items()} == {"note": "seen with Jo Bloggs"}


def test_nothing_is_erased_twice_or_that_never_was(sessions: Sessions) -> None:
    [written] = write(sessions, viewed(new_id()))
    with sessions.writing() as session:
        ledger.erase_sealed(session, written.id, "actor", AMARA)
    before = frozen(sessions)
    for event_id, field, refused in (
        (written.id, "actor", AlreadySettled),
        (written.id, "name", NotFound),
        (new_id(), "actor", NotFound),
    ):
        with pytest.raises(refused), sessions.writing() as session:
            ledger.erase_sealed(session, event_id, field, AMARA)
    assert frozen(sessions) == before


def test_an_erasure_that_fails_erases_nothing(sessions: Sessions) -> None:
    subject = new_id()
    [written] = write(sessions, viewed(subject))
    with pytest.raises(ZeroDivisionError), sessions.writing() as session:
        raise ZeroDivisionError(ledger.erase_sealed(session, written.id, "actor", AMARA))
    with sessions.reading() as session:
        assert ledger.check_subject(session, subject) == 1
        assert revealed(session, [written.id])[written.id]["actor"].value == "Amara Osei"


ROOT = hashlib.sha256(b"the root of the first two").hexdigest()
HONEST: dict[str, Any] = {"from_size": 1, "to_size": 2, "root": ROOT}


@pytest.mark.parametrize(
    ("seq", "told_at", "facts", "accounted"),
    [
        (0, 2, {}, False),
        (1, 2, {}, True),
        (1, 7, {}, True),
        (2, 3, {}, False),
        (None, 2, {}, False),
        (1, "waits", {}, True),
        (1, "waits", {"to_size": 3}, False),
        (1, "never", {}, False),
        (1, 2, {"from_size": 0, "to_size": 10**9, "root": "0" * 64}, False),
        (1, 2, {"to_size": 3}, False),
        (1, 7, {"to_size": 3}, False),
        (1, 2, {"root": EMPTY}, False),
    ],
)
def test_a_name_that_was_lost_with_a_restored_copy_is_no_disagreement(
    sessions: Sessions, seq: int | None, told_at: int | str, facts: dict[str, Any], accounted: bool
) -> None:
    """Only where the roll-forward that says so can have been: it is in the log, and a checkpoint says its root."""
    subject = new_id()
    told = viewed(SYSTEM, type=EventType.LOG_ROLLED_FORWARD, facts=HONEST | facts)
    event, restored = write(sessions, viewed(subject), told)
    lost = "UPDATE custody.sealed SET salt = NULL, value_enc = NULL, erased_by = :by WHERE event_id <> :by"
    signed = "INSERT INTO custody.checkpoint (size, root, note) VALUES (2, :root, 'a note')"
    with sessions.writing() as session:
        session.execute(text(lost), {"by": restored.id})
        session.execute(text(signed), {"root": bytes.fromhex(ROOT)})
        end = told_at + 1 if isinstance(told_at, int) else 2
        session.execute(text("UPDATE custody.state SET size = :end"), {"end": end})
        _number(session, event.id, seq)
        if told_at != "waits":
            _number(session, restored.id, told_at if isinstance(told_at, int) else None)
    with sessions.reading() as session:
        if accounted:
            assert ledger.check_subject(session, subject) == 1
            return
        with pytest.raises(LogDisagrees, match="no event says who erased or lost it"):
            ledger.check_subject(session, subject)


def _number(session: WriteSession, event: UUID, seq: int | None) -> None:
    """Take an event out of the queue, and give it this number, or none."""
    waited = "DELETE FROM custody.queue WHERE ingest_no = (SELECT ingest_no FROM custody.event WHERE id = :id)"
    session.execute(text(waited), {"id": event})
    if seq is not None:
        place = "INSERT INTO custody.leaf SELECT :seq, ingest_no, at, leaf_hash FROM custody.event WHERE id = :id"
        session.execute(text(place), {"id": event, "seq": seq})


@pytest.mark.parametrize(("seq", "accounted"), [("waits", True), (1, True), (2, False), (None, False)])
def test_an_erasure_that_has_no_number_and_waits_for_none_covers_nothing(
    sessions: Sessions, seq: int | str | None, accounted: bool
) -> None:
    subject = new_id()
    [written] = write(sessions, viewed(subject))
    with sessions.writing() as session:
        erased = ledger.erase_sealed(session, written.id, "actor", AMARA)
    if seq != "waits":
        with sessions.writing() as session:
            session.execute(text("UPDATE custody.state SET size = 2"))
            _number(session, written.id, 0)
            _number(session, erased.id, seq if isinstance(seq, int) else None)
    with sessions.reading() as session:
        if accounted:
            assert ledger.check_subject(session, subject) == 2
            return
        with pytest.raises(LogDisagrees, match="no event says who erased or lost it"):
            ledger.check_subject(session, subject)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE custody.sealed SET salt = NULL, value_enc = NULL",
        "UPDATE custody.sealed SET salt = NULL",
        "UPDATE custody.sealed SET salt = NULL, value_enc = NULL, erased_by = event_id",
        "DELETE FROM custody.sealed",
    ],
    ids=["without an event", "half", "by an event that is no erasure", "with its row"],
)
def test_a_name_that_went_without_an_erasure_is_missed(sessions: Sessions, change: str) -> None:
    subject = new_id()
    write(sessions, viewed(subject))
    with sessions.writing() as session:
        session.execute(text(change))
    with sessions.reading() as session, pytest.raises(LogDisagrees, match="sealed actor"):
        ledger.check_subject(session, subject)
