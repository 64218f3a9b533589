"""Rows that somebody wrote where the log's next numbers go: it halts, says which, and goes on when they are gone."""

from __future__ import annotations

import re
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.completeness import fsck
from evidence.completeness.claims import Verdict
from evidence.custody.events import Actor
from evidence.embedded import EmbeddedPostgres
from evidence.models import Incident
from evidence.sequencing.errors import (
    CheckpointTaken,
    LeafDiffers,
    MustHalt,
    NumbersEnd,
    NumberTaken,
    RollForwardRefused,
    StoreDiffers,
)
from evidence.sequencing.numbering import number, take_over
from evidence.sequencing.reading import log_head
from evidence.sequencing.rollforward import roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.tlog.signing import KeyPair
from tests.integration.evidence.sequencing.test_mishaps import halts
from tests.support.log import published_size, waiting, write_events
from tests.support.servers import restored_later
from tests.support.stray import as_service, log_size, number_it, stray_event

FACTS = {"event": "0", "field": "name"}
BY = Actor.system("test of numbers")
SET_BACK_TO = text("""
UPDATE custody.state s SET size = c.size, integrated_size = c.size, published_size = c.size, witnessed_size = c.size,
  root = c.root, published_root = c.root, witnessed_root = c.root
FROM custody.checkpoint c WHERE c.size = :size
""")
RUN_BOOK = Path(__file__).parents[4] / "docs" / "runbooks" / "chain-does-not-verify.md"


def remove(house: House) -> None:
    """What the run-book has the owner of the tables do."""
    with house.reading() as session:
        head = log_head(session)
    do(house, "A number that was not given", head.size if head else 0)


def do(house: House, part: str, size: int) -> None:
    """The statements of this part of the run-book, as they stand there."""
    said = RUN_BOOK.read_text("utf-8").partition(f"## {part}\n")[2]
    statements = textwrap.dedent(said.partition("```sql\n")[2].partition("```")[0])
    with house.sessions.engine.begin() as connection:
        for each in re.sub(r"\bS\b", str(size), statements).split(";"):
            if each.strip() and each.strip() not in {"BEGIN", "COMMIT"}:
                connection.execute(text(each))


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("many", [1, 30])
def test_a_row_at_the_next_number_halts_the_log_until_it_is_gone(
    house: House, keys: KeyPair, ahead: int, many: int
) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    event = stray_event(house, "sealed.erased", FACTS)
    number_it(house, event.id, 5 + ahead)
    for _ in range(ahead if many == 1 else 0):
        write_events(house, 1)  # the log goes on until it comes to the row
        Sequencer(house, keys).lead_once()
    assert published_size(house) == log_size(house)
    write_events(house, many)
    reason = halts(house, keys)
    assert isinstance(reason, NumberTaken)
    assert (reason.seq, reason.event) == (5 + ahead, event.id)
    assert f"at number {5 + ahead}, of event {event.id}" in str(reason)
    with house.reading() as session:
        [incident] = session.query(Incident).all()
        assert "chain-does-not-verify" in incident.advice
    found = fsck.verify(house)
    assert f"beyond the log's end, at number {5 + ahead}, of event {event.id}" in found.of("numbers").findings[0]
    assert found.of("sequencing").verdict is Verdict.CONTRADICTED
    if log_size(house) == reason.seq:
        with pytest.raises(RollForwardRefused, match=str(event.id)):
            roll_forward(house, keys, by=BY, unwitnessed=True)
    remove(house)
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert waiting(house) == 0
    with house.reading() as session:
        [left] = session.scalars(text("SELECT halted IS NULL FROM custody.state"))
    assert left
    left_over = {each.claim for each in fsck.verify(house).contradicted}
    assert left_over == {"numbers", "history"}, "the event itself is still named"


def test_a_number_for_an_event_that_waits_halts_the_log(house: House, keys: KeyPair) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    [event] = write_events(house, 1)
    number_it(house, event, 900_000)
    reason = halts(house, keys)
    assert isinstance(reason, NumberTaken)
    assert (reason.seq, reason.event) == (900_000, event)
    remove(house)
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert waiting(house) == 0
    assert fsck.verify(house).contradicted == ()


def test_an_event_that_has_its_number_and_is_queued_again_keeps_it(house: House, keys: KeyPair) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    again = "INSERT INTO custody.queue (ingest_no, at) SELECT ingest_no, at FROM custody.leaf WHERE seq = 3"
    as_service(house, text(again))
    reason = halts(house, keys)
    assert isinstance(reason, NumberTaken)
    assert reason.seq == 3
    assert "the event has the number 3 already" in str(reason)
    as_service(house, text("DELETE FROM custody.queue q USING custody.leaf l WHERE q.ingest_no = l.ingest_no"))
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert fsck.verify(house).contradicted == ()


@pytest.mark.parametrize("seq", [3, 12])
def test_a_number_that_was_signed_is_never_called_one_that_no_sequencer_wrote(
    house: House, keys: KeyPair, seq: int
) -> None:
    write_events(house, 10)
    Sequencer(house, keys).lead_once()
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    as_service(house, SET_BACK_TO, size=10)
    again = "INSERT INTO custody.queue (ingest_no, at) SELECT ingest_no, at FROM custody.leaf WHERE seq = :seq"
    as_service(house, text(again), seq=seq)
    halts(house, keys)
    if seq < 10:
        refused = "a row of custody.queue .* waits for a number, and the event has the number 3 already"
        with pytest.raises(RollForwardRefused, match=refused):
            roll_forward(house, keys, by=BY, unwitnessed=True)
        as_service(house, text("DELETE FROM custody.queue q USING custody.leaf l WHERE q.ingest_no = l.ingest_no"))
    done = roll_forward(house, keys, by=BY, unwitnessed=True)
    assert (done.from_size, done.to_size) == (10, 15)
    Sequencer(house, keys).lead_once()
    assert waiting(house) == 0
    assert log_size(house) == written(house) > 15
    assert fsck.verify(house).contradicted == ()


@pytest.mark.parametrize("ingest_no", [-5, 900_000])
def test_what_waits_and_is_no_event_halts_the_log_until_it_is_gone(house: House, keys: KeyPair, ingest_no: int) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    as_service(house, text("INSERT INTO custody.queue VALUES (:no, now())"), no=ingest_no)
    write_events(house, 1)
    reason = halts(house, keys)
    assert isinstance(reason, NumberTaken)
    assert f"its event is not there (its ingest_no is {ingest_no})" in str(reason)
    with pytest.raises(RollForwardRefused, match=f"its ingest_no is {ingest_no}"):
        roll_forward(house, keys, by=BY, unwitnessed=True)
    with house.writing() as session:
        session.execute(text("DELETE FROM custody.queue WHERE ingest_no = :no"), {"no": ingest_no})
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert waiting(house) == 0
    assert fsck.verify(house).contradicted == ()


@pytest.mark.parametrize("many", [0, 1])
@pytest.mark.parametrize("column", ["size", "size = 99, integrated_size"])
def test_a_state_set_forward_gives_no_number_and_is_put_right(
    house: House, keys: KeyPair, many: int, column: str
) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    as_service(house, text(f"UPDATE custody.state SET {column} = 99"))
    write_events(house, many)
    assert isinstance(halts(house, keys), NumbersEnd | LeafDiffers | StoreDiffers)
    assert waiting(house) == many + 1, "beside the event of the incident; none has a number that does not follow"
    done = roll_forward(house, keys, by=BY, unwitnessed=True)
    assert (done.from_size, done.to_size) == (5, 5)
    Sequencer(house, keys).lead_once()
    assert waiting(house) == 0
    assert published_size(house) == log_size(house) < 99
    assert fsck.verify(house).contradicted == ()


def test_numbers_that_nobody_signed_for_yet_stay_where_a_state_set_forward_is_put_right(
    house: House, keys: KeyPair
) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    write_events(house, 2)
    with house.writing() as session:
        number(session, take_over(session).epoch)
    as_service(house, text("UPDATE custody.state SET size = 99"))
    done = roll_forward(house, keys, by=BY, unwitnessed=True)
    assert (done.from_size, done.to_size) == (7, 7)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == 8
    assert fsck.verify(house).contradicted == ()


def written(house: House) -> int:
    """How many events there are, whether they have a number or not."""
    with house.reading() as session:
        return int(session.execute(text("SELECT count(*) FROM custody.event")).scalar_one())


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("many", "dies", "back"),
    [(5, "numbered", "size = 7"), (300, "integrated", "size = 250, integrated_size = 5")],
)
@pytest.mark.parametrize("waiting_too", [True, False])
def test_events_of_a_state_that_was_set_back_get_their_numbers_again(
    house: House, keys: KeyPair, many: int, dies: str, back: str, waiting_too: bool
) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    write_events(house, many)

    def die(step: str) -> None:
        if step == dies:
            raise Died

    with pytest.raises(Died):
        Sequencer(house, keys, at_step=die).lead_once()
    as_service(house, text(f"UPDATE custody.state SET {back}"))
    if waiting_too:
        write_events(house, 1)
    with suppress(MustHalt):
        Sequencer(house, keys).lead_once()
    assert any("or set custody.state back" in each for each in fsck.verify(house).of("numbers").findings)
    remove(house)
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert waiting(house) == 0
    assert log_size(house) == written(house) > 5 + many
    assert fsck.verify(house).contradicted == ()


def test_a_state_set_forward_on_a_database_that_was_rolled_back_is_put_right(
    house: House, keys: KeyPair, database_template: EmbeddedPostgres
) -> None:
    write_events(house, 8)
    Sequencer(house, keys).lead_once()
    with restored_later(database_template, house.sessions.engine) as restore:
        write_events(house, 20)
        Sequencer(house, keys).lead_once()
        restore()
    as_service(house, text("UPDATE custody.state SET size = 1000"))
    done = roll_forward(house, keys, by=BY, unwitnessed=True)
    assert (done.from_size, done.to_size) == (8, 28)
    Sequencer(house, keys).lead_once()
    assert fsck.verify(house).contradicted == ()


def test_a_row_in_the_place_of_a_checkpoint_halts_the_log_until_it_is_gone(house: House, keys: KeyPair) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    rows = "INSERT INTO custody.checkpoint (size, root, note) SELECT n, sha256('x'), 'x' FROM generate_series(8, 40) n"
    as_service(house, text(rows))
    write_events(house, 3)
    reason = halts(house, keys)
    assert isinstance(reason, CheckpointTaken)
    assert reason.size == 8
    with pytest.raises(RollForwardRefused, match=r"a row of custody\.checkpoint that no sequencer wrote"):
        roll_forward(house, keys, by=BY, unwitnessed=True)
    do(house, "A checkpoint that was not signed", 8)
    roll_forward(house, keys, by=BY, unwitnessed=True)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == written(house) > 8
    assert fsck.verify(house).contradicted == ()


def test_a_row_that_has_the_root_and_no_note_is_none_of_the_log(house: House, keys: KeyPair) -> None:
    write_events(house, 5)

    def writes(step: str) -> None:
        if step == "checkpoint stored":
            as_service(
                house,
                text("INSERT INTO custody.checkpoint (size, root, note) SELECT size, root, 'x' FROM custody.state"),
            )

    with pytest.raises(CheckpointTaken):
        Sequencer(house, keys, at_step=writes).lead_once()
    as_service(house, text("UPDATE custody.state SET published_size = size, published_root = root"))
    found = fsck.verify(house).of("checkpoint")
    assert found.verdict is Verdict.CONTRADICTED
    assert any("cannot be read" in each for each in found.findings)
