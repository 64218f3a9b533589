"""The custody log from the command line, on an embedded system of its own: dump, restore, halt, roll forward."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from api.children import Child
from api.system import DATABASE, Embedded
from api.up import HALTED
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.sealing import revealed
from evidence.identifiers import new_id
from evidence.tlog.policy import parse_policy
from tests.support.house import until
from tests.support.log import published_size, write_events
from tests.support.logbook import viewed, write
from tests.support.servers import dumped, folder_for_servers


@pytest.fixture(scope="module")
def embedded() -> Iterator[Embedded]:
    with folder_for_servers() as folder:
        system = Embedded.of(folder / "data")
        system.start()
        yield system
        system.stop()


@pytest.fixture
def house(embedded: Embedded) -> Iterator[House]:
    opened = embedded.house()
    yield opened
    opened.sessions.engine.dispose()


def run(embedded: Embedded, *words: str, code: int = 0) -> str:
    """What a command prints to standard output; where it is to fail, all that it says, in one line."""
    command = [sys.executable, "-m", "api", *words, "--data", str(embedded.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split()) if code else done.stdout


def asked(embedded: Embedded, *words: str) -> dict[str, Any]:
    """The same in JSON."""
    return dict(json.loads(run(embedded, "custody", *words, "--json")))


@contextmanager
def sequencing(embedded: Embedded) -> Iterator[Child]:
    """The sequencer's process, as `continuity up` starts it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-m", "api", "sequencer"]
    log = embedded.data / "logs" / "sequencer.log"
    child = Child("sequencer", command, {**kept, **embedded.environment()}, log, needs_a_person=(HALTED,))
    child.start()
    try:
        yield child
    finally:
        child.ask_to_stop()
        child.make_stop()


def test_the_log_is_signed_shown_copied_and_listed(embedded: Embedded, house: House, tmp_path: Path) -> None:
    write_events(house, 300)
    with sequencing(embedded):
        assert asked(embedded, "publish", "--within", "60")["size"] >= 300
        found = asked(embedded, "head", "--check")
        assert (found["halted"], found["behind"]) == (None, False)
        assert found["note"].startswith(f"custody.demonstration.example/main\n{found['published']}\n")
        policy = parse_policy(run(embedded, "custody", "policy").encode())
        assert policy.judge(found["note"].encode()).checkpoint.size == found["published"]
        copied = asked(embedded, "export", "--out", str(tmp_path / "copy"))
    assert copied["size"] >= 300
    assert (tmp_path / "copy" / "tile" / "entries" / "000").stat().st_size > 256 * 300
    assert "is not empty: name an empty folder" in run(
        embedded, "custody", "export", "--out", str(tmp_path / "copy"), code=1
    )


def test_a_policy_is_printed_with_the_keys_of_now(
    embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "policy"
    file.write_text(run(embedded, "custody", "policy").replace("quorum none", "# ours\nquorum none"))
    monkeypatch.setenv("CONTINUITY_WITNESS_POLICY", str(file))
    assert run(embedded, "custody", "policy") == file.read_text()
    run(embedded, "custody", "keys", "rotate")
    command = [sys.executable, "-m", "api", "custody", "policy", "--data", str(embedded.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert len(parse_policy(done.stdout.encode()).logs) == 4
    assert done.stdout.endswith("# ours\nquorum none\n")
    assert done.stderr.count(f"CONTINUITY_WITNESS_POLICY: {file} lacks the log's ") == 2
    assert "move it into the file's place" in done.stderr


def comes_to_rest(embedded: Embedded) -> None:
    """The process ends by itself, says that it needs a person, and is not started again."""
    with sequencing(embedded) as child:
        until(lambda: not child.is_running(), within=60, what="the end of the process")
        assert child.process is not None
        assert child.process.returncode == HALTED
        said = child.look_after()
        assert said is not None
        assert "needs a person" in said
        assert child.look_after() is None
        assert not child.is_running()


def test_a_database_that_was_dumped_and_restored_halts_and_is_rolled_forward(
    embedded: Embedded, house: House, tmp_path: Path
) -> None:
    write_events(house, 20)
    with sequencing(embedded):
        asked(embedded, "publish", "--within", "60")
    restore = dumped(embedded.postgres, embedded.postgres.url(DATABASE), tmp_path / "database.dump")
    before = published_size(house)
    write_events(house, 30)
    with sequencing(embedded):
        size = asked(embedded, "publish", "--within", "60")["size"]
    assert size >= before + 30

    house.sessions.engine.dispose()
    restore()
    comes_to_rest(embedded)
    words = run(embedded, "custody", "head", "--check", code=1)
    assert f"holds {before} events" in words
    assert f"over {size}" in words

    done = asked(embedded, "rollforward")
    assert (done["from_size"], done["to_size"]) == (before, size)
    with sequencing(embedded):
        assert asked(embedded, "publish", "--within", "60")["size"] > size
        assert asked(embedded, "head", "--check")["halted"] is None
        assert "stop it first" in run(embedded, "custody", "rollforward", code=1)
    with house.reading() as session:
        numbers = session.execute(text("SELECT count(*), max(seq) + 1 FROM custody.leaf")).one()
        assert numbers[0] == numbers[1]


def test_an_outage_is_one_plain_line_of_the_sequencers_log(embedded: Embedded, house: House) -> None:
    log = embedded.data / "logs" / "sequencer.log"
    log.write_bytes(b"")
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with sequencing(embedded):
        until(lambda: '"leading"' in log.read_text(), within=60, what="the sequencer")
        with psycopg.connect(embedded.postgres.url(DATABASE), autocommit=True) as line:
            line.execute(f"{end} AND usename = current_user AND datname = current_database()")
        until(lambda: log.read_text().count('"leading"') == 2, within=60, what="the sequencer, again")
    assert "Traceback" not in log.read_text()
    outages = [each for each in map(json.loads, log.read_text().splitlines()) if "tries again" in each["event"]]
    assert outages
    assert all(each["level"] == "warning" and each["error"] for each in outages)


def test_a_halt_is_said_before_the_signatures(embedded: Embedded, house: House) -> None:
    write_events(house, 1)
    with sequencing(embedded):
        asked(embedded, "publish", "--within", "60")
    with psycopg.connect(embedded.postgres.url(DATABASE), autocommit=True) as line:
        line.execute("UPDATE custody.state SET halted = 'two histories'")
        command = [sys.executable, "-m", "api", "custody", "head", "--check", "--data", str(embedded.data)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120
        )
        line.execute("UPDATE custody.state SET halted = NULL")
    assert done.returncode == 1
    assert done.stdout.startswith("Halted: two histories\n")


def test_the_databases_own_programs_are_shown_the_way_to_it(embedded: Embedded, tmp_path: Path) -> None:
    said = run(embedded, "database")
    script = f'{said}\npg_dump --format=custom --file="$1" && pg_restore --list "$1"'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", tmp_path / "dump"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "TABLE DATA custody event" in done.stdout


def test_it_stops_when_it_is_told_to(embedded: Embedded) -> None:
    log = embedded.data / "logs" / "sequencer.log"
    before = log.stat().st_size if log.exists() else 0
    with sequencing(embedded) as child:
        until(lambda: b'"leading"' in log.read_bytes()[before:], within=60, what="a leader")
        assert child.process is not None
        child.process.send_signal(signal.SIGTERM)
        assert child.process.wait(20) == 0


def test_a_personal_value_is_erased_in_two_steps_and_the_log_stands(embedded: Embedded, house: House) -> None:
    subject = new_id()
    written, _ = write(house.sessions, viewed(subject, personal={"note": "seen with Jo Bloggs"}), viewed(subject))
    words = ("erase", str(written.id), "--value", "note", "--because", "DP/14/26")
    seen = asked(embedded, *words)
    assert [each["says"] for each in seen["values"]] == ["seen with Jo Bloggs"]
    done = asked(embedded, *words, "--confirm", seen["confirm"])
    assert done["erased"] is True
    with house.reading() as session:
        assert "note" not in revealed(session, [written.id])[written.id]
        assert ledger.check_subject(session, subject) == 3
        last = ledger.history(session, subject)[-1]
        assert revealed(session, [last.id])[last.id]["because"].value == "DP/14/26"
    assert str(last.id) == done["values"][0]["erased_by"]
    assert "command line" in last.sentence
