"""A source is let go while its master is there and nothing is in doubt, and is kept as long as that is not so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from evidence.custody.events import Actor
from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.outside import rotating
from evidence.outside.keys import LogKeys
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreKey
from evidence.store.s3 import connect
from evidence.vocabulary import IncidentKind
from ingest.agent import carriers
from ingest.agent.journal_rows import JOURNAL_FILE
from ingest.agent.settings import Release
from tests.integration.ingest.agent.bench import Bench
from tests.support.house import World, until
from tests.support.log import QUICK, sequencing

BY = Actor.system("test")
LONG = 3.0  # seconds in which an agent that may let go has done it several times over


@pytest.fixture(autouse=True)
def _asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriers, "KEPT_FOR", 0.3)


@pytest.fixture
def keys(world: World, tmp_path: Path) -> LogKeys:
    """The log's keys, known to the database before anything is numbered."""
    made = rotating.make(tmp_path / "log-keys", world.house.settings.log_origin)
    rotating.enter(world.house, made)
    return made


def taken_in(bench: Bench, world: World, keys: LogKeys, name: str) -> Path:
    """A file that the agent holds a proven receipt for, and has not let go."""
    path = bench.put(name, name.encode())
    with bench.running(), world.working(), sequencing(Sequencer(world.house, keys, QUICK)):
        bench.await_state(name, "receipted")
        until(lambda: _proofs(bench), within=60, what="the proof")
    return path


def _proofs(bench: Bench) -> int:
    with closing(sqlite3.connect(f"file:{bench.settings.state / JOURNAL_FILE}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM proofs").fetchone()[0])


def is_kept(said: pytest.LogCaptureFixture, path: Path, because: str) -> None:
    """Its source stays, and the agent says why, once."""

    def reasons() -> list[str]:
        return [str(vars(each)["reason"]) for each in said.records if each.message == "a source is kept"]

    until(lambda: any(because in each for each in reasons()), within=40, what=f"the reason: {because}")
    with pytest.raises(AssertionError):
        until(lambda: not path.exists(), within=LONG)
    assert len(reasons()) <= 2


def halted(world: World, reason: str | None) -> None:
    """What a sequencer writes that finds two histories, or a person's roll-forward takes back."""
    with world.house.writing() as session:
        session.execute(text("UPDATE custody.state SET halted = :reason"), {"reason": reason})


def test_nothing_is_let_go_while_the_log_is_halted(
    bench: Bench, world: World, keys: LogKeys, caplog: pytest.LogCaptureFixture
) -> None:
    path = taken_in(bench, world, keys, "before.mp4")
    halted(world, "the database holds fewer events than the store has signed")
    with bench.running(release=Release.DELETE):
        is_kept(caplog, path, "The custody log is halted")
        halted(world, None)
        until(lambda: not path.exists(), within=20, what="letting go")


@pytest.mark.parametrize("kind", [IncidentKind.CENSUS_GAP, IncidentKind.FIXITY_FAILED])
def test_a_source_is_kept_while_its_master_is_in_doubt(
    bench: Bench, world: World, keys: LogKeys, kind: IncidentKind, caplog: pytest.LogCaptureFixture
) -> None:
    path = taken_in(bench, world, keys, "doubted.mp4")
    (master,) = bench.masters()
    trouble = Trouble(kind=kind, subject="here", reason="it is not there", advice="look", recording_id=master.id)
    with world.house.writing() as session:
        open_incident(session, trouble, by=BY)
    with bench.running(release=Release.DELETE):
        is_kept(caplog, path, "An incident stands open")
        with world.house.writing() as session:
            assert settle_incident(session, kind=kind, subject="here", because="it is there", by=BY)
        until(lambda: not path.exists(), within=20, what="letting go")


def test_the_only_copy_is_never_let_go(
    bench: Bench, world: World, keys: LogKeys, s3_server: EmbeddedS3, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody has noticed yet that the store lost the master: it is asked before the source goes."""
    path = taken_in(bench, world, keys, "lost.mp4")
    (master,) = bench.masters()
    admin = s3_server.credentials(Identity.ADMIN)
    client: Any = connect(s3_server.endpoint, key=StoreKey(admin.access_key, admin.secret_key), region="us-east-1")
    client.delete_object(
        Bucket=world.house.masters.bucket, Key=master.key, VersionId=master.version_id, BypassGovernanceRetention=True
    )
    with bench.running(release=Release.DELETE):
        is_kept(caplog, path, "The store does not have its master now")


def test_a_receipt_whose_master_no_record_names_lets_nothing_go(
    bench: Bench, world: World, keys: LogKeys, caplog: pytest.LogCaptureFixture
) -> None:
    path = taken_in(bench, world, keys, "nameless.mp4")
    (master,) = bench.masters()
    with world.house.writing() as session:
        session.execute(text("UPDATE arrival SET master_id = NULL"))
    with bench.running(release=Release.DELETE):
        is_kept(caplog, path, "The store does not have its master now")
        with world.house.writing() as session:
            session.execute(text("UPDATE arrival SET master_id = :id"), {"id": master.id})
        until(lambda: not path.exists(), within=20, what="letting go")
