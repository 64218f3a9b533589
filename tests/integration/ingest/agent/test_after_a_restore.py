"""A database is restored from an older copy while the agent runs: what came in after the copy is offered again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from evidence.custody.events import Actor
from evidence.embedded import EmbeddedPostgres
from evidence.models import Receipt, Recording
from evidence.outside import rotating
from evidence.outside.keys import LogKeys
from evidence.sequencing.errors import MustHalt
from evidence.sequencing.rollforward import roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.sequencing.unheard import unheard_since_rollforward
from evidence.vocabulary import AgentKind, IncidentKind
from ingest.agent.journal_rows import JOURNAL_FILE, LostReceipt
from ingest.agent.once import Looked, check_receipts, ingest_once
from ingest.agent.settings import Release
from ingest.agent.settings import changed as changed_settings
from tests.integration.ingest.agent.bench import Bench
from tests.support.house import World, until
from tests.support.log import QUICK, sequencing
from tests.support.servers import dumped

BEFORE, AFTER, LET_GO = b"before the copy", b"after the copy" * 50_000, b"after the copy, and let go"
OPEN = "SELECT kind FROM incidents WHERE closed_at IS NULL"
WITHIN = 60.0  # seconds in which a lost file is to be a recording again, from the moment that the desk is open


@pytest.fixture
def keys(world: World, tmp_path: Path) -> LogKeys:
    """The log's keys, known to the database before anything is numbered."""
    made = rotating.make(tmp_path / "log-keys", world.house.settings.log_origin)
    rotating.enter(world.house, made)
    return made


def recordings(world: World) -> dict[bytes, str]:
    """SHA-256 of what is held, by the name of its file."""
    with world.house.reading() as session:
        rows = session.scalars(select(Recording)).all()
        return {row.name_raw: str(row.id) for row in rows}


def receipts(world: World) -> set[str]:
    with world.house.reading() as session:
        return {str(row.id) for row in session.scalars(select(Receipt))}


def journal(bench: Bench, question: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{bench.settings.state / JOURNAL_FILE}?mode=ro", uri=True)) as db:
        return db.execute(question).fetchall()


def take_in(bench: Bench, world: World, keys: LogKeys, *names: str) -> None:
    """Until each has a receipt that the agent keeps, and its proof."""
    with sequencing(Sequencer(world.house, keys, QUICK)):
        for name in names:
            bench.await_state(name, "receipted")
        until(lambda: not bench.unproven(), within=WITHIN, what="the proofs")


def restore_and_roll_forward(bench: Bench, world: World, keys: LogKeys, restore: Callable[[], None]) -> None:
    """As the run-book says it, with the agent running: front desk and workers are stopped."""
    bench.desk.close()
    world.house.sessions.engine.dispose()
    restore()
    with pytest.raises(MustHalt):
        Sequencer(world.house, keys).lead_once()
    done = roll_forward(world.house, keys, by=Actor.system("test"), unwitnessed=True)
    assert done.to_size > done.from_size
    bench.desk.open()


def test_a_lost_file_is_offered_again_and_becomes_a_recording(
    bench: Bench, world: World, keys: LogKeys, database_template: EmbeddedPostgres, tmp_path: Path
) -> None:
    bench.put("before.mp4", BEFORE)
    with bench.running():
        with world.working():
            take_in(bench, world, keys, "before.mp4")
            kept, restore = receipts(world), dumped(database_template, world.database_url, tmp_path / "dump")
            bench.put("after.mp4", AFTER)
            bench.put("other.mp4", AFTER + b"2", device="cam-2")
            take_in(bench, world, keys, "after.mp4", "other.mp4")
            first = receipts(world)
        restore_and_roll_forward(bench, world, keys, restore)
        with world.working(), sequencing(Sequencer(world.house, keys, QUICK)):
            for name in ("after.mp4", "other.mp4"):
                bench.await_state(name, "receipted", within=WITHIN)
            assert set(recordings(world)) == {b"before.mp4", b"after.mp4", b"other.mp4"}
            until(lambda: not bench.unproven(), within=WITHIN, what="the proofs of the new receipts")
    assert {row[0] for row in journal(bench, "SELECT receipt_id FROM lost_receipts")} == first - kept
    assert {row[0] for row in journal(bench, "SELECT receipt_id FROM receipts")} == receipts(world)
    assert kept < receipts(world)
    assert [one.kind for one in bench.open_incidents()] == []


def test_what_was_let_go_against_a_lost_receipt_becomes_an_incident_that_says_where_the_bytes_are(
    bench: Bench, world: World, keys: LogKeys, database_template: EmbeddedPostgres, tmp_path: Path
) -> None:
    bench.put("before.mp4", BEFORE)
    with bench.running(release=Release.DELETE):
        with world.working():
            take_in(bench, world, keys, "before.mp4")
            restore = dumped(database_template, world.database_url, tmp_path / "dump")
            path = bench.put("gone.mp4", LET_GO)
            take_in(bench, world, keys, "gone.mp4")
            until(lambda: not path.exists(), what="letting go")
            (master,) = [one for one in bench.masters() if one.size == len(LET_GO)]
        restore_and_roll_forward(bench, world, keys, restore)
        with world.working():
            (incident,) = until(bench.open_incidents, within=WITHIN, what="the incident")
            assert incident.kind is IncidentKind.NOT_STORED
            assert "gone.mp4 of cam-1" in incident.reason
            assert "deleted from its device" in incident.reason
            assert "signed with this system's key" in incident.reason
            assert "Its bytes are in the store" in incident.advice
            assert master.key in incident.advice
            assert master.sha256 in incident.advice
            assert journal(bench, OPEN) == [("receipt-lost",)]
            # The bytes, fetched from the store and put back where they were, settle it.
            held = world.house.masters.read(master.key, version_id=master.version_id)
            bench.put("gone.mp4", b"".join(held))
            until(lambda: not bench.open_incidents(), within=WITHIN, what="the end of the incident")
            assert b"gone.mp4" in recordings(world)
            until(lambda: not journal(bench, OPEN), what="the end of the agent's own")


def test_a_source_is_not_let_go_against_a_receipt_that_is_not_committed_any_more(
    bench: Bench, world: World, keys: LogKeys, database_template: EmbeddedPostgres, tmp_path: Path
) -> None:
    bench.put("before.mp4", BEFORE)
    with world.working(), bench.running():
        take_in(bench, world, keys, "before.mp4")
        restore = dumped(database_template, world.database_url, tmp_path / "dump")
        path = bench.put("after.mp4", AFTER)
        take_in(bench, world, keys, "after.mp4")
    # The agent knows receipt and proof. It starts again after the restoring, and may delete.
    restore_and_roll_forward(bench, world, keys, restore)
    with world.working(), bench.running(release=Release.DELETE):
        bench.await_state("after.mp4", "receipted", within=WITHIN)
        assert path.read_bytes() == AFTER, "nobody numbers events, so that the new receipt has no proof"
        with sequencing(Sequencer(world.house, keys, QUICK)):
            until(lambda: not path.exists(), within=WITHIN, what="letting go against the new receipt")
    assert set(recordings(world)) == {b"before.mp4", b"after.mp4"}
    assert [one.kind for one in bench.open_incidents()] == []


def hand_in(bench: Bench, world: World, keys: LogKeys, *names: str) -> list[LostReceipt]:
    """Files by name, as a command does it that ends then; which receipts it found lost."""
    looked = list[Looked]()
    paths = [bench.dock / "cam-1" / name for name in names]
    with world.working():
        results = ingest_once(paths, bench.settings, on_looked=looked.append)
    assert {one.state for one in results} == {"receipted"}
    Sequencer(world.house, keys, QUICK).lead_once()
    assert [found.away for found in looked] == [None]
    return list(looked[0].lost)


def test_files_handed_in_by_name_are_offered_again_when_their_receipts_are_checked(
    bench: Bench, world: World, keys: LogKeys, database_template: EmbeddedPostgres, tmp_path: Path
) -> None:
    bench.put("before.mp4", BEFORE)
    hand_in(bench, world, keys, "before.mp4")
    restore = dumped(database_template, world.database_url, tmp_path / "dump")
    bench.put("folder/deep/after.mp4", AFTER)
    gone, changed = bench.put("gone.mp4", LET_GO), bench.put("changed.mp4", b"as it was")
    hand_in(bench, world, keys, "folder", "gone.mp4", "changed.mp4")
    gone.unlink()
    changed.write_bytes(b"written since")
    bench.settings, mine = changed_settings(bench.settings, state=bench.folder / "later"), bench.settings
    bench.enrol("Enrolled after the copy")
    Sequencer(world.house, keys, QUICK).lead_once()
    restore_and_roll_forward(bench, world, keys, restore)
    with world.house.reading() as session:
        assert [each.name for each in unheard_since_rollforward(session)] == ["Dock 1", None]
    bench.settings = mine
    with world.working():
        checked = check_receipts(bench.settings)
    with world.house.reading() as session:
        (stranger,) = unheard_since_rollforward(session)
        assert (stranger.name, stranger.kind) == (None, AgentKind.DOCK)
    assert (checked.asked, len(checked.lost)) == (4, 3)
    assert [(one.name, one.state) for one in checked.results] == [("deep/after.mp4", "receipted")]
    assert {one.name for one in checked.gone} == {b"gone.mp4", b"changed.mp4"}
    assert set(recordings(world)) == {b"before.mp4", b"deep/after.mp4"}
    incidents = bench.open_incidents()
    assert {one.kind for one in incidents} == {IncidentKind.NOT_STORED}
    assert sorted(one.reason.split(" of ")[0] for one in incidents) == ["changed.mp4", "gone.mp4"]
    with world.working():
        again = check_receipts(bench.settings)
    assert (again.asked, again.lost, again.gone, again.results) == (2, (), (), [])


def test_handing_in_looks_first_whether_earlier_receipts_still_count(
    bench: Bench, world: World, keys: LogKeys, database_template: EmbeddedPostgres, tmp_path: Path
) -> None:
    bench.put("before.mp4", BEFORE)
    assert hand_in(bench, world, keys, "before.mp4") == []
    restore = dumped(database_template, world.database_url, tmp_path / "dump")
    bench.put("after.mp4", AFTER)
    bench.put("other.mp4", LET_GO)
    hand_in(bench, world, keys, "after.mp4", "other.mp4")
    restore_and_roll_forward(bench, world, keys, restore)
    # The same file again: its kept receipt would have been taken for an answer.
    lost = hand_in(bench, world, keys, "after.mp4")
    assert {one.name for one in lost} == {b"after.mp4", b"other.mp4"}
    assert set(recordings(world)) == {b"before.mp4", b"after.mp4"}
    (incident,) = bench.open_incidents()
    assert incident.reason.startswith("other.mp4 of ")
    with world.working():
        (result,) = check_receipts(bench.settings).results
    assert (result.name, result.state) == ("other.mp4", "receipted")
    assert bench.open_incidents() == []
