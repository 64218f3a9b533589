"""The head map: an end for each subject, proved under the root that was logged, made of numbered events alone."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.completeness import headmap
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, EventType
from evidence.errors import LogDisagrees, NotFound
from evidence.identifiers import new_id
from evidence.sequencing import reading
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.tlog.errors import NotProved
from evidence.tlog.merkle import leaf_hash, root_of, verify_inclusion
from tests.support.log import log_house, log_keys, write_events


@pytest.fixture
def house(database_url: str, own_custody: StoreSettings) -> Iterator[House]:
    """A house whose log is empty."""
    made = log_house(database_url, own_custody)
    yield made
    made.sessions.engine.dispose()


def number(house: House, folder: Path) -> None:
    Sequencer(house, log_keys(house, folder)).lead_once()


def test_each_subject_ends_where_its_last_numbered_event_stands(house: House, tmp_path: Path) -> None:
    subjects = [new_id() for _ in range(5)]
    write_events(house, 23, subjects=subjects)
    number(house, tmp_path)
    made = headmap.make(house)
    assert (made.size, made.entries) == (23, 5)
    proofs = headmap.prove(house, made, subjects)
    entries = []
    for subject, proved in proofs.items():
        with house.reading() as session:
            seq, leaf = reading.leaves_of(session, subject)[-1]
            n = len(reading.leaves_of(session, subject))
        blinded = hmac.digest(made.key, subject.bytes, "sha256")
        entry = blinded + n.to_bytes(8, "big") + seq.to_bytes(8, "big") + leaf_hash(leaf)
        assert proved.end.entry(made.key) == entry
        verify_inclusion(leaf_hash(entry), proved.index, made.entries, list(proved.proof), made.root)
        entries.append(entry)
    assert made.root == root_of([leaf_hash(entry) for entry in sorted(entries)])


def test_the_map_is_logged_with_its_size_entries_and_root(house: House, tmp_path: Path) -> None:
    write_events(house, 3, subjects=[new_id(), new_id()])
    number(house, tmp_path)
    made = headmap.make(house)
    with house.reading() as session:
        [line] = ledger.history(session, SYSTEM)
    assert (line.id, line.type) == (made.event_id, EventType.HEADMAP_LOGGED)
    assert line.facts == {"size": 3, "entries": 2, "root": made.root.hex()}


def test_a_map_is_made_once_for_a_size_and_proved_again_later(house: House, tmp_path: Path) -> None:
    subject = new_id()
    write_events(house, 4, subjects=[subject, new_id()])
    number(house, tmp_path)
    first = headmap.make(house)
    write_events(house, 6, subjects=[subject])
    number(house, tmp_path)
    assert headmap.make_at(house, 4) == first
    assert headmap.newest(house, within=10) == first
    again = headmap.find(house, 4)
    assert again is not None
    assert headmap.prove(house, again, [subject]) == headmap.prove(house, first, [subject])
    assert headmap.prove(house, again, [subject])[subject].end.n == 2
    later = headmap.make(house)
    assert (later.size, headmap.prove(house, later, [subject])[subject].end.n) == (11, 8)
    assert later.key != first.key


def test_a_map_of_an_earlier_size_leaves_out_what_came_later(house: House, tmp_path: Path) -> None:
    early, late = new_id(), new_id()
    write_events(house, 2, subjects=[early])
    write_events(house, 2, subjects=[late])
    number(house, tmp_path)
    made = headmap.make_at(house, 2)
    assert made.entries == 1
    with pytest.raises(NotFound):
        headmap.prove(house, made, [late])


@pytest.mark.parametrize("size", [-1, 0, 5])
def test_there_is_no_map_of_nothing_and_none_of_what_has_no_number(house: House, tmp_path: Path, size: int) -> None:
    write_events(house, 4)
    number(house, tmp_path)
    with pytest.raises(NotFound):
        headmap.make_at(house, size)


def test_a_proof_with_another_counter_does_not_hold(house: House, tmp_path: Path) -> None:
    subject = new_id()
    write_events(house, 6, subjects=[subject, new_id(), new_id()])
    number(house, tmp_path)
    made = headmap.make(house)
    proved = headmap.prove(house, made, [subject])[subject]
    forged = replace(proved.end, n=proved.end.n - 1).entry(made.key)
    with pytest.raises(NotProved):
        verify_inclusion(leaf_hash(forged), proved.index, made.entries, list(proved.proof), made.root)


def test_a_log_that_lost_an_event_leads_to_another_map(house: House, tmp_path: Path) -> None:
    subject = new_id()
    write_events(house, 6, subjects=[subject, new_id()])
    number(house, tmp_path)
    headmap.make(house)
    with house.sessions.engine.begin() as connection:
        connection.execute(text("ALTER TABLE custody.leaf DISABLE TRIGGER USER"))
        connection.execute(text("DELETE FROM custody.leaf WHERE seq = 4"))
    again = headmap.find(house, 6)
    assert again is not None
    with pytest.raises(LogDisagrees):
        headmap.prove(house, again, [subject])
