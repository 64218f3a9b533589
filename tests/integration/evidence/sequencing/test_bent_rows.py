"""Roll-forward where somebody wrote rows with the rights of the service: put right, passed over, or named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from evidence import clock
from evidence.completeness import fsck
from evidence.embedded import EmbeddedPostgres
from evidence.errors import LogDisagrees
from evidence.identifiers import new_id
from evidence.outside.keys import LogKeys
from evidence.sequencing.errors import MustHalt, RolledBack
from evidence.sequencing.reading import seq_of
from evidence.sequencing.sequencer import Sequencer
from tests.integration.evidence.completeness.test_fsck import broken
from tests.integration.evidence.sequencing import test_rollforward
from tests.integration.evidence.sequencing.test_number_taken import remove
from tests.integration.evidence.sequencing.test_rollforward import forward, grow
from tests.support.house import World, until
from tests.support.log import QUICK, published_size, sequencing, waiting, write_events
from tests.support.recordings import Shelf
from tests.support.servers import restored_later
from tests.support.stray import EVENT, as_service, number_it

world, keys = test_rollforward.world, test_rollforward.keys

QUEUE = text(
    "INSERT INTO custody.queue (ingest_no, at) SELECT ingest_no, at FROM custody.event WHERE ingest_no = :ingest_no"
)
AWAY = (
    "ALTER TABLE custody.event DISABLE TRIGGER insert_only",
    "DELETE FROM custody.event WHERE ingest_no = {0}",
    "ALTER TABLE custody.event ENABLE TRIGGER insert_only",
)


def write(world: World, leaf: bytes, *, queue: bool = False, **columns: Any) -> int:
    """A row of custody.event past the ledger; its order of writing."""
    usual = {"id": new_id(), "subject": new_id(), "n": 999_999, "type": "rendition.viewed", "at": clock.now()}
    number = int(as_service(world.house, EVENT, **{**usual, **columns, "leaf": leaf}))
    if queue:
        as_service(world.house, QUEUE, ingest_no=number)
    return number


def row_of(world: World, event: UUID) -> Mapping[str, Any]:
    """An event's row, its subject_no by the name that `write` has for it."""
    wanted = "SELECT id, at, subject, subject_no AS n, type, leaf FROM custody.event WHERE id = :id"
    with world.house.reading() as session:
        return dict(session.execute(text(wanted), {"id": event}).mappings().one())


def lost_event(world: World, keys: LogKeys, template: EmbeddedPostgres) -> Mapping[str, Any]:
    """The row of an event that is in the store, and in the database no more."""
    grow(world, keys)
    with restored_later(template, world.house.sessions.engine) as restore:
        [lost] = write_events(world.house, 1, subjects=[new_id()])
        Sequencer(world.house, keys).lead_once()
        row = row_of(world, lost)
        restore()
    return row


def goes_on(world: World, keys: LogKeys) -> None:
    grow(world, keys)
    assert waiting(world.house) == 0
    with world.house.reading() as session:
        assert session.scalar(text("SELECT halted IS NULL FROM custody.state"))


@pytest.mark.parametrize("other", [{}, {"leaf": b"{}"}, {"subject": new_id(), "n": 77}])
def test_a_row_at_another_time_is_not_the_event(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres, other: dict[str, Any]
) -> None:
    row = lost_event(world, keys, database_template)
    write(world, **{**row, **other, "at": row["at"] + timedelta(seconds=1)})
    forward(world, keys)
    goes_on(world, keys)
    found = fsck.verify(world.house)
    assert not found.of("events").findings
    with world.house.reading() as session:
        assert row["id"] in seq_of(session, [row["id"]])
        right = "SELECT count(*) FROM custody.leaf l JOIN custody.event e USING (ingest_no, at) WHERE e.id = :id"
        assert session.scalar(text(right), {"id": row["id"]}) == 1


@pytest.mark.parametrize(
    "other", [{"subject": new_id()}, {"n": 77}, {"type": "sealed.erased"}, {"leaf": b"{}"}, {"id": new_id()}]
)
def test_a_row_that_keeps_the_event_out_is_named_until_it_is_gone(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres, other: dict[str, Any]
) -> None:
    row = lost_event(world, keys, database_template)
    bent = write(world, **{**row, **other})
    with pytest.raises(LogDisagrees, match=f"ingest_no is {bent}, its id {other.get('id', row['id'])}.*The owner"):
        forward(world, keys)
    with world.house.writing() as session:
        for statement in AWAY:
            session.execute(text(statement.format(bent)))
    forward(world, keys)
    goes_on(world, keys)
    assert fsck.verify(world.house).contradicted == ()


@pytest.mark.parametrize("leaf", [b"\xff\xfe", b'{"reference":"R999999999999999"}', b'{"reference":"R0000001"}'])
def test_a_registration_past_the_log_gives_no_reference(world: World, keys: LogKeys, leaf: bytes) -> None:
    Shelf(world).recording(b"one")
    grow(world, keys)
    write(world, leaf, type="recording.registered")
    assert forward(world, keys).doubled == ()
    Shelf(world).recording(b"after")
    with world.house.reading() as session:
        assert session.scalar(text("SELECT max(number) FROM recording")) == 2


def test_an_edge_that_somebody_emptied_is_put_right(world: World, keys: LogKeys) -> None:
    grow(world, keys)
    as_service(world.house, text("UPDATE custody.state SET frontier = ARRAY[]::bytea[], root = sha256('')"))
    write_events(world.house, 1)
    with pytest.raises(MustHalt):
        Sequencer(world.house, keys).lead_once()
    done = forward(world, keys)
    assert done.from_size == done.to_size, "nothing was lost"
    Sequencer(world.house, keys).lead_once()
    assert waiting(world.house) == 0
    assert fsck.verify(world.house).contradicted == ()


SET_BACK = (
    "UPDATE custody.state SET size = {0}, integrated_size = {0}, published_size = {0}, witnessed_size = {0},"
    " published_root = c.root, witnessed_root = c.root FROM custody.checkpoint c WHERE c.size = {0}"
)


def test_a_state_that_was_set_back_takes_no_true_number_for_a_forged_one(world: World, keys: LogKeys) -> None:
    grow(world, keys)
    with world.house.reading() as session:
        before = session.scalar(text("SELECT size FROM custody.state"))
    grow(world, keys)
    as_service(world.house, text(SET_BACK.format(before)))
    with pytest.raises(RolledBack):
        Sequencer(world.house, keys).lead_once()
    found = fsck.verify(world.house).of("numbers").words
    assert "no sequencer wrote it" not in found
    assert f"the log has {before} events, a signed checkpoint is over {before + 3}, and 3 rows" in found
    done = forward(world, keys)
    assert (done.from_size, done.to_size, done.moved) == (before, before + 3, 0)
    goes_on(world, keys)
    assert fsck.verify(world.house).contradicted == ()


def test_a_state_that_is_set_back_under_a_sequencer_is_said_to_be_that(world: World, keys: LogKeys) -> None:
    grow(world, keys)
    before = published_size(world.house)
    with sequencing(Sequencer(world.house, keys, QUICK)) as raised:
        write_events(world.house, 3)
        until(lambda: published_size(world.house) == before + 3, what="the next checkpoint")
        as_service(world.house, text(SET_BACK.format(before)))
        write_events(world.house, 1)
        until(lambda: bool(raised), what="the halt")
    assert isinstance(raised[0], RolledBack), raised
    forward(world, keys)
    goes_on(world, keys)
    assert fsck.verify(world.house).contradicted == ()


@pytest.mark.parametrize("ahead", [0, 900_000])
def test_a_number_that_is_not_what_was_signed_is_named_until_it_is_gone(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres, ahead: int
) -> None:
    row = lost_event(world, keys, database_template)
    with world.house.reading() as session:
        end = session.scalar(text("SELECT size FROM custody.state"))
    event = write(world, **row) if ahead else write(world, b"{}")
    with world.house.reading() as session:
        [id_] = session.scalars(text("SELECT id FROM custody.event WHERE ingest_no = :no"), {"no": event})
    number_it(world.house, id_, end + ahead)
    with pytest.raises(LogDisagrees, match=f"at number {end + ahead} .its ingest_no is {event}.*not what was signed"):
        forward(world, keys)
    remove(world.house)
    forward(world, keys)
    goes_on(world, keys)


@pytest.mark.parametrize("when", ["after the copy", "waits in the copy", "state set back"])
@pytest.mark.parametrize("kind", ["junk", "twice"])
def test_what_was_signed_and_is_no_event_comes_back_as_what_it_is(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres, when: str, kind: str
) -> None:
    grow(world, keys)
    [copied] = write_events(world.house, 1)
    row, before = row_of(world, copied), published_size(world.house)
    leaf = b"junk" if kind == "junk" else row["leaf"]

    def insider() -> None:
        write(world, leaf, queue=True, at=row["at"])

    if when == "waits in the copy":
        insider()
    with restored_later(database_template, world.house.sessions.engine) as restore:
        if when != "waits in the copy":
            insider()
        Sequencer(world.house, keys).lead_once()
        grow(world, keys)
        size, wrong = published_size(world.house), broken(fsck.verify(world.house))
        assert wrong, "verification names it"
        if when == "state set back":
            as_service(world.house, text(SET_BACK.format(before)))
        else:
            restore()
    done = forward(world, keys)
    assert (done.to_size, done.moved) == (size, 0)
    goes_on(world, keys)
    assert broken(fsck.verify(world.house)) <= wrong
    forward(world, keys)


def test_waiting_bytes_that_are_no_event_do_not_stop_their_subject(
    world: World, keys: LogKeys, database_template: EmbeddedPostgres
) -> None:
    row = lost_event(world, keys, database_template)
    write(world, b"junk", queue=True, subject=row["subject"], n=77)
    [after] = write_events(world.house, 1, subjects=[row["subject"]])
    assert forward(world, keys).moved == 1
    goes_on(world, keys)
    assert row_of(world, after)["n"] == row["n"] + 1
