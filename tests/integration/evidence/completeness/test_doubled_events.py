"""Events with the order of writing, the id or the counter of another: named, and in the way of nothing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from evidence.completeness import fsck
from evidence.completeness.claims import Verdict
from evidence.custody import ledger
from evidence.custody.events import Actor
from evidence.identifiers import new_id
from evidence.models import Recording
from evidence.sequencing.reading import await_size, leaves_of, seq_of
from evidence.sequencing.sequencer import Sequencer
from tests.integration.evidence.completeness.conftest import sequence
from tests.support.house import World
from tests.support.log import QUICK, log_keys, sequencing, write_events
from tests.support.recordings import Shelf
from tests.support.stray import SEALED, Stray, as_service, doubled

BY = Actor.system("test of doubles")
ERASED_BY = text("UPDATE custody.sealed SET erased_by = :by WHERE event_id = :event AND field = 'actor'")


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


def test_an_erasure_whose_id_another_event_has_is_one_still(kept: World) -> None:
    Shelf(kept).recording(b"whose erasure is doubled")
    with kept.house.reading() as session:
        recording = session.scalars(select(Recording.id)).one()
        first, *_ = ledger.history(session, recording)
    with kept.house.writing() as session:
        erased = ledger.erase_sealed(session, first.id, "actor", BY)
    sequence(kept)
    doubled(kept.house, erased.id, subj=str(new_id()), n=2, ingest_no=10**15)
    checked = fsck.verify(kept.house)
    assert f"the id {erased.id} stands for more than one event" in checked.of("numbers").findings
    broken = {each.claim for each in checked.claims if each.verdict is Verdict.CONTRADICTED}
    assert broken == {"numbers", "history"}, "nothing else is wrong, and all else was looked at"
    of_recording = fsck.verify_recording(kept.house, recording)
    assert {each.claim for each in of_recording.claims if each.verdict is Verdict.CONTRADICTED} == set()


def test_an_event_of_no_log_erases_nothing(kept: World) -> None:
    subject = new_id()
    [first] = write_events(kept.house, 1, subjects=[subject])
    with kept.house.writing() as session:
        erased = ledger.erase_sealed(session, first, "actor", BY)
    sequence(kept)
    facts = {"event": str(first), "field": "actor"}
    forged = doubled(kept.house, erased.id, id=str(new_id()), subj=str(new_id()), n=2, ingest_no=10**15, facts=facts)
    as_service(kept.house, ERASED_BY, by=forged.id, event=first)
    found = fsck.verify(kept.house)
    assert f"the sealed actor of event {first} is gone, and no event says who erased or lost it" in str(found.claims)


@pytest.mark.parametrize("is_numbered", [True, False])
def test_a_value_of_an_event_whose_id_another_has_can_be_erased(kept: World, *, is_numbered: bool) -> None:
    subject = new_id()
    [first] = write_events(kept.house, 1, subjects=[subject])
    if is_numbered:
        sequence(kept)
    doubled(kept.house, first, subj=str(new_id()), ingest_no=1 if is_numbered else 10**15)
    with kept.house.writing() as session:
        ledger.erase_sealed(session, first, "actor", BY)
    with kept.house.reading() as session:
        assert ledger.check_subject(session, subject) == 2, "the erasure stands with the event that the log has"


def test_a_checkpoint_over_everything_does_not_wait_for_what_nobody_queued(kept: World) -> None:
    [first] = write_events(kept.house, 1)
    doubled(kept.house, first, id=str(new_id()), n=777_777, ingest_no=2**63 - 1)
    with sequencing(Sequencer(kept.house, log_keys(kept.house, kept.folder), pace=QUICK)) as raised:
        head = await_size(kept.house, timedelta(seconds=30))
        with kept.house.reading() as session:
            assert seq_of(session, [first])[first] < head.size
    assert raised == []
