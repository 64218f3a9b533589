"""Whether anybody numbers events, as `continuity status` says it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from api.numbering import standing_of_log
from evidence.bootstrap import House
from evidence.sequencing.reading import LOCK
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from tests.support.house import until
from tests.support.log import QUICK, log_house, log_keys, published_size, sequencing, write_events


@pytest.fixture
def house(database_url: str, own_custody: StoreSettings) -> Iterator[House]:
    made = log_house(database_url, own_custody)
    yield made
    made.sessions.engine.dispose()


def said(house: House) -> dict[str, object]:
    with house.reading() as session:
        return standing_of_log(session)


def test_it_says_since_when_nobody_numbers_events_and_what_to_do(house: House, tmp_path: Path) -> None:
    nothing_yet = str(said(house)["trouble"])
    assert nothing_yet.startswith("No sequencer runs, and nobody numbers events.")
    assert "has never been signed; no event waits yet" in nothing_yet
    write_events(house, 2)
    with sequencing(Sequencer(house, log_keys(house, tmp_path), QUICK)):
        until(lambda: published_size(house) == 2, what="a checkpoint")
        led = said(house)
        assert (led["led"], led["trouble"]) == (True, None)
    write_events(house, 3)
    after = said(house)
    words = str(after["trouble"])
    assert after["led"] is False
    assert f"was signed at {after['last_signed']}; 3 events wait, the oldest since {after['oldest_waiting']}" in words
    assert "`continuity sequencer`" in words
    assert "Under `continuity up`" in words


def test_a_halt_is_named_with_its_reason(house: House) -> None:
    write_events(house, 1)
    with house.sessions.engine.begin() as connection:
        connection.execute(text("UPDATE custody.state SET halted = 'two histories.'"))
    words = str(said(house)["trouble"])
    assert words.startswith("The custody log is halted, and nobody numbers events: two histories. ")
    assert "1 event waits" in words
    assert "`continuity custody rollforward`" in words


def test_a_roll_forward_does_not_lead(house: House) -> None:
    with house.sessions.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        assert said(house)["led"] is False


def test_a_sequencer_of_another_database_does_not_count(house: House) -> None:
    with house.sessions.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
        assert said(house)["led"] is False
