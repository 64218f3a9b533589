"""Rows that the service's password can write, beside the log: no round is put off by them, and each is named."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from api.counting import standing_of_count
from evidence import clock
from evidence.completeness import audit, fsck, headmap, rounds
from evidence.custody import ledger, rows
from evidence.custody.canonical import canonical
from evidence.custody.events import SYSTEM, EventType
from evidence.custody.leaf import EMPTY_ROOT, read_leaf
from evidence.identifiers import new_id
from evidence.models import Incident, Master
from tests.integration.evidence.completeness.conftest import Vandal, sequence
from tests.integration.evidence.completeness.test_rounds import job, open_incidents
from tests.support.house import World
from tests.support.log import write_events
from tests.support.recordings import Shelf

COUNT = text(
    "INSERT INTO custody.census (id, began_at, ended_at, expected, found, missing, extra, changed, root, event_id,"
    " report) VALUES (:id, :at, :at, 9, 9, 0, 0, 0, '', :event, '{\"gaps\": []}')"
)
MAP = text(
    "INSERT INTO custody.headmap (size, entries, root, key, event_id, made_at)"
    " VALUES (:size, 1, sha256(''), sha256(''), :event, :at)"
)


def logged(world: World, kind: EventType) -> int:
    with world.house.reading() as session:
        return sum(line.type is kind for line in ledger.history(session, SYSTEM))


def as_service(world: World, statement: object, **values: object) -> None:
    with world.house.writing() as session:
        session.execute(text("SET LOCAL ROLE continuity_service"))
        session.execute(statement, values)  # type: ignore[call-overload]


@pytest.mark.parametrize("at", ["2099-01-01", "now"])
def test_a_row_of_a_count_that_no_event_tells_of_puts_no_count_off(
    world: World, vandal: Vandal, shelf: Shelf, at: str
) -> None:
    shelf.recording(b"counted")
    as_service(world, COUNT, id=new_id(), event=new_id(), at=at)
    rounds.census_round(world.house, job())
    assert logged(world, EventType.CENSUS_TAKEN) == 1
    named = open_incidents(world)["rows of custody.census"]
    assert ("a time to come" if at == "2099-01-01" else "no event tells of the count") in named
    rounds.census_round(world.house, job())
    assert logged(world, EventType.CENSUS_TAKEN) == 1, "the day's count is made"
    with world.house.writing() as session:
        session.execute(text("UPDATE incident SET closed_at = now(), closed_because = 'seen' WHERE closed_at IS NULL"))
    rounds.census_round(world.house, job())
    assert open_incidents(world) == {}, "named once"
    as_service(world, COUNT, id=new_id(), event=new_id(), at=at)
    rounds.census_round(world.house, job())
    assert "2 rows" in open_incidents(world)["rows of custody.census"]


def test_a_row_that_borrows_the_event_of_another_count_is_named(world: World, vandal: Vandal, shelf: Shelf) -> None:
    shelf.recording(b"counted")
    rounds.census_round(world.house, job())
    assert open_incidents(world) == {}
    with world.house.reading() as session:
        event = session.scalars(select(rows.Census.event_id)).one()
    as_service(world, COUNT, id=new_id(), event=event, at="now")
    rounds.census_round(world.house, job())
    assert "no event tells of the count" in open_incidents(world)["rows of custody.census"]


BORROWED = text(
    "INSERT INTO custody.event (id, subject, subject_no, type, at, leaf, leaf_hash)"
    " VALUES (:id, :subject, 888888, 'rendition.viewed', now(), 'x', sha256('\\x0078'::bytea))"
)


def test_a_count_is_not_called_forged_for_what_others_wrote_beside_it(world: World, shelf: Shelf) -> None:
    shelf.recording(b"counted")
    rounds.census_round(world.house, job())
    with world.house.reading() as session:
        event = session.scalars(select(rows.Census.event_id)).one()
    as_service(world, BORROWED, id=event, subject=new_id())
    as_service(world, text("UPDATE custody.census SET report = '{\"failed\": 1}'"))
    rounds.census_round(world.house, job())
    assert "rows of custody.census" not in open_incidents(world)


def test_people_are_told_of_the_last_count_that_the_log_has_and_of_none(kept: World) -> None:
    def said() -> dict[str, object]:
        with kept.house.reading() as session:
            return standing_of_count(session)

    as_service(kept, COUNT, id=new_id(), event=new_id(), at="now")
    assert said()["trouble"] is None
    assert said()["words"] == "The custody log knows of no count of the store yet."
    write_events(kept.house, 3)
    sequence(kept)
    age(kept, "custody.leaf", hours=30)
    assert str(said()["trouble"]).startswith("The store was never counted in the 30 hours of this log.")
    rounds.census_round(kept.house, job())
    assert said()["trouble"] is None
    assert "masters were there; 0 missing" in str(said()["words"])
    with kept.house.writing() as session:
        session.execute(text("UPDATE custody.census SET began_at = began_at - interval '3 days'"))
    assert str(said()["trouble"]).startswith("The store was last counted 3 days ago.")


def age(world: World, table: str, *, hours: int) -> None:
    with world.house.sessions.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(f"UPDATE {table} SET at = at - interval '{hours} hours'"))


def test_head_maps_that_no_event_names_are_ignored_named_and_block_nothing(kept: World) -> None:
    Shelf(kept).recording(b"what the camera saw")
    sequence(kept)
    with kept.house.reading() as session:
        [recording] = session.scalars(select(Master.id))
        size = int(session.scalar(text("SELECT size FROM custody.state")) or 0)
    for each in range(1, size + 9):
        as_service(kept, MAP, size=each, event=new_id(), at="2099-01-01")
    assert headmap.newest(kept.house, within=size) is None
    assert headmap.find(kept.house, size) is None
    rounds.headmap_round(kept.house, job())
    assert logged(kept, EventType.HEADMAP_LOGGED) == 1
    assert f"{size + 8} rows of custody.headmap" in open_incidents(kept)["rows of custody.headmap"]
    rounds.headmap_round(kept.house, job())
    assert logged(kept, EventType.HEADMAP_LOGGED) == 1
    again = headmap.find(kept.house, size)
    assert again is not None
    assert again == headmap.make_at(kept.house, size)
    assert headmap.newest(kept.house, within=size) == again
    assert headmap.prove(kept.house, again, [recording])[recording].end.subject == recording
    sequence(kept)
    found = fsck.verify_recording(kept.house, recording)
    assert found.of("complete").verdict.value == "proved", found.claims


def test_a_row_that_borrows_the_event_of_a_head_map_is_none(kept: World) -> None:
    write_events(kept.house, 4)
    sequence(kept)
    made = headmap.make(kept.house)
    for size in (2, 9, -5):
        as_service(kept, MAP, size=size, event=made.event_id, at="now")
    assert headmap.newest(kept.house, within=99) == made
    assert headmap.find(kept.house, 2) is None
    with kept.house.reading() as session:
        assert len(headmap.strays(session)) == 3


@pytest.mark.parametrize("at", ["2099-01-01T00:00:00.000000Z", None])
def test_an_event_of_an_audit_that_the_log_does_not_have_leaves_nothing_unread(kept: World, at: str | None) -> None:
    write_events(kept.house, 600)
    sequence(kept)
    with kept.house.reading() as session:
        size = session.get_one(rows.LogState, 1).published_size
    facts = {"size": size if at is None else 10**9, "from_size": 0, "root": "0" * 64, "verdict": "agrees"}
    written = clock.as_text(clock.now()) if at is None else at
    of_leaf = {"v": 1, "log": kept.settings.log_origin, "id": str(new_id()), "type": "log.verified", "at": written}
    of_subject = {"subj": str(SYSTEM), "n": 9, "prev": "1" * 64, "seen": {"size": 0, "root": EMPTY_ROOT}, "s62": "none"}
    by = {"actor": {"kind": "system", "ref": "self-audit"}, "auth": {"method": "self-audit"}, "obj": [], "sealed": {}}
    leaf = canonical({**of_leaf, **of_subject, **by, "facts": {**facts, "contradictions": 0}})
    event = text(
        "INSERT INTO custody.event (id, subject, subject_no, type, at, leaf, leaf_hash)"
        " VALUES (:id, :subject, 9, 'log.verified', :at, :leaf, sha256('\\x00'::bytea || :leaf))"
    )
    as_service(kept, event, id=read_leaf(leaf).id, subject=SYSTEM, at=written, leaf=leaf)
    found = audit.audit(kept.house)
    assert found is not None
    assert (found.start, found.size) == (0, size)


def test_the_incident_of_rows_is_settled_where_they_are_gone(kept: World) -> None:
    write_events(kept.house, 4)
    as_service(kept, MAP, size=2, event=new_id(), at="now")
    rounds.headmap_round(kept.house, job())
    assert list(open_incidents(kept)) == ["rows of custody.headmap"]
    with kept.house.sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE custody.headmap DISABLE TRIGGER USER"))
        connection.execute(text("DELETE FROM custody.headmap"))
    rounds.headmap_round(kept.house, job())
    with kept.house.reading() as session:
        assert [each.closed_at is not None for each in session.scalars(select(Incident))] == [True]
