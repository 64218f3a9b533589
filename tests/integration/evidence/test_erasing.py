"""Erasing a personal value: it is gone, the log stands as it was, and what went otherwise is missed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from evidence.custody import ledger
from evidence.custody.events import SYSTEM, EventType
from evidence.custody.sealing import revealed
from evidence.database import Sessions, open_engine
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


@pytest.mark.parametrize(("seq", "accounted"), [(0, False), (1, True), (2, False), (None, False)])
def test_a_name_that_was_lost_with_a_restored_copy_is_no_disagreement(
    sessions: Sessions, seq: int | None, accounted: bool
) -> None:
    subject = new_id()
    facts = {"from_size": 1, "to_size": 2, "root": EMPTY}
    _, restored = write(sessions, viewed(subject), viewed(SYSTEM, type=EventType.LOG_ROLLED_FORWARD, facts=facts))
    lost = "UPDATE custody.sealed SET salt = NULL, value_enc = NULL, erased_by = :by WHERE event_id <> :by"
    place = "INSERT INTO custody.leaf SELECT :seq, ingest_no, at, leaf_hash FROM custody.event WHERE id <> :by"
    with sessions.writing() as session:
        session.execute(text(lost), {"by": restored.id})
        if seq is not None:
            session.execute(text(place), {"by": restored.id, "seq": seq})
    with sessions.reading() as session:
        if accounted:
            assert ledger.check_subject(session, subject) == 1
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
