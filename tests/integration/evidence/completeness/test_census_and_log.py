"""The count of the store against the log: what an event says was stored is expected, whatever has become of its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from evidence import clock
from evidence.completeness import census, counted
from evidence.completeness.matching import Gap
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.identifiers import new_id
from evidence.models import Incident, Master, Receipt
from evidence.store.keys import master_key
from tests.integration.evidence.completeness.conftest import Vandal
from tests.support.house import World
from tests.support.recordings import Shelf


def only(world: World) -> Master:
    with world.house.reading() as session:
        return session.scalars(select(Master)).one()


def reasons(world: World) -> Mapping[str, str]:
    with world.house.reading() as session:
        return {
            each.subject: each.reason for each in session.scalars(select(Incident).where(Incident.closed_at.is_(None)))
        }


def say(world: World, statement: str, **words: Any) -> None:
    """One who has the service's password writes to its tables."""
    with world.house.writing() as session:
        session.execute(text(statement), words)


LOST = (
    "DELETE FROM receipt WHERE master_id = ANY(:ids)",
    "DELETE FROM provenance WHERE master_id = ANY(:ids)",
    "DELETE FROM recording WHERE id = ANY(:ids)",
    "DELETE FROM arrival WHERE master_id = ANY(:ids)",
    "DELETE FROM master WHERE id = ANY(:ids)",
)


def lose_rows(world: World, *masters: Master) -> None:
    """What a restore of an older copy and a roll-forward leave: the log's events, and no row of what they speak of."""
    with world.house.sessions.engine.begin() as connection:
        for statement in LOST:
            connection.execute(text(statement), {"ids": [each.id for each in masters]})


def test_a_lost_master_stays_named_when_its_row_names_another_bucket(
    world: World, vandal: Vandal, shelf: Shelf
) -> None:
    shelf.recording(b"gone for good")
    master = only(world)
    vandal.remove(master.key, master.version_id)
    assert census.take(world.house).missing == 1
    say(world, "UPDATE master SET bucket = 'elsewhere'")
    again = census.take(world.house)
    assert (again.expected, again.found, again.missing, again.changed) == (1, 0, 1, 1)
    opened = reasons(world)
    assert f"missing {master.key} {master.version_id}" in opened
    assert "has the bucket elsewhere, not" in opened[f"changed {master.key} {master.version_id}"]


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("sha256", "ab" * 32, "SHA-256"),
        ("version_id", "another", "version"),
        ("size", 3, "size"),
        ("tree", "cd" * 32, "tree digest"),
        ("key", "masters/else", "key"),
        ("lock_mode", "COMPLIANCE", "lock"),
    ],
)
def test_a_row_that_differs_from_its_event_is_named_and_the_event_is_right(
    world: World, vandal: Vandal, shelf: Shelf, column: str, value: object, name: str
) -> None:
    shelf.recording(b"as it was stored")
    master = only(world)
    before = getattr(master, column)
    say(world, f"UPDATE master SET {column} = :value", value=value)
    taken = census.take(replace_locks(world, 0))
    assert [(each.gap, each.key, each.version_id) for each in taken.gaps] == [
        (Gap.CHANGED, master.key, master.version_id)
    ]
    assert f"its record has the {name} {value}, not {before}" in taken.gaps[0].because
    assert taken.found == 1
    say(world, f"UPDATE master SET {column} = :value", value=before)
    assert census.take(world.house).holds
    assert reasons(world) == {}


def replace_locks(world: World, count: int) -> Any:
    """The house with so many locks asked for by lot."""
    return replace(world.house, settings=world.house.settings.model_copy(update={"census_locks": count}))


def test_what_the_log_knows_and_no_row_does_is_named_and_not_unknown(
    world: World, vandal: Vandal, shelf: Shelf
) -> None:
    there, gone = shelf.recording(b"there"), shelf.recording(b"gone")
    with world.house.reading() as session:
        first, second = session.scalars(select(Master).order_by(Master.id)).all()
        receipt = session.scalars(select(Receipt.id).where(Receipt.master_id == second.id)).one()
        stored = next(line for line in ledger.history(session, second.id) if line.type is EventType.MASTER_STORED)
    lose_rows(world, first, second)
    vandal.remove(second.key, second.version_id)

    taken = census.take(world.house)

    assert (taken.expected, taken.found, taken.missing, taken.extra, taken.changed) == (2, 1, 1, 0, 2)
    assert {each.reference for each in taken.gaps} == {there, gone}
    opened = reasons(world)
    why = opened[f"missing {second.key} {second.version_id}"]
    assert all(words in why for words in (str(stored.id), second.sha256, str(receipt)))
    assert "no record of the master is there" in opened[f"changed {first.key} {first.version_id}"]
    assert not census.take(world.house).holds
    assert reasons(world) == opened


def test_an_object_of_an_arrival_that_only_the_log_knows_is_not_unknown(
    world: World, vandal: Vandal, shelf: Shelf
) -> None:
    shelf.recording(b"there")
    arrival = new_id()
    facts = {"size": 7, "session": str(new_id())}
    with world.house.writing() as session:
        actor = Actor.system("test")
        ledger.record(session, Event(type=EventType.ARRIVAL_CLAIMED, subject=arrival, actor=actor, facts=facts))
    vandal.put(master_key(arrival), b"half-way")
    taken = census.take(world.house)
    assert taken.holds, taken.gaps
    assert taken.unfinished == 1


FORGED = """
INSERT INTO master (id, role, identity, sha256, sha512, tree, size, bucket, key, version_id, lock_mode, lock_until,
  stored_at, verified_at)
VALUES (:id, 'media', sha256('x'), '', '', '', 8, :bucket, :key, :version, 'GOVERNANCE', :now, :now, :now)
"""


def test_a_row_that_no_event_speaks_of_is_named_and_its_going_settles_nothing(
    world: World, vandal: Vandal, shelf: Shelf
) -> None:
    made = new_id()
    words = {"id": made, "key": master_key(made), "bucket": vandal.bucket, "now": clock.now()}
    version = vandal.put(master_key(made), b"8 bytes!")
    say(world, FORGED, version=version, **words)
    taken = census.take(world.house)
    assert [(each.gap, each.because) for each in taken.gaps] == [
        (Gap.CHANGED, "it is recorded as a master, and no event of the log says that it was stored")
    ]
    vandal.remove(master_key(made), version)
    assert census.take(world.house).missing == 1
    before = reasons(world)
    say(world, "DELETE FROM master")
    assert census.take(world.house).missing == 0
    assert reasons(world) == before
    assert len(before) == 2


def test_a_lock_that_was_loosened_is_asked_for_again_until_it_is_back(
    world: World, vandal: Vandal, shelf: Shelf
) -> None:
    shelf.recording(b"unlocked")
    master = only(world)
    vandal.shorten(master.key, master.version_id)
    assert census.take(world.house).changed == 1
    none_by_lot = replace_locks(world, 0)
    assert census.take(none_by_lot).changed == 1
    assert len(reasons(world)) == 1
    until = {"Mode": "GOVERNANCE", "RetainUntilDate": master.lock_until + timedelta(seconds=1)}
    vandal.client.put_object_retention(
        Bucket=vandal.bucket, Key=master.key, VersionId=master.version_id, Retention=until,
        BypassGovernanceRetention=True,
    )  # fmt: skip
    assert census.take(none_by_lot).holds
    assert reasons(world) == {}


def test_both_sides_are_read_in_pages_to_their_ends(
    world: World, vandal: Vandal, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a page of two: rows of the first and the last are gone, so neither side has what the other has."""
    for number in range(7):
        shelf.recording(b"%d" % number)
    with world.house.reading() as session:
        masters = session.scalars(select(Master).order_by(Master.id)).all()
    lose_rows(world, *masters[:3], masters[6])
    monkeypatch.setattr(counted, "PAGE", 2)
    taken = census.take(world.house)
    assert (taken.expected, taken.found, taken.missing, taken.extra, taken.changed) == (7, 7, 0, 0, 4)
