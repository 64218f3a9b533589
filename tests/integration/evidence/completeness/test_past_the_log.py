"""Rows of custody.event that somebody wrote past the ledger: no count, no history and no erasure rests on them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from api import erasing
from evidence import clock
from evidence.completeness import census, fsck, taken
from evidence.custody import ledger
from evidence.custody.canonical import canonical, read_canonical
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.errors import LogDisagrees
from evidence.identifiers import new_id
from evidence.models import Recording
from evidence.sequencing.unheard import unheard_since_rollforward
from tests.integration.evidence.completeness.conftest import Vandal, sequence
from tests.integration.evidence.completeness.test_rounds import open_incidents
from tests.support.house import World
from tests.support.log import write_events
from tests.support.recordings import Shelf
from tests.support.stray import EVENT, as_service

STORED = text("SELECT * FROM custody.event WHERE type = 'master.stored'")
COUNT = text(
    "INSERT INTO custody.census (id, began_at, ended_at, expected, found, missing, extra, changed, root, event_id,"
    " report) VALUES (:id, :at, :at, 9, 9, 0, 0, 0, '', :event, CAST(:report AS jsonb))"
)
QUEUED = text("INSERT INTO custody.queue (ingest_no, at) SELECT ingest_no, at FROM custody.event WHERE id = :id")


def stray(world: World, subject: UUID, leaf: bytes, *, kind: str = "master.viewed", n: int = 900) -> UUID:
    """An event of a subject that nobody queued."""
    event = new_id()
    as_service(world.house, EVENT, id=event, subject=subject, n=n, type=kind, at=clock.now(), leaf=leaf)
    return event


def stored_otherwise(world: World, subject: UUID | None) -> None:
    """An event past the log that says that another version was stored: of the one master, or of one that never was."""
    with world.house.reading() as session:
        row = session.execute(STORED).mappings().one()
    said: dict[str, Any] = dict(read_canonical(bytes(row["leaf"])))  # type: ignore[call-overload]
    said["obj"][0]["version_id"] = "nothing"
    stray(world, subject or row["subject"], canonical(said), kind="master.stored", n=0)


def gaps_told(world: World) -> int:
    with world.house.reading() as session:
        return int(session.scalars(text("SELECT count(*) FROM custody.event WHERE type = 'census.gap'")).one())


def recording_of(world: World) -> UUID:
    with world.house.reading() as session:
        return session.scalars(select(Recording.id)).one()


@pytest.mark.parametrize("is_strange", [False, True])
def test_an_event_past_the_log_makes_no_master_missing_or_changed(
    world: World, vandal: Vandal, shelf: Shelf, is_strange: bool
) -> None:
    shelf.recording(b"counted")
    stored_otherwise(world, new_id() if is_strange else None)
    counted = census.take(world.house)
    assert counted.holds, counted.words
    assert (counted.expected, counted.found) == (1, 1)
    assert open_incidents(world) == {}


@pytest.mark.parametrize("report", [{"gaps": [1]}, {"gaps": [{}]}, {"gaps": 5}, [1], "hides"])
@pytest.mark.parametrize("is_named", [False, True])
def test_a_row_of_a_count_stops_no_count_and_hides_nothing(
    world: World, vandal: Vandal, shelf: Shelf, report: Any, is_named: bool
) -> None:
    shelf.recording(b"counted")
    census.take(world.house)
    with world.house.reading() as session:
        key, version = session.execute(text("SELECT key, version_id FROM master")).one()
    gap = {"gap": "missing", "key": key, "subject": f"missing {key} {version}"}
    said = {"gaps": [gap]} if report == "hides" else report
    if is_named:
        as_service(world.house, text("UPDATE custody.census SET report = CAST(:r AS jsonb)"), r=json.dumps(said))
    else:
        at = clock.from_text("2099-01-01T00:00:00.000000Z")
        as_service(world.house, COUNT, id=new_id(), at=at, event=new_id(), report=json.dumps(said))
    vandal.remove(key, version)
    assert census.take(world.house).missing == 1
    assert gaps_told(world) == 1


def test_a_row_that_names_another_master_than_its_count_found_hides_nothing(
    world: World, vandal: Vandal, shelf: Shelf
) -> None:
    for body in (b"one", b"other"):
        shelf.recording(body)
    with world.house.reading() as session:
        (first, one), (second, other) = session.execute(text("SELECT key, version_id FROM master ORDER BY key")).all()
    vandal.remove(first, one)
    assert census.take(world.house).missing == 1
    assert gaps_told(world) == 1
    assert census.take(world.house).missing == 1
    assert gaps_told(world) == 1, "it was there before"
    changed = "replace(replace(CAST(report AS text), :first, :second), :one, :other)"
    as_service(
        world.house,
        text(f"UPDATE custody.census SET report = CAST({changed} AS jsonb)"),
        first=first,
        second=second,
        one=one,
        other=other,
    )
    vandal.remove(second, other)
    assert census.take(world.house).missing == 2
    assert gaps_told(world) == 3, "of the first again: whether it was there before cannot be told"


@pytest.mark.parametrize(
    "report",
    [
        *(json.dumps({"gaps": [{"gap": each}]}) for each in ("census", "began_at", "__class__", "__slots__", 1, None)),
        '{"gaps": ' + "[" * 3000 + "]" * 3000 + "}",
        '{"gaps": [], "rest": "torn"}',
        '{"gaps": [], "words": ' + "9" * 9000 + ', "rest": 1}',
    ],
)
def test_a_row_that_cannot_be_what_its_count_wrote_is_named_and_stops_no_later_count(
    world: World, vandal: Vandal, shelf: Shelf, report: str
) -> None:
    shelf.recording(b"counted")
    before = census.take(world.house)
    with world.house.reading() as session:
        key, version = session.execute(text("SELECT key, version_id FROM master")).one()
    as_service(world.house, text("UPDATE custody.census SET report = CAST(:r AS jsonb)"), r=report)
    vandal.remove(key, version)
    assert [census.take(world.house).missing for _ in range(2)] == [1, 1]
    assert gaps_told(world) == 1
    named = open_incidents(world)[f"report of the count {before.id}"]
    assert f"the report of the count {before.id} cannot be what that count wrote" in named


@pytest.mark.parametrize("most_kept", [9, 0])
def test_an_event_of_an_earlier_count_silences_no_renewed_loss(
    world: World, vandal: Vandal, shelf: Shelf, most_kept: int
) -> None:
    for body in (b"one", b"other"):
        shelf.recording(body)
    with world.house.reading() as session:
        first, second = session.scalars(text("SELECT key FROM master ORDER BY key"))
    mark = vandal.client.delete_object(Bucket=vandal.bucket, Key=first)["VersionId"]
    census.take(world.house, most_kept=most_kept)
    with world.house.reading() as session:
        old = session.scalars(text("SELECT CAST(report AS text) FROM custody.census")).one()
    vandal.remove(first, mark)
    assert census.take(world.house, most_kept=most_kept).holds
    vandal.hide(second)
    newest = census.take(world.house, most_kept=most_kept)
    newest_row = text("UPDATE custody.census SET report = CAST(:r AS jsonb) WHERE id = :id")
    as_service(world.house, newest_row, r=old, id=newest.id)
    vandal.hide(first)
    assert census.take(world.house, most_kept=most_kept).changed == 2
    assert gaps_told(world) == 4, "the renewed loss is told, and the other again"
    assert len([each for each in open_incidents(world) if each.startswith("changed ")]) == 2
    assert f"report of the count {newest.id}" in open_incidents(world)
    assert census.take(world.house, most_kept=most_kept).changed == 2
    assert gaps_told(world) == 4, "both were there before"


def test_a_count_whose_event_has_no_digest_is_gone_by_as_before(world: World, vandal: Vandal, shelf: Shelf) -> None:
    shelf.recording(b"counted")
    with world.house.reading() as session:
        vandal.hide(session.scalars(text("SELECT key FROM master")).one())
    census.take(world.house)
    with world.house.sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE custody.event DISABLE TRIGGER USER"))
        early = "convert_to(regexp_replace(convert_from(leaf, 'UTF8'), ',\"told_by\":\"[0-9a-f]*\"', ''), 'UTF8')"
        as_was = f"leaf = {early}, leaf_hash = sha256('\\x00'::bytea || {early})"
        connection.execute(text(f"UPDATE custody.event SET {as_was} WHERE type = 'census.taken'"))
    with world.house.reading() as session:
        counted = taken.last(session)
    assert counted is not None
    assert counted.told_by is None
    census.take(world.house)
    assert gaps_told(world) == 1, "it was there before"
    assert not [each for each in open_incidents(world) if each.startswith("report of")]


@pytest.mark.parametrize(("kind", "leaf"), [("nonsense", None), ("master.viewed", b"junk"), ("master.viewed", b"\xff")])
def test_history_and_erasure_pass_by_what_is_past_the_log(
    world: World, shelf: Shelf, kind: str, leaf: bytes | None
) -> None:
    reference = shelf.recording(b"bytes")
    recording = recording_of(world)
    with world.house.reading() as session:
        before = ledger.history(session, recording)
    event = stray(world, recording, before[0].leaf if leaf is None else leaf, kind=kind)
    with world.house.reading() as session:
        assert ledger.history(session, recording) == before
        assert str(event) in ledger.outside_log(session, recording)
    doomed = erasing.look(world.house, reference, "actor")
    assert {each.event for each in doomed} == {line.id for line in before}
    assert str(event) in erasing.outside_log(world.house, reference)
    assert str(event) not in erasing.outside_log(world.house, str(before[0].id))


def test_an_event_of_the_log_of_no_known_kind_is_named_by_its_history(world: World, shelf: Shelf) -> None:
    shelf.recording(b"bytes")
    recording = recording_of(world)
    with world.house.reading() as session:
        leaf = ledger.history(session, recording)[0].leaf
    as_service(world.house, QUEUED, id=stray(world, recording, leaf, kind="nonsense"))
    with world.house.reading() as session, pytest.raises(LogDisagrees, match="nonsense"):
        ledger.history(session, recording)


@pytest.mark.parametrize("leaf", [b"{}", b"junk", b"\xff"])
def test_a_roll_forward_that_cannot_be_read_stops_no_status(world: World, leaf: bytes) -> None:
    with world.house.writing() as session:
        facts = {"from_size": 0, "to_size": 1, "root": "0" * 64}
        by = Actor.system("test")
        ledger.record(session, Event(type=EventType.LOG_ROLLED_FORWARD, subject=SYSTEM, actor=by, facts=facts))
    as_service(world.house, QUEUED, id=stray(world, SYSTEM, leaf, kind="log.rolled_forward"))
    as_service(world.house, QUEUED, id=stray(world, new_id(), leaf, kind="agent.enrolled"))
    with world.house.reading() as session:
        assert unheard_since_rollforward(session) == []


def test_nothing_personal_of_an_event_past_the_log_is_called_gone(kept: World) -> None:
    write_events(kept.house, 3)
    sequence(kept)
    event = stray(kept, new_id(), b"junk")
    checked = fsck.verify(kept.house)
    assert str(event) in checked.of("numbers").words
    assert checked.of("personal") not in checked.contradicted
