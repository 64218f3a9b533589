"""A database restored from an older copy: the log halts with both sizes, and is rolled forward out of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, EventType
from evidence.embedded import EmbeddedPostgres
from evidence.identifiers import new_id
from evidence.models import Incident
from evidence.sequencing.errors import (
    HistoryDiffers,
    MustHalt,
    RolledBack,
    RollForwardRefused,
    StillHalted,
    StoreBehind,
)
from evidence.sequencing.opening import look
from evidence.sequencing.rollforward import roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.tlog.signing import KeyPair
from evidence.vocabulary import IncidentKind
from tests.support.house import until
from tests.support.log import QUICK, faults_of, log_house, published_size, sequencing, write_events
from tests.support.servers import restored_later, with_own_custody

BY = Actor.system("test")
Restore = Callable[[], None]


def forward(house: House, keys: KeyPair) -> Any:
    return roll_forward(house, keys, by=BY, unwitnessed=True)


def log_of(house: House, upto: int) -> list[Any]:
    """Number, id, type, subject, place, time and bytes of the first events."""
    with house.reading() as session:
        return list(
            session.execute(
                text(
                    "SELECT l.seq, e.id, e.type, e.subject, e.subject_no, e.at, l.at AS leaf_at, e.leaf, l.leaf_hash"
                    " FROM custody.leaf l JOIN custody.event e USING (ingest_no) WHERE l.seq < :upto ORDER BY l.seq"
                ),
                {"upto": upto},
            )
        )


def heads_of(house: House, subjects: list[UUID]) -> list[Any]:
    with house.reading() as session:
        return list(
            session.execute(
                text("SELECT subject, n, leaf_hash FROM custody.head WHERE subject = ANY(:subjects) ORDER BY subject"),
                {"subjects": subjects},
            )
        )


def halted(house: House, keys: KeyPair, *, database: int, store: int) -> UUID:
    """A sequencer looks, halts the log with both sizes, and opens an incident, whose id this is."""
    with sequencing(Sequencer(house, keys, QUICK)) as raised:
        until(lambda: raised, what="the halt")
    assert isinstance(raised[0], RolledBack)
    assert f"{database} events" in str(raised[0])
    assert f"over {store}" in str(raised[0])
    with house.reading() as session:
        assert session.execute(text("SELECT halted FROM custody.state")).scalar_one() == str(raised[0])
        (incident,) = session.query(Incident).filter_by(kind=IncidentKind.LOG_HALTED).all()
    assert f"{database} events" in incident.reason
    with pytest.raises(RolledBack):
        look(house, keys)
    return incident.id


@pytest.fixture
def subjects() -> list[UUID]:
    return [new_id() for _ in range(5)]


def grow(house: House, keys: KeyPair, many: int, subjects: list[UUID]) -> None:
    write_events(house, many, subjects=subjects)
    Sequencer(house, keys).lead_once()


def test_a_restored_database_halts_the_log_and_is_rolled_forward_to_the_letter(
    house: House, keys: KeyPair, subjects: list[UUID], database_template: EmbeddedPostgres
) -> None:
    grow(house, keys, 130, subjects)
    with restored_later(database_template, house.sessions.engine) as restore:
        grow(house, keys, 200, subjects)
        grow(house, keys, 300, subjects)
        before, heads = log_of(house, 630), heads_of(house, subjects)
        restore()
    incident = halted(house, keys, database=130, store=630)

    done = forward(house, keys)
    assert (done.from_size, done.to_size, done.moved) == (130, 630, 0)
    assert done.sealed_missing == 500, "the name of whoever acted, in each"
    assert log_of(house, 630) == before
    assert heads_of(house, subjects) == heads
    with house.reading() as session:
        assert all(ledger.check_subject(session, subject) for subject in [*subjects, SYSTEM])
        (line,) = ledger.history(session, SYSTEM)
        assert line.type is EventType.LOG_ROLLED_FORWARD
        assert line.facts["from_size"] == 130
    Sequencer(house, keys).lead_once()
    grow(house, keys, 20, subjects)
    assert faults_of(house, keys) == []
    with house.reading() as session:
        assert session.get_one(Incident, incident).closed_because is not None


def test_a_halted_log_stays_halted(
    house: House, keys: KeyPair, subjects: list[UUID], database_template: EmbeddedPostgres
) -> None:
    grow(house, keys, 3, subjects)
    with restored_later(database_template, house.sessions.engine) as restore:
        grow(house, keys, 3, subjects)
        restore()
    for _ in range(3):
        with sequencing(Sequencer(house, keys, QUICK)) as raised:
            until(lambda: raised, what="the halt")
        assert isinstance(raised[0], MustHalt)
    with house.reading() as session:
        assert session.query(Incident).filter_by(kind=IncidentKind.LOG_HALTED).count() == 1


def test_what_was_written_after_the_restoring_stands_behind_what_is_put_back(
    house: House, keys: KeyPair, subjects: list[UUID], database_template: EmbeddedPostgres
) -> None:
    grow(house, keys, 10, subjects)
    waiting = write_events(house, 4, subjects=subjects[:2])
    with restored_later(database_template, house.sessions.engine) as restore:
        grow(house, keys, 290, subjects)
        before = log_of(house, 304)
        restore()
    written = write_events(house, 8, subjects=[*subjects, new_id(), new_id(), new_id()])
    done = forward(house, keys)
    assert (done.from_size, done.to_size, done.moved) == (10, 304, 5)
    assert log_of(house, 304) == before
    assert {row.id for row in before} >= set(waiting)
    Sequencer(house, keys).lead_once()
    with house.reading() as session:
        places = {row.id: row.seq for row in log_of(house, 1000)}
        assert [ledger.check_subject(session, subject) > 0 for subject in subjects] == [True] * 5
    assert min(places[event] for event in written) >= 304
    assert faults_of(house, keys) == []


def test_what_had_been_erased_is_erased_again(
    house: House, keys: KeyPair, subjects: list[UUID], database_template: EmbeddedPostgres
) -> None:
    (event,) = write_events(house, 1, subjects=subjects)
    Sequencer(house, keys).lead_once()
    with restored_later(database_template, house.sessions.engine) as restore:
        with house.writing() as session:
            ledger.erase_sealed(session, event, "actor", BY)
        Sequencer(house, keys).lead_once()
        restore()
    forward(house, keys)
    with house.reading() as session:
        kept = session.execute(text("SELECT salt, value_enc FROM custody.sealed WHERE event_id = :id"), {"id": event})
        assert kept.all() == [(None, None)]
        assert ledger.check_subject(session, subjects[0]) == 2


def test_a_database_that_was_forced_on_is_told_from_one_that_is_behind(
    house: House,
    keys: KeyPair,
    subjects: list[UUID],
    database_template: EmbeddedPostgres,
    tmp_path: Any,
    own_custody: StoreSettings,
) -> None:
    grow(house, keys, 10, subjects)
    with restored_later(database_template, house.sessions.engine) as restore:
        grow(house, keys, 5, subjects)
        restore()
    # Somebody numbers other events without looking at the store.
    write_events(house, 9, subjects=subjects)
    with house.writing() as session:
        session.execute(
            text(
                "WITH t AS (DELETE FROM custody.queue RETURNING ingest_no, at) INSERT INTO custody.leaf"
                " SELECT 9 + row_number() OVER (ORDER BY ingest_no), ingest_no, t.at, e.leaf_hash"
                " FROM t JOIN custody.event e USING (ingest_no)"
            )
        )
        session.execute(text("UPDATE custody.state SET size = 19"))
    with pytest.raises(HistoryDiffers):
        look(house, keys)
    with pytest.raises(RollForwardRefused, match="does not lead to what was signed"):
        forward(house, keys)


def test_another_store_is_not_taken_for_this_log(
    house: House, keys: KeyPair, subjects: list[UUID], database_url: str, s3_server: Any, store_settings: StoreSettings
) -> None:
    grow(house, keys, 4, subjects)
    other = log_house(database_url, with_own_custody(s3_server, store_settings))
    with pytest.raises(StoreBehind):
        look(other, keys)
    with pytest.raises(RollForwardRefused):
        forward(other, keys)
    other.sessions.engine.dispose()


def test_nothing_is_rolled_forward_under_a_running_sequencer(house: House, keys: KeyPair, subjects: list[UUID]) -> None:
    write_events(house, 3, subjects=subjects)
    with sequencing(Sequencer(house, keys, QUICK)):
        until(lambda: published_size(house) == 3, what="a checkpoint")
        with pytest.raises(RollForwardRefused, match="stop it first"):
            forward(house, keys)


def test_a_halt_that_has_been_mended_is_lifted(house: House, keys: KeyPair, subjects: list[UUID]) -> None:
    grow(house, keys, 6, subjects)
    with house.writing() as session:
        session.execute(text("UPDATE custody.state SET halted = 'a reason that is gone'"))
    with pytest.raises(StillHalted, match="a reason that is gone"):
        Sequencer(house, keys).lead_once()
    done = forward(house, keys)
    assert (done.from_size, done.to_size) == (6, 6)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == 7
    assert faults_of(house, keys) == []
