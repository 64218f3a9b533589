"""Objects that somebody put among the checkpoints in the store: passed over and named, and nothing real is hidden."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.completeness import fsck
from evidence.custody.events import Actor
from evidence.sequencing.errors import RolledBack, StrangeCheckpoint
from evidence.sequencing.kept import newest_kept
from evidence.sequencing.publishing import LATEST, checkpoint_key
from evidence.sequencing.rollforward import roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.note import Note
from evidence.tlog.signing import KeyPair
from tests.integration.evidence.sequencing.test_mishaps import halts
from tests.support.log import enter_keys, faults_of, log_keys, published_size, write_events

FAR = 900_000


@pytest.fixture
def grown(house: House, keys: KeyPair) -> House:
    """A log with checkpoints over 12 and 17 events."""
    enter_keys(house, keys)
    for many in (10, 5):
        write_events(house, many)
        Sequencer(house, keys).lead_once()
    return house


def put(house: House, size: int, note: bytes = b"junk") -> None:
    house.custody.put_new(checkpoint_key(size), note, locked=True)


def put_over(house: House, size: int, note: bytes) -> None:
    house.custody.put_latest(checkpoint_key(size), note)


def signed(by: KeyPair, checkpoint: Checkpoint) -> bytes:
    return Note(checkpoint.text(), tuple(by.sign(checkpoint, at=1))).encode()


def strange_notes(house: House, folder: Path) -> Iterator[bytes]:
    """Junk, a real checkpoint under another size's name, one of another log, one that a stranger's name signed."""
    yield b"junk"
    yield b""
    yield house.custody.get(checkpoint_key(17))
    other = KeyPair.make("other.example/log", folder / "other")
    yield signed(other, Checkpoint("other.example/log", FAR + 3, bytes(32)))
    ours = Checkpoint(house.settings.log_origin, FAR + 4, bytes(32))
    theirs = other.sign(Checkpoint("other.example/log", FAR + 4, bytes(32)), at=1)
    yield Note(ours.text(), tuple(theirs)).encode()


def test_what_is_no_checkpoint_is_passed_over_and_named_once(grown: House, keys: KeyPair, tmp_path: Path) -> None:
    for at, note in enumerate(strange_notes(grown, tmp_path)):
        put(grown, FAR + at, note)
        put(grown, 1 + at, b"junk")  # where the database has no checkpoint
    assert newest_kept(grown).size == 17
    found = fsck.verify(grown)
    assert found.contradicted == ()
    words = found.of("checkpoint").words
    assert "Among the checkpoints in the store lie 10 objects that are none of this log" in words
    assert f"{checkpoint_key(FAR + 4)}, no key of the log's name signed it" in words
    assert words.count(checkpoint_key(FAR + 4)) == 1
    write_events(grown, 3)
    Sequencer(grown, keys).lead_once()
    assert published_size(grown) == 20
    assert faults_of(grown, keys) == []
    assert roll_forward(grown, keys, by=Actor.system("test"), unwitnessed=True).to_size == 20


def test_the_object_that_names_the_newest_may_point_at_junk(grown: House, keys: KeyPair) -> None:
    put(grown, FAR)
    origin = grown.settings.log_origin
    grown.custody.put_latest(LATEST, signed(keys, Checkpoint(origin, FAR, bytes(32))))
    assert newest_kept(grown).size == 17
    assert fsck.verify(grown).contradicted == ()


def test_a_checkpoint_of_our_name_by_an_unknown_key_still_halts(grown: House, keys: KeyPair, tmp_path: Path) -> None:
    later = log_keys(grown, tmp_path / "later")
    put(grown, FAR, signed(later, Checkpoint(grown.settings.log_origin, FAR, bytes(32))))
    put(grown, FAR + 1)
    assert isinstance(halts(grown, keys), StrangeCheckpoint)
    assert "to before the log's keys were changed" in fsck.verify(grown).of("checkpoint").words


def test_one_of_ours_over_more_events_still_halts(grown: House, keys: KeyPair) -> None:
    put(grown, FAR, signed(keys, Checkpoint(grown.settings.log_origin, FAR, bytes(32))))
    put(grown, FAR + 1)
    reason = halts(grown, keys)
    assert isinstance(reason, RolledBack)
    assert reason.store == FAR
    assert "it was rolled back" in fsck.verify(grown).of("checkpoint").words


def test_junk_laid_over_a_checkpoint_hides_it_from_nobody(grown: House, keys: KeyPair) -> None:
    """The one that was signed lies under it, locked: what it says of the database counts for a halt."""
    put(grown, FAR, signed(keys, Checkpoint(grown.settings.log_origin, FAR, bytes(32))))
    put_over(grown, FAR, b"junk")
    assert newest_kept(grown).size == FAR
    assert isinstance(halts(grown, keys), StrangeCheckpoint)


def test_a_row_set_back_is_found_under_junk_as_well(grown: House, keys: KeyPair) -> None:
    write_events(grown, 3)
    Sequencer(grown, keys).lead_once()
    for at in range(3):
        put(grown, FAR + at)
    back = "UPDATE custody.state SET published_size = 12, witnessed_size = 12, integrated_size = 12, witnessed_root = "
    back += "(SELECT root FROM custody.checkpoint WHERE size = 12)"
    with grown.writing() as session:
        session.execute(text(back))
    found = fsck.verify(grown).of("checkpoint")
    assert any("the store has 2 checkpoints over more events than the 12" in each for each in found.findings)
    assert any("the newest over 20" in each for each in found.findings)


def test_many_of_them_are_passed_over_together(grown: House, keys: KeyPair) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: put(grown, FAR + at), range(600)))
    put_over(grown, FAR + 300, b"more junk")
    assert newest_kept(grown).size == 17
    assert fsck.verify(grown).contradicted == ()
