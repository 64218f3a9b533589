"""Numbers of the log that somebody wrote beside it: no event has one by them, and each is named."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from evidence import clock
from evidence.completeness import audit, fsck, headmap, taken
from evidence.completeness.claims import Verdict
from evidence.custody.events import SYSTEM, Actor, EventType
from evidence.custody.log_keys import trusted_keys
from evidence.identifiers import new_id
from evidence.outside import rotating
from evidence.sequencing.reading import leaves_of, seq_of
from tests.integration.evidence.outside.test_strange_keys import given, log
from tests.support.log import published_size
from tests.support.outside import OwnLog
from tests.support.stray import as_service, log_size, number_it, stray_event

__all__ = ["log"]

BY = Actor.system("test of numbers")


@pytest.mark.parametrize("seq", [900_000, -1, 0])
def test_a_number_that_the_log_has_not_come_to_ends_no_key(log: OwnLog, seq: int) -> None:
    [key, _] = log.keys.vkeys()
    event = stray_event(log.house, "key.revoked", {"key": key.key_id.hex(), "to_size": 0, "algorithm": "ed25519"})
    number_it(log.house, event.id, seq or log_size(log.house))
    keys, found = given(log)
    assert (keys, found.doubts) == (set(log.keys.vkeys()), ())
    checked = fsck.verify(log.house)
    assert checked.of("keys").verdict is Verdict.PROVED
    [first, *_] = checked.of("numbers").findings
    assert f"at number {seq or log_size(log.house)}, of event {event.id}" in first
    with log.house.reading() as session:
        assert seq_of(session, [event.id]) == {}
        assert leaves_of(session, SYSTEM, of_type=EventType.KEY_REVOKED) == []


def test_what_is_new_is_held_against_them_too(log: OwnLog) -> None:
    log.grow(600)
    number_it(log.house, stray_event(log.house, "key.revoked", {}).id, 900_000)
    found = fsck.verify(log.house, since=published_size(log.house))
    assert found.start > 0
    assert "at number 900000" in found.of("numbers").words


def test_a_key_stays_revoked_where_the_state_is_set_back_to_before_that(log: OwnLog) -> None:
    [key, other] = log.keys.vkeys()
    before = published_size(log.house)
    rotating.rotate(log.house, log.keys, settings=log.house.settings, by=BY)
    rotating.enter(log.house, log.keys)
    log.grow()
    rotating.revoke(log.house, log.keys, key.key_id.hex(), because="the disk was stolen", by=BY)
    log.grow()
    with log.house.reading() as session:
        keys = trusted_keys(session)
    assert key not in keys
    assert len(keys) == 2
    set_back = "UPDATE custody.state SET size = :to, integrated_size = :to, published_size = :to, witnessed_size = :to,"
    set_back += " witnessed_root = (SELECT root FROM custody.checkpoint WHERE size = :to)"
    as_service(log.house, text(set_back), to=before)
    with log.house.reading() as session:
        assert trusted_keys(session) == keys
    assert other not in keys


def test_no_round_rests_on_an_event_by_such_a_number(log: OwnLog) -> None:
    log.grow(600)
    size = published_size(log.house)
    counted = {"census": str(new_id()), "expected": 9, "found": 9, "missing": 0, "extra": 0, "changed": 0}
    census = stray_event(log.house, "census.taken", {**counted, "root": "0" * 64})
    said = {"size": size, "from_size": 0, "root": "0" * 64, "verdict": "agrees", "contradictions": 0}
    audited = stray_event(log.house, "log.verified", said, n=999_998)
    mapped = stray_event(log.house, "headmap.logged", {"size": 3, "entries": 1, "root": "0" * 64}, n=999_997)
    for at, each in enumerate((census, audited, mapped)):
        number_it(log.house, each.id, 900_000 + at)
    row = "INSERT INTO custody.headmap (size, entries, root, key, event_id) VALUES (3, 1, :root, :root, :event)"
    as_service(log.house, text(row), root=bytes(32), event=mapped.id)
    with log.house.reading() as session:
        assert taken.last(session) is None
        assert headmap.last(session) is None
        assert audit._earlier(session, clock.now()) == []


def test_an_event_that_was_changed_keeps_its_place_for_those_who_hold_it_against_that(log: OwnLog) -> None:
    with log.house.reading() as session:
        before = leaves_of(session, SYSTEM)
        event = session.scalars(text("SELECT id FROM custody.event WHERE subject = :s"), {"s": SYSTEM}).first()
    change = (
        "UPDATE custody.event SET leaf = overlay(leaf PLACING 'X'::bytea FROM 20),"
        " leaf_hash = sha256('\\x00'::bytea || overlay(leaf PLACING 'X'::bytea FROM 20)) WHERE id = :id"
    )
    with log.house.sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE custody.event DISABLE TRIGGER insert_only"))
        connection.execute(text(change), {"id": event})
    with log.house.reading() as session:
        assert [seq for seq, _ in leaves_of(session, SYSTEM)] == [seq for seq, _ in before]
        assert event in seq_of(session, [event])
