"""The status page says how the custody log stands, and what its halt means for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Event, EventType
from evidence.identifiers import new_id
from evidence.models import Agent
from evidence.sequencing.reading import LEADS
from evidence.vocabulary import AgentKind
from ingest import enrolment
from tests.integration.api.conftest import Visitor
from tests.support.house import World
from tests.support.log import WHO, write_events


@contextmanager
def leading(world: World) -> Iterator[None]:
    """A sequencer holds what it holds while it leads."""
    with world.house.sessions.engine.connect() as line:
        line.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LEADS})
        yield


def test_the_page_says_what_is_signed_and_what_waits(world: World, as_: Visitor) -> None:
    write_events(world.house, 3)
    visitor = as_("supervisor")
    with leading(world):
        page = visitor.get("/status").text
    assert "Custody log" in page
    assert "events signed, the last not yet" in page
    assert "No witness is named" in page
    assert "The custody log is halted" not in page
    assert "Nobody numbers" not in page


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
    with leading(world):
        page = visitor.get("/status").text
    assert "The custody log is behind" in page
    assert "continuity sequencer" in page


def test_that_nobody_numbers_events_is_said_in_the_words_of_the_command(world: World, as_: Visitor) -> None:
    visitor = as_("supervisor")
    write_events(world.house, 2)
    page = visitor.get("/status").text
    assert "Nobody numbers the events of the custody log" in page
    assert "No sequencer runs, and nobody numbers events." in page
    assert "The newest checkpoint has never been signed; " in page
    assert '<span class="c-mono">continuity sequencer</span>, or its service' in page
    assert "no sequencer runs" in page


def test_agents_that_have_not_spoken_since_a_restore_are_named(world: World, as_: Visitor) -> None:
    visitor = as_("supervisor")
    with world.house.writing() as session:
        agents = {name: new_id() for name in ("Dock 1", "Desk", "Gone")}
        for name, kind in (("Dock 1", AgentKind.DOCK), ("Desk", AgentKind.WORKSTATION), ("Gone", AgentKind.DOCK)):
            session.add(Agent(id=agents[name], name=name, kind=kind, public_key=agents[name].bytes * 2))
    assert "restored database" not in visitor.get("/status").text
    with world.house.writing() as session:
        facts = {"from_size": 1, "to_size": 9, "root": "0" * 64}
        ledger.record(session, Event(type=EventType.LOG_ROLLED_FORWARD, subject=SYSTEM, actor=WHO, facts=facts))
        # A later one that only lifts a halt loses nothing, and hides nothing.
        facts = {"from_size": 9, "to_size": 9, "root": "0" * 64}
        ledger.record(session, Event(type=EventType.LOG_ROLLED_FORWARD, subject=SYSTEM, actor=WHO, facts=facts))
        enrolment.revoke(session, agents["Gone"], by=WHO)
    page = visitor.get("/status").text
    assert "Agents have not held their receipts against the restored database" in page
    assert "Dock 1 (dock) was last heard of" not in page
    assert "Dock 1 (dock) was never heard of. Start its agent" in page
    assert 'Run <span class="c-mono">continuity ingest --check-receipts</span> on its machine' in page
    assert "Gone (dock)" not in page
    with world.house.writing() as session:
        enrolment.heard_of(session, agents["Dock 1"])
    page = visitor.get("/status").text
    assert "Dock 1 (dock)" not in page
    assert "Desk (workstation)" in page


def test_a_store_that_nobody_counted_is_said_whatever_a_row_says(world: World, as_: Visitor) -> None:
    write_events(world.house, 1)
    row = text(
        "INSERT INTO custody.census (id, began_at, ended_at, expected, found, missing, extra, changed, root, event_id,"
        " report) VALUES (:id, '2099-01-01', '2099-01-01', 9, 9, 0, 0, 0, '', :id, '{}')"
    )
    first = text(
        "INSERT INTO custody.leaf (seq, ingest_no, at, leaf_hash)"
        " SELECT 0, ingest_no, at - interval '30 hours', leaf_hash FROM custody.event LIMIT 1"
    )
    with world.house.writing() as session:
        session.execute(row, {"id": new_id()})
        session.execute(first)
    page = as_("supervisor").get("/status").text
    assert "The store has not been counted for too long" in page
    assert "The store was never counted in the 30 hours of this log." in page
    assert "The custody log knows of no count of the store yet." in page
