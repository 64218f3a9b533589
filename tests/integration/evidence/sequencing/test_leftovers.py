"""A sequencer is held up while it stores a checkpoint, and another one leads meanwhile: nothing is left unrecorded."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.completeness import fsck, signed
from evidence.sequencing.errors import Displaced
from evidence.sequencing.leftovers import AT_A_LOOK, Leftovers
from evidence.sequencing.publishing import LATEST, checkpoint_key
from evidence.sequencing.reading import tile_reader
from evidence.sequencing.sequencer import Sequencer
from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.note import Note, parse_note
from evidence.tlog.signing import KeyPair
from evidence.tlog.tiles import TileTree
from tests.support.house import until
from tests.support.log import QUICK, enter_keys, faults_of, published_size, sequencing, write_events


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def begun(house: House, keys: KeyPair) -> House:
    """A log of ten events and one checkpoint, and five events that wait."""
    enter_keys(house, keys)
    write_events(house, 8)
    Sequencer(house, keys).lead_once()
    write_events(house, 5)
    return house


def held_up(house: House, keys: KeyPair, *, killed: bool = False) -> Sequencer:
    """One that is held up when it has signed, while another leads; and killed then, if so, when it has stored."""

    def at_step(step: str) -> None:
        if step == "signed":
            write_events(house, 3)
            Sequencer(house, keys).lead_once()
        if step == "checkpoint stored" and killed:
            raise Killed

    return Sequencer(house, keys, at_step=at_step)


def recorded(house: House) -> list[int]:
    """The sizes of the checkpoints that the database has."""
    with house.reading() as session:
        return list(session.scalars(text("SELECT size FROM custody.checkpoint ORDER BY size")))


def test_one_that_is_displaced_writes_down_what_it_stored_and_leaves_the_newest_alone(
    begun: House, keys: KeyPair
) -> None:
    with pytest.raises(Displaced):
        held_up(begun, keys).lead_once()
    assert recorded(begun) == [10, 15, 18]
    assert parse_checkpoint(parse_note(begun.custody.get(LATEST)).text).size == 18
    assert fsck.verify(begun).holds
    assert faults_of(begun, keys) == []


def test_what_one_that_was_killed_had_stored_is_written_down_by_the_next(begun: House, keys: KeyPair) -> None:
    with pytest.raises(Killed):
        held_up(begun, keys, killed=True).lead_once()
    assert recorded(begun) == [10, 18]
    assert not fsck.verify(begun).holds
    Sequencer(begun, keys).lead_once()
    assert recorded(begun) == [10, 15, 18]
    assert fsck.verify(begun).holds


def leave(house: House, signer: KeyPair, size: int) -> None:
    """A checkpoint over so many events, as one that is no longer leading stores it."""
    root = TileTree(tile_reader(house.custody), published_size(house)).subtree(0, size)
    checkpoint = Checkpoint(house.settings.log_origin, size, root)
    note = Note(checkpoint.text(), tuple(signer.sign(checkpoint, at=1_800_000_000)))
    house.custody.put_new(checkpoint_key(size), note.encode(), locked=True)


def test_a_leader_looks_again_for_what_the_one_before_was_still_storing(begun: House, keys: KeyPair) -> None:
    with sequencing(Sequencer(begun, keys, QUICK)) as raised:
        until(lambda: recorded(begun) == [10, 15])
        leave(begun, keys, 12)
        until(lambda: recorded(begun) == [10, 12, 15])
    assert raised == []
    assert fsck.verify(begun).holds


def test_a_verification_waits_a_moment_for_what_is_being_written_down(begun: House, keys: KeyPair) -> None:
    Sequencer(begun, keys).lead_once()
    leave(begun, keys, 12)
    writing = threading.Timer(signed.PATIENCE / 2, Leftovers(begun, keys).write_down)
    writing.start()
    assert fsck.verify(begun).holds
    writing.join()


def test_what_no_key_of_the_log_signed_is_not_written_down(begun: House, keys: KeyPair, tmp_path: Path) -> None:
    Sequencer(begun, keys).lead_once()
    leave(begun, KeyPair.make(begun.settings.log_origin, tmp_path / "other"), 12)
    assert Leftovers(begun, keys).write_down() == []
    assert recorded(begun) == [10, 15]


def test_a_checkpoint_of_another_history_is_left_as_it_is(begun: House, keys: KeyPair, tmp_path: Path) -> None:
    """As where the database was restored while a sequencer was held up: what it had signed is no part of this log."""
    Sequencer(begun, keys).lead_once()
    forked = Checkpoint(begun.settings.log_origin, 12, bytes(32))
    note = Note(forked.text(), tuple(keys.sign(forked, at=1_800_000_000)))
    begun.custody.put_new(checkpoint_key(12), note.encode(), locked=True)
    assert Leftovers(begun, keys).write_down() == []
    assert not fsck.verify(begun).holds


def test_what_was_found_to_be_none_is_not_read_again(begun: House, keys: KeyPair) -> None:
    write_events(begun, 100)
    Sequencer(begun, keys).lead_once()
    for size in range(20, 20 + AT_A_LOOK):
        begun.custody.put_new(checkpoint_key(size), b"junk", locked=False)
    leave(begun, keys, 12)
    looks = Leftovers(begun, keys)
    assert looks.write_down() == []
    assert looks.write_down() == [12]
