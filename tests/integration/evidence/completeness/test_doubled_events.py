"""Events with the order of writing, the id or the counter of another: named, and in the way of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from evidence.completeness import fsck
from evidence.completeness.claims import Verdict
from evidence.custody import ledger
from evidence.custody.events import Actor
from evidence.identifiers import new_id
from evidence.sequencing.reading import await_size, leaves_of, seq_of
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from tests.support.house import World
from tests.support.log import QUICK, enter_keys, log_keys, sequencing, write_events
from tests.support.recordings import Shelf
from tests.support.stray import SEALED, Stray, as_service, doubled

BY = Actor.system("test of doubles")


@pytest.fixture
def kept(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[World]:
    """A house with a log of its own, whose keys are entered."""
    made = World(database_url, own_custody, tmp_path)
    enter_keys(made.house, log_keys(made.house, tmp_path))
    yield made
    made.close()


def sequence(world: World) -> None:
    Sequencer(world.house, log_keys(world.house, world.folder)).lead_once()


def stands_outside(world: World, stray: Stray, subject: UUID, *, events: int) -> None:
    """The stray one is named and has no place, and the subject's own events have theirs."""
    checked = fsck.verify(world.house)
    assert checked.of("numbers").verdict is Verdict.CONTRADICTED
    words = f"event {stray.ingest_no} (by the order of writing; its id is {stray.id}) has no number and waits for none"
    assert words in checked.of("numbers").words
    with world.house.reading() as session:
        assert len(leaves_of(session, subject)) == events


def test_an_event_under_the_order_of_writing_of_a_numbered_one_is_named(kept: World) -> None:
    subject = new_id()
    first, second, _ = write_events(kept.house, 3, subjects=[subject])
    [other] = write_events(kept.house, 1)
    with kept.house.reading() as session:
        [line] = [each for each in ledger.history(session, subject) if each.id == second]
    sequence(kept)
    assert fsck.verify(kept.house).of("numbers").verdict is Verdict.PROVED
    forged = doubled(kept.house, second, id=str(new_id()), ingest_no=line.ingest_no + 2)
    as_service(kept.house, SEALED, id=forged.id, like=second)
    stands_outside(kept, forged, subject, events=3)
    with kept.house.reading() as session:
        assert set(seq_of(session, [first, forged.id, other])) == {first, other}


def test_the_copy_of_an_event_at_another_time_takes_nothing_of_its_place(kept: World) -> None:
    subject = new_id()
    [first, _] = write_events(kept.house, 2, subjects=[subject])
    sequence(kept)
    with kept.house.reading() as session:
        place = seq_of(session, [first])
    stands_outside(kept, doubled(kept.house, first), subject, events=2)
    with kept.house.reading() as session:
        assert seq_of(session, [first]) == place


def test_an_event_beside_one_that_waits_is_named_too(kept: World) -> None:
    write_events(kept.house, 1)
    sequence(kept)
    subject = new_id()
    [waits] = write_events(kept.house, 1, subjects=[subject])
    stands_outside(kept, doubled(kept.house, waits, id=str(new_id())), subject, events=0)
