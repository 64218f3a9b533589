"""The status page says how the custody log stands, and what its halt means for people."""

from __future__ import annotations

from sqlalchemy import text

from tests.integration.api.conftest import Visitor
from tests.support.house import World
from tests.support.log import write_events


def test_the_page_says_what_is_signed_and_what_waits(world: World, as_: Visitor) -> None:
    write_events(world.house, 3)
    page = as_("supervisor").get("/status").text
    assert "Custody log" in page
    assert "events signed, the last not yet" in page
    assert "No witness is named" in page
    assert "The custody log is halted" not in page


def test_a_halted_log_is_said_in_words(world: World, as_: Visitor) -> None:
    visitor = as_("supervisor")
    with world.house.writing() as session:
        session.execute(text("UPDATE custody.state SET halted = 'the store has 45 events and the database 12'"))
    page = visitor.get("/status").text
    assert "The custody log is halted" in page
    assert "The store has 45 events and the database 12." in page
    assert "no source is let go" in page


def test_a_log_that_is_behind_asks_for_a_sequencer(world: World, as_: Visitor) -> None:
    visitor = as_("supervisor")
    write_events(world.house, 1)
    with world.house.writing() as session:
        session.execute(text("UPDATE custody.queue SET at = at - interval '5 minutes'"))
    page = visitor.get("/status").text
    assert "The custody log is behind" in page
    assert "continuity sequencer" in page
