"""Deaths at every step, two at once, answers that are lost, bytes that were changed: the log stays whole or halts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.identifiers import new_id
from evidence.models import Incident
from evidence.sequencing import mishaps
from evidence.sequencing.errors import (
    Displaced,
    LeafDiffers,
    MustHalt,
    NumberTaken,
    RootsDiffer,
    StoreDiffers,
    StrangeCheckpoint,
)
from evidence.sequencing.integrating import load
from evidence.sequencing.numbering import number, take_over
from evidence.sequencing.publishing import LATEST, checkpoint_key
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.tlog.signing import KeyPair
from evidence.tlog.tiles import tile_path
from evidence.vocabulary import IncidentKind
from tests.support.house import until
from tests.support.log import (
    QUICK,
    faults_of,
    log_house,
    log_keys,
    published_size,
    sequencing,
    waiting,
    write_events,
)
from tests.support.servers import Faults, lossy_door

STEPS = (
    "taken over",
    "numbered",
    "tiles stored",
    "integrated",
    "parts stored",
    "signed",
    "checkpoint stored",
    "latest stored",
    "published",
)


class Died(BaseException):
    """The process ends here: nothing catches this."""


class DiesAt:
    """A hook that ends the process at one step, the first time or a later one."""

    def __init__(self, step: str, after: int = 0) -> None:
        self.step, self.left = step, after
        self.seen: list[str] = []

    def __call__(self, step: str) -> None:
        self.seen.append(step)
        if step == self.step:
            if self.left == 0:
                raise Died
            self.left -= 1


def test_every_step_is_passed(house: House, keys: KeyPair) -> None:
    seen = DiesAt("none")
    write_events(house, 1)
    Sequencer(house, keys, at_step=seen).lead_once()
    assert tuple(seen.seen) == STEPS


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_costs_nothing(house: House, keys: KeyPair, step: str) -> None:
    subjects = [new_id() for _ in range(3)]
    write_events(house, 254, subjects=subjects)
    Sequencer(house, keys).lead_once()
    write_events(house, 5, subjects=subjects)
    with pytest.raises(Died):
        Sequencer(house, keys, at_step=DiesAt(step)).lead_once()
    write_events(house, 2, subjects=subjects)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == 261
    assert waiting(house) == 0
    assert faults_of(house, keys) == []


def test_a_death_again_and_again_at_the_same_step_is_got_over(house: House, keys: KeyPair) -> None:
    for step in STEPS:
        write_events(house, 30)
        for _ in range(2):
            with pytest.raises(Died):
                Sequencer(house, keys, at_step=DiesAt(step)).lead_once()
            write_events(house, 1)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == len(STEPS) * 32
    assert faults_of(house, keys) == []


def test_one_leads_and_the_other_stands_by_until_it_is_gone(house: House, keys: KeyPair) -> None:
    first, second = Sequencer(house, keys, QUICK), Sequencer(house, keys, QUICK)
    with sequencing(second) as theirs:
        until(second.leading.is_set, what="a leader")
        with sequencing(first) as ours:
            write_events(house, 10)
            until(lambda: published_size(house) == 10, what="a checkpoint")
            assert not first.leading.is_set()
    with sequencing(first) as ours:
        until(first.leading.is_set, what="the one that stood by")
        write_events(house, 10)
        until(lambda: published_size(house) == 20, what="a checkpoint")
    assert ours == theirs == []
    assert faults_of(house, keys) == []


def test_one_that_was_displaced_without_knowing_it_writes_nothing(house: House, keys: KeyPair) -> None:
    write_events(house, 4)
    with house.writing() as session:
        old = take_over(session).epoch
    Sequencer(house, keys).lead_once()
    write_events(house, 4)
    with pytest.raises(Displaced), house.writing() as session:
        number(session, old)
    assert waiting(house) == 4


def test_many_at_once_without_a_lock_still_make_one_log(house: House, keys: KeyPair) -> None:
    """The advisory lock is for liveness; that the log stays one is the work of the state row."""
    write_events(house, 300)
    raised: list[BaseException] = []

    def lead() -> None:
        for _ in range(3):
            try:
                Sequencer(house, keys).lead_once()
            except Displaced as error:
                raised.append(error)

    threads = [threading.Thread(target=lead) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == 300
    assert faults_of(house, keys) == []


@pytest.fixture
def at_the_door(
    database_url: str, own_custody: StoreSettings, tmp_path: Any
) -> Iterator[Callable[[Faults], tuple[House, KeyPair]]]:
    """A house whose way to the store leads through a door that loses answers."""
    from contextlib import ExitStack

    with ExitStack() as until_the_end:

        def make(faults: Faults) -> tuple[House, KeyPair]:
            endpoint = until_the_end.enter_context(lossy_door(own_custody.endpoint, faults))
            made = log_house(database_url, replace(own_custody, endpoint=endpoint))
            until_the_end.callback(made.sessions.engine.dispose)
            return made, log_keys(made, tmp_path)

        yield make


@pytest.mark.parametrize("what", ["/tile/entries/000", "/tile/0/000", "/checkpoints/"])
@pytest.mark.parametrize("how", ["loses_answer_to", "refuses"])
def test_a_put_whose_answer_is_lost_or_that_is_refused_is_found_out_by_reading(
    at_the_door: Callable[[Faults], tuple[House, KeyPair]], what: str, how: str
) -> None:
    faults = Faults(times=2)
    house, keys = at_the_door(faults)
    write_events(house, 256)
    setattr(faults, how, f"PUT /{house.custody.bucket}{what}")
    Sequencer(house, keys).lead_once()
    assert faults.done
    assert faults_of(house, keys) == []


def test_a_store_that_is_away_is_waited_for(at_the_door: Callable[[Faults], tuple[House, KeyPair]]) -> None:
    faults = Faults(refuses="", times=30)
    house, keys = at_the_door(faults)
    write_events(house, 3)
    with sequencing(Sequencer(house, keys, QUICK)) as raised:
        until(lambda: published_size(house) == 3, within=60, what="a checkpoint")
    assert raised == []
    assert faults_of(house, keys) == []


def test_a_trouble_that_lasts_is_an_incident_until_it_is_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = mishaps.Trouble(house)
    trouble.met(OSError("the key cannot be read"))
    with house.reading() as session:
        assert session.query(Incident).count() == 0
    monkeypatch.setattr(mishaps, "LASTS", 0.0)
    trouble.met(OSError("the key cannot be read"))
    trouble.met(OSError("the key cannot be read"))
    with house.reading() as session:
        (incident,) = session.query(Incident).all()
    assert incident.kind is IncidentKind.LOG_BEHIND
    assert "the key cannot be read" in incident.reason
    trouble.over()
    with house.reading() as session:
        assert session.query(Incident).filter(Incident.closed_at.is_(None)).count() == 0


def change_leaf(house: House, seq: int) -> None:
    """What somebody can do who has the database's own rights: other bytes, with a hash that fits them."""
    with house.writing() as session:
        session.execute(text("ALTER TABLE custody.event DISABLE TRIGGER insert_only"))
        session.execute(
            text(
                "UPDATE custody.event e SET leaf = c.leaf, leaf_hash = sha256('\\x00'::bytea || c.leaf)"
                " FROM (SELECT l.ingest_no, overlay(e.leaf PLACING 'X'::bytea FROM 20) AS leaf FROM custody.leaf l"
                " JOIN custody.event e USING (ingest_no) WHERE seq = :seq) c WHERE e.ingest_no = c.ingest_no"
            ),
            {"seq": seq},
        )
        session.execute(text("ALTER TABLE custody.event ENABLE TRIGGER insert_only"))


def halts(house: House, keys: KeyPair) -> MustHalt:
    """Run a sequencer until it halts; the reason is in the state, and an incident is open."""
    with sequencing(Sequencer(house, keys, QUICK)) as raised:
        until(lambda: raised, what="a halt")
    (reason,) = raised
    assert isinstance(reason, MustHalt)
    with house.reading() as session:
        assert session.execute(text("SELECT halted FROM custody.state")).scalar_one() == str(reason)
        assert session.query(Incident).filter_by(kind=IncidentKind.LOG_HALTED).count() == 1
    return reason


def checkpoints(house: House) -> list[str]:
    """What has been signed."""
    return list(house.custody.list("checkpoints/"))


def test_a_leaf_that_was_changed_before_it_was_built_in_halts_the_log_unsigned(house: House, keys: KeyPair) -> None:
    write_events(house, 5)
    with pytest.raises(Died):
        Sequencer(house, keys, at_step=DiesAt("numbered")).lead_once()
    change_leaf(house, 3)
    reason = halts(house, keys)
    assert isinstance(reason, LeafDiffers)
    assert reason.seq == 3
    assert checkpoints(house) == []


def test_an_event_that_is_gone_before_it_has_a_number_halts_the_log(house: House, keys: KeyPair) -> None:
    write_events(house, 5)
    with house.writing() as session:
        session.execute(text("ALTER TABLE custody.event DISABLE TRIGGER insert_only"))
        session.execute(text("DELETE FROM custody.event WHERE ingest_no = (SELECT min(ingest_no) FROM custody.event)"))
        session.execute(text("ALTER TABLE custody.event ENABLE TRIGGER insert_only"))
    assert isinstance(halts(house, keys), NumberTaken)
    assert checkpoints(house) == []


def test_a_root_in_the_state_that_the_tiles_do_not_have_halts_the_log_unsigned(house: House, keys: KeyPair) -> None:
    write_events(house, 5)
    with pytest.raises(Died):
        Sequencer(house, keys, at_step=DiesAt("integrated")).lead_once()
    grown = load(house)
    other = [bytes(32) for _ in grown.frontier.nodes]
    with house.writing() as session:
        session.execute(text("UPDATE custody.state SET frontier = :other"), {"other": other})
    assert isinstance(halts(house, keys), RootsDiffer)
    assert checkpoints(house) == []


@pytest.mark.parametrize("path", [tile_path(0, 0), "partial/" + tile_path(0, 1, 4)])
def test_other_bytes_under_a_key_of_the_log_halt_it(house: House, keys: KeyPair, path: str) -> None:
    write_events(house, 260)
    house.custody.put_new(path, b"something else", locked=False)
    assert isinstance(halts(house, keys), StoreDiffers)
    assert checkpoints(house) == []


def test_a_checkpoint_by_a_stranger_halts_the_log(house: House, keys: KeyPair, tmp_path: Any) -> None:
    write_events(house, 5)
    Sequencer(house, keys).lead_once()
    stranger = log_keys(house, tmp_path / "elsewhere")
    signatures = stranger.sign(_grown_by_one(house), at=1)
    from evidence.tlog.note import Note

    note = Note(_grown_by_one(house).text(), tuple(signatures)).encode()
    house.custody.put_new(checkpoint_key(6), note, locked=True)
    assert isinstance(halts(house, keys), StrangeCheckpoint)


def _grown_by_one(house: House) -> Any:
    from evidence.tlog.checkpoint import Checkpoint

    return Checkpoint(house.settings.log_origin, 6, bytes(32))


def test_the_object_that_names_the_newest_may_be_lost_or_wrong(house: House, keys: KeyPair) -> None:
    for said in (None, b"nonsense", b"custody.demonstration.example/main\n99\n" + b"A" * 43 + b"=\n\n"):
        write_events(house, 2)
        Sequencer(house, keys).lead_once()
        if said is not None:
            house.custody.put_latest(LATEST, said)
    Sequencer(house, keys).lead_once()
    assert published_size(house) == 6
    assert faults_of(house, keys) == []
