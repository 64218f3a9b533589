"""What a roll-forward puts right beside the events: numbers of recordings, and the history of the log's keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from evidence.completeness import fsck
from evidence.completeness.claims import Verdict
from evidence.custody.events import Actor
from evidence.embedded import EmbeddedPostgres
from evidence.identifiers import new_id
from evidence.outside import rotating
from evidence.outside.giving import policy_to_give
from evidence.outside.keys import LogKeys
from evidence.sequencing.kept import newest_kept
from evidence.sequencing.reading import seq_of
from evidence.sequencing.rollforward import RolledForward, roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.tlog.policy import parse_policy
from tests.support.house import World
from tests.support.log import write_events
from tests.support.recordings import Shelf
from tests.support.servers import restored_later
from tests.support.stray import doubled

BY = Actor.system("test")


@pytest.fixture
def world(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[World]:
    """A house with a log of its own."""
    made = World(database_url, own_custody, tmp_path)
    yield made
    made.close()


@pytest.fixture
def keys(world: World, tmp_path: Path) -> LogKeys:
    """The log's keys in their folder, in force."""
    made = rotating.make(tmp_path / "log-keys", world.house.settings.log_origin)
    rotating.enter(world.house, made)
    return made


def grow(world: World, keys: LogKeys) -> None:
    write_events(world.house, 3)
    Sequencer(world.house, keys).lead_once()


def forward(world: World, keys: LogKeys) -> RolledForward:
    where = rotating.handles(world.house, keys)
    return roll_forward(world.house, keys, by=BY, unwitnessed=True, handles=where)


def references(world: World) -> list[str]:
    """The references that the log's events give, in the order of their numbers."""
    wanted = (
        "SELECT substring(convert_from(leaf, 'UTF8') FROM '\"reference\":\"(R[0-9]+)\"') FROM custody.event"
        " WHERE type = 'recording.registered' ORDER BY 1"
    )
    with world.house.reading() as session:
        return list(session.scalars(text(wanted)))


def key_rows(world: World) -> list[Any]:
    with world.house.reading() as session:
        return list(
            session.execute(text("SELECT vkey, from_size, to_size, state, handle FROM custody.log_key ORDER BY 1"))
        )


def test_no_reference_is_given_twice_after_a_roll_forward(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres
) -> None:
    Shelf(world).recording(b"before the copy")
    grow(world, keys)
    with restored_later(database_template, world.house.sessions.engine) as restore:
        for lost in (b"after the copy", b"and another"):
            Shelf(world).recording(lost)
        grow(world, keys)
        restore()
    assert forward(world, keys).doubled == ()
    Shelf(world).recording(b"after the restore")
    assert references(world) == ["R0000001", "R0000002", "R0000003", "R0000004"]


def test_references_that_were_given_before_the_roll_forward_are_named(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres
) -> None:
    grow(world, keys)
    with restored_later(database_template, world.house.sessions.engine) as restore:
        Shelf(world).recording(b"lost")
        grow(world, keys)
        restore()
    Shelf(world).recording(b"taken in between")
    assert forward(world, keys).doubled == ("R0000001",)
    Shelf(world).recording(b"after the restore")
    assert references(world) == ["R0000001", "R0000001", "R0000002"]


@pytest.mark.parametrize("entered_between", [False, True])
def test_the_history_of_keys_comes_back_as_the_events_say_it(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres, entered_between: bool
) -> None:
    [stolen, beside] = keys.vkeys()
    grow(world, keys)
    with restored_later(database_template, world.house.sessions.engine) as restore:
        new = rotating.rotate(world.house, keys, settings=world.house.settings, by=BY)
        grow(world, keys)
        rotating.revoke(world.house, keys, stolen.key_id.hex(), because="the disk was stolen", by=BY)
        grow(world, keys)
        before = key_rows(world)
        restore()
    if entered_between:
        rotating.enter(world.house, keys)  # a duty came before the halt
    found = fsck.verify(world.house)
    assert "it was rolled back" in found.of("checkpoint").words
    forward(world, keys)
    assert key_rows(world) == before
    given = policy_to_give(world.house, keys)
    assert {each.key for each in parse_policy(given.text).logs} == set(new)
    assert set(rotating.revoked_keys(world.house)) == {stolen, beside}
    rotating.enter(world.house, keys)
    grow(world, keys)
    assert key_rows(world) == before
    assert fsck.verify(world.house).of("keys").verdict is Verdict.PROVED


def test_a_halted_log_s_keys_are_left_as_they_are(world: World, keys: LogKeys) -> None:
    with world.house.writing() as session:
        session.execute(text("UPDATE custody.state SET halted = 'the database was rolled back'"))
    before = key_rows(world)
    rotating.rotate(world.house, keys, settings=world.house.settings, by=BY)
    assert key_rows(world) == before
    with world.house.writing() as session:
        session.execute(text("UPDATE custody.state SET halted = NULL"))
    rotating.enter(world.house, keys)
    assert len(key_rows(world)) == 4


def test_a_roll_forward_knows_keys_that_came_and_went_since_the_copy(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres
) -> None:
    at_once = world.house.settings.model_copy(update={"log_keys_overlap_days": 0})
    grow(world, keys)
    with restored_later(database_template, world.house.sessions.engine) as restore:
        for _ in range(2):
            rotating.rotate(world.house, keys, settings=at_once, by=BY)
            grow(world, keys)
        before = key_rows(world)
        restore()
    forward(world, keys)
    rotating.enter(world.house, keys)
    assert key_rows(world) == before


def test_what_lies_among_the_checkpoints_under_another_name_is_in_nobodys_way(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres
) -> None:
    for stray in ("zzz", "0", f"{10**20}", f"01a21e2d-0995-7c2f-8f05-f74029b26138/{33:020d}"):
        world.house.custody.put_new(f"checkpoints/{stray}", stray.encode(), locked=True)
    assert newest_kept(world.house).kept is None
    grow(world, keys)
    assert not fsck.verify(world.house).contradicted
    with restored_later(database_template, world.house.sessions.engine) as restore:
        grow(world, keys)
        restore()
    assert fsck.verify(world.house).contradicted
    assert forward(world, keys).to_size == newest_kept(world.house).size
    grow(world, keys)
    assert not fsck.verify(world.house).contradicted


def test_a_row_with_the_id_of_an_event_that_comes_back_is_not_taken_for_it(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres
) -> None:
    grow(world, keys)
    [waits] = write_events(world.house, 1)
    doubled(world.house, waits, subj=str(new_id()), ingest_no=10**15)
    with restored_later(database_template, world.house.sessions.engine) as restore:
        grow(world, keys)
        restore()
    forward(world, keys)
    assert f"the id {waits} stands for more than one event" in fsck.verify(world.house).of("numbers").findings
    with world.house.reading() as session:
        assert waits in seq_of(session, [waits])
