"""Rows in the place of a checkpoint that bear its root and no key's signature: never published, and always named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.completeness import fsck
from evidence.custody.rows import PublishedCheckpoint
from evidence.sequencing import mishaps
from evidence.sequencing.errors import CheckpointTaken, RollForwardRefused
from evidence.sequencing.publishing import checkpoint_key
from evidence.sequencing.rollforward import roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.note import Note, NoteSignature, parse_note
from evidence.tlog.signing import KeyPair
from tests.integration.evidence.sequencing.test_number_taken import BY, do, written
from tests.support.log import enter_keys, published_size, write_events
from tests.support.stray import as_service


def forged(house: House, size: int, root: bytes, key_id: bytes) -> bytes:
    """The note over a root of the log, with a line that no key signed."""
    origin = house.settings.log_origin
    line = NoteSignature(origin, key_id, os.urandom(64))
    return Note(Checkpoint(origin, size, root).text(), (line,)).encode()


def write_forged(house: House, key_id: bytes, size: int, root: bytes) -> None:
    """Record a checkpoint past the sequencer, with the right text and no good signature."""
    row = text("INSERT INTO custody.checkpoint (size, root, note) VALUES (:size, :root, :note)")
    as_service(house, row, size=size, root=root, note=forged(house, size, root, key_id))


@pytest.mark.parametrize("known", [True, False])
def test_a_row_whose_note_no_key_signed_halts_the_log_until_it_is_gone(
    house: House, keys: KeyPair, known: bool
) -> None:
    enter_keys(house, keys)
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    write_events(house, 3)
    size = written(house)

    def writes(step: str) -> None:
        if step == "integrated":
            with house.reading() as session:
                row = session.execute(text("SELECT integrated_size, root FROM custody.state")).one()
            write_forged(house, keys.vkeys()[0].key_id if known else b"abcd", *row)

    with pytest.raises(CheckpointTaken) as taken:
        Sequencer(house, keys, at_step=writes).lead_once()
    mishaps.keep_reason(house, taken.value)
    assert taken.value.size == size
    assert published_size(house) < size, "nobody is handed what no key signed"
    with pytest.raises(RollForwardRefused, match=r"a row of custody\.checkpoint that no sequencer wrote"):
        roll_forward(house, keys, by=BY, unwitnessed=True)
    do(house, "A checkpoint that was not signed", size)
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == written(house) > size
    assert fsck.verify(house).contradicted == ()


def test_the_rows_own_note_written_by_somebody_else_is_the_logs_all_the_same(house: House, keys: KeyPair) -> None:
    write_events(house, 5)

    def writes(step: str) -> None:
        if step == "checkpoint stored":
            with house.reading() as session:
                size, root = session.execute(text("SELECT integrated_size, root FROM custody.state")).one()
            row = text("INSERT INTO custody.checkpoint (size, root, note) VALUES (:size, :root, :note)")
            as_service(house, row, size=size, root=root, note=house.custody.get(checkpoint_key(size)))

    Sequencer(house, keys, at_step=writes).lead_once()
    assert published_size(house) == 5


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("recorded", [True, False])
def test_what_was_stored_before_the_keys_were_changed_is_recorded_after(
    house: House, keys: KeyPair, tmp_path: Path, recorded: bool
) -> None:
    enter_keys(house, keys)
    Sequencer(house, keys).lead_once()
    before = published_size(house)
    write_events(house, 5)

    def die(step: str) -> None:
        if step == ("published" if recorded else "checkpoint stored"):
            raise Died

    with pytest.raises(Died):
        Sequencer(house, keys, at_step=die).lead_once()
    back = (
        "UPDATE custody.state s SET published_size = c.size, witnessed_size = c.size, published_root = c.root,"
        " witnessed_root = c.root FROM custody.checkpoint c WHERE c.size = :size"
    )
    as_service(house, text(back), size=before)
    newer = KeyPair.make(house.settings.log_origin, tmp_path / "newer")
    enter_keys(house, newer)
    Sequencer(house, newer).lead_once()
    assert published_size(house) == written(house)
    assert fsck.verify(house).contradicted == ()


@pytest.mark.parametrize("since", [None, 300])
@pytest.mark.parametrize("looked_at", [20_000, 0])
def test_every_recorded_note_that_no_key_signed_is_named(
    house: House, keys: KeyPair, monkeypatch: pytest.MonkeyPatch, looked_at: int, since: int | None
) -> None:
    monkeypatch.setattr(fsck, "LOOKED_AT", looked_at)
    enter_keys(house, keys)
    for many in (280, 5, 5, 5):
        write_events(house, many)
        Sequencer(house, keys).lead_once()
    with house.reading() as session:
        sizes = session.scalars(text("SELECT size FROM custody.checkpoint ORDER BY size")).all()
        keep = session.get_one(PublishedCheckpoint, sizes[1]).root
    assert fsck.verify(house, since=since).contradicted == ()
    take_away(house, sizes[1])
    write_forged(house, b"abcd", sizes[1], keep)
    found = fsck.verify(house, since=since)
    assert [each.claim for each in found.contradicted] == ["checkpoint"]
    assert len(found.of("checkpoint").findings) == 1
    assert f"no key of the log signed the checkpoint over {sizes[1]} events" in found.of("checkpoint").findings[0]
    take_away(house, sizes[1])
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert fsck.verify(house).contradicted == ()


def take_away(house: House, size: int) -> None:
    """Take one recorded checkpoint away, as the run-book has the owner of the tables do."""
    with house.writing() as session:
        session.execute(text("ALTER TABLE custody.checkpoint DISABLE TRIGGER insert_only"))
        session.execute(text("DELETE FROM custody.checkpoint WHERE size = :size"), {"size": size})
        session.execute(text("ALTER TABLE custody.checkpoint ENABLE TRIGGER insert_only"))


def test_a_line_that_somebody_laid_over_the_store_s_note_accuses_no_row(house: House, keys: KeyPair) -> None:
    enter_keys(house, keys)
    write_events(house, 8)
    Sequencer(house, keys).lead_once()
    key = checkpoint_key(published_size(house))
    note = parse_note(house.custody.get(key))
    line = NoteSignature(house.settings.log_origin, b"abcd", os.urandom(64))
    house.custody.put_latest(key, Note(note.text, (*note.signatures, line)).encode())
    with house.writing() as session:
        session.execute(text("UPDATE custody.state SET halted = 'a reason'"))
    roll_forward(house, keys, by=BY, unwitnessed=True)
    write_events(house, 3)
    Sequencer(house, keys).lead_once()
    assert fsck.verify(house).holds
