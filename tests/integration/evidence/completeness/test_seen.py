"""What an event says of its age: it goes into the leaf for good, and comes from a row that services can change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from evidence.bootstrap import House
from evidence.completeness import fsck
from evidence.completeness.claims import Verdict
from tests.integration.evidence.completeness.test_fsck import broken, tamper
from tests.integration.evidence.completeness.test_rounds import only_master, sequence
from tests.support.house import World
from tests.support.log import write_events
from tests.support.recordings import Shelf

ELSE = "\\x" + "11" * 32
NEVER_WAS = f"INSERT INTO custody.checkpoint (size, root, note) VALUES (3, '{ELSE}', 'x')"
NAMED = "UPDATE custody.state SET witnessed_size = {size}, witnessed_root = '{root}'"


def put_back(house: House, act: Callable[[], object], *, size: int, root: str) -> None:
    """The owner of the tables makes honest acts name this checkpoint, and puts the row right again."""
    with house.sessions.engine.connect() as connection:
        was = connection.execute(text("SELECT witnessed_size, witnessed_root FROM custody.state")).one()
    change(house, size, root)
    act()
    change(house, was.witnessed_size, "\\x" + bytes(was.witnessed_root).hex())


def change(house: House, size: int, root: str) -> None:
    with house.sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE custody.state DISABLE TRIGGER USER"))
        connection.execute(text(NAMED.format(size=size, root=root)))
        connection.execute(text("ALTER TABLE custody.state ENABLE TRIGGER USER"))


@pytest.fixture
def grown(kept: World) -> World:
    """A log with checkpoints over 302 and 312 events, the later ones naming the first."""
    write_events(kept.house, 300)
    sequence(kept)
    write_events(kept.house, 10)
    sequence(kept)
    return kept


def test_the_services_cannot_make_events_name_a_checkpoint_that_is_not_recorded(grown: World) -> None:
    for words in (NAMED.format(size=9, root=ELSE), NAMED.format(size=302, root=ELSE)):
        with pytest.raises(IntegrityError, match="none such can have been witnessed"), grown.house.writing() as session:
            session.execute(text(words))


@pytest.mark.parametrize("closely", [True, False])
def test_an_event_that_names_a_forged_checkpoint_is_found(
    grown: World, closely: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fsck.verify(grown.house).of("not_before").verdict is Verdict.PROVED
    put_back(grown.house, lambda: write_events(grown.house, 1), size=9, root=ELSE)
    sequence(grown)
    monkeypatch.setattr(fsck, "LOOKED_AT", 20_000 if closely else 0)
    for since in (None, 312):
        found = fsck.verify(grown.house, since=since)
        assert broken(found) == {"not_before"}
        assert found.of("not_before").findings == ("event 312 names another root of the first 9 events than they have",)


def test_an_event_that_names_a_checkpoint_of_a_size_that_was_never_signed_holds_where_its_root_is_right(
    grown: World,
) -> None:
    with grown.house.sessions.engine.connect() as connection:
        first = connection.execute(text("SELECT leaf_hash FROM custody.leaf WHERE seq = 0")).scalar_one()
    put_back(grown.house, lambda: write_events(grown.house, 1), size=1, root="\\x" + bytes(first).hex())
    sequence(grown)
    for since in (None, 312):
        assert fsck.verify(grown.house, since=since).contradicted == ()


def test_a_recorded_checkpoint_that_never_was_excuses_no_event_that_names_it(grown: World) -> None:
    tamper(grown.house, NEVER_WAS)
    with grown.house.writing() as session:
        session.execute(text(NAMED.format(size=3, root=ELSE)))
    Shelf(grown).recording(b"what the camera saw")
    as_it_was = "UPDATE custody.state SET witnessed_size = 312, witnessed_root ="
    with grown.house.writing() as session:
        session.execute(text(f"{as_it_was} (SELECT root FROM custody.checkpoint WHERE size = 312)"))
    sequence(grown)
    for since in (None, 312):
        found = fsck.verify(grown.house, since=since)
        assert broken(found) == ({"checkpoint", "not_before"} if since is None else {"not_before"})
        assert "event 312 names another root of the first 3 events" in found.of("not_before").findings[0]
    assert broken(fsck.verify_recording(grown.house, only_master(grown).id)) == {"not_before"}


def test_a_recording_says_which_of_its_events_names_a_forged_checkpoint(grown: World) -> None:
    put_back(grown.house, lambda: Shelf(grown).recording(b"what the camera saw"), size=9, root=ELSE)
    sequence(grown)
    found = fsck.verify_recording(grown.house, only_master(grown).id)
    assert broken(found) == {"not_before"}
    assert found.of("not_before").findings[0].endswith("names another root of the first 9 events than they have")
