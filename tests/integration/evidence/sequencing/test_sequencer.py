"""The sequencer on a real PostgreSQL and a real store: order, tree, checkpoints, and who waits for whom."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.identifiers import new_id
from evidence.sequencing import await_published, reading
from evidence.sequencing.errors import NotSequencedYet
from evidence.sequencing.sequencer import Pace, Sequencer
from evidence.tlog.merkle import leaf_hash
from evidence.tlog.signing import KeyPair
from evidence.tlog.tiles import entries_path, tile_path
from tests.support.house import until
from tests.support.log import (
    QUICK,
    faults_of,
    published_size,
    sequencing,
    waiting,
    write_events,
    write_from_many,
)


def test_an_empty_log_stays_unsigned(house: House, keys: KeyPair) -> None:
    Sequencer(house, keys).lead_once()
    assert list(house.custody.list("")) == []
    with house.reading() as session:
        assert reading.log_head(session) is None


@pytest.mark.parametrize("sizes", [[1], [255, 1], [256, 1], [257, 300], [3, 5200]])
def test_a_log_grows_to_these_sizes_and_every_part_of_it_agrees(house: House, keys: KeyPair, sizes: list[int]) -> None:
    subjects = [new_id() for _ in range(7)]
    for more in sizes:
        write_events(house, more, subjects=subjects)
        Sequencer(house, keys).lead_once()
    assert published_size(house) == sum(sizes)
    assert faults_of(house, keys) == []


def test_one_sequencer_goes_on_where_it_was(house: House, keys: KeyPair) -> None:
    with sequencing(Sequencer(house, keys, QUICK)) as raised:
        for _ in range(4):
            write_events(house, 130)
            until(lambda: waiting(house) == 0, what="an empty queue")
        until(lambda: published_size(house) == 520, what="a checkpoint")
    assert raised == []
    assert faults_of(house, keys) == []
    # What was published while it was not full has gone, and what is not full now is there.
    parts = set(house.custody.list("partial/"))
    assert parts >= {f"partial/{path}" for path in (tile_path(0, 2, 8), tile_path(1, 0, 2), entries_path(2, 8))}
    assert {part.partition(".p/")[0] for part in parts} == {
        "partial/tile/0/002",
        "partial/tile/1/000",
        "partial/tile/entries/002",
    }


def test_sixteen_writers_leave_no_gap_no_double_and_no_wrong_order(house: House, keys: KeyPair) -> None:
    subjects = [new_id() for _ in range(40)]
    with sequencing(Sequencer(house, keys, QUICK)) as raised:
        write_from_many(house, writers=16, each=40, subjects=subjects)
        until(lambda: published_size(house) == 640, what="the last checkpoint")
    assert raised == []
    assert faults_of(house, keys) == []


def test_a_proof_is_there_soon_after_it_is_wanted(house: House, keys: KeyPair) -> None:
    with sequencing(Sequencer(house, keys, Pace(look=5, checkpoint=3600))):
        (first,) = write_events(house, 1)
        await_published(house, first, timedelta(seconds=20))
        write_events(house, 700)
        (event,) = write_events(house, 1)
        began = time.monotonic()
        proof = await_published(house, event, timedelta(seconds=20))
        took = time.monotonic() - began
    with house.reading() as session:
        subject = session.execute(text("SELECT subject FROM custody.event WHERE id = :id"), {"id": event}).scalar_one()
        rows = dict(reading.leaves_of(session, subject))
    assert proof.verify(leaf_hash(rows[proof.index])).size == 702
    assert took < 5, "0.1 to 0.3 seconds on a machine that does nothing else"


def test_nobody_waits_for_ever(house: House) -> None:
    (event,) = write_events(house, 1)
    with pytest.raises(NotSequencedYet):
        await_published(house, event, timedelta(seconds=0.3))
