"""The custody log: writing it against a hash chain in a table, what an event adds to a transaction, verifying."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from evidence.completeness import fsck, headmap
from evidence.custody import ledger
from evidence.database import Sessions, open_engine
from evidence.embedded import EmbeddedPostgres, EmbeddedS3
from evidence.identifiers import new_id
from evidence.sequencing.sequencer import Sequencer
from tests.benchmarks.custody_log import fill
from tests.benchmarks.reference import run
from tests.benchmarks.scene import middle, rounds
from tests.benchmarks.sheet import Sheet
from tests.benchmarks.writers import ORIGIN, Crew, many_subjects, sequencer_beside
from tests.support import servers
from tests.support.authority import Authority
from tests.support.log import enter_keys, happening, log_house, log_keys
from tests.support.package_maker import Order, make, write

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

SECONDS = 4.0  # of writing in each turn
WORK = 0.005  # seconds of other work inside the transaction
EVENTS = int(os.environ.get("BENCH_CUSTODY_EVENTS", "1000000"))
SUBJECTS = max(1, EVENTS // 10)
ADDED = 2.0  # milliseconds that an event may add to its transaction
VERIFIED = 20.0 * EVENTS / 1_000_000  # seconds for a log of that size
CHECKED = 1.0  # seconds for a small package, the start of Python included


@pytest.fixture(scope="module")
def safe_server() -> Iterator[EmbeddedPostgres]:
    """PostgreSQL as it is run, every commit on the disk: a chain makes everybody wait for that in turn."""
    with servers.folder_for_servers() as folder, EmbeddedPostgres(folder / "bench") as server:
        servers.build_template(server)
        yield server


@pytest.fixture(scope="module")
def safe_store() -> Iterator[EmbeddedS3]:
    """A store for the log's own objects."""
    with servers.folder_for_servers() as folder, EmbeddedS3(folder / "bench") as server:
        yield server


@pytest.mark.parametrize(("work", "least"), [(0.0, 2.0), (WORK, 5.0)], ids=["nothing else", "5 ms of work"])
def test_writing(
    safe_server: EmbeddedPostgres, safe_store: EmbeddedS3, tmp_path: Path, sheet: Sheet, work: float, least: float
) -> None:
    store = servers.with_own_custody(safe_store, safe_store.store_settings())
    with servers.fresh_database(safe_server) as own, servers.fresh_database(safe_server) as chain:
        ours, theirs, many, one = Crew(own), Crew(chain), many_subjects(), [new_id()]
        logs, chains, busy = [], [], [0.0, 0.0]
        with sequencer_beside(own, store, tmp_path):
            ours.write(subjects=many, seconds=1, work=work)
            theirs.write(subjects=one, seconds=1, work=work)
            for _ in range(rounds(5)):
                starts = _busy()
                logs.append(ours.write(subjects=many, seconds=SECONDS, work=work))
                between = _busy()
                chains.append(theirs.write(subjects=one, seconds=SECONDS, work=work))
                busy = [busy[0] + between - starts, busy[1] + _busy() - between]
        ours.stop()
        theirs.stop()
    beside = f", {work * 1000:g} ms of other work in the transaction" if work else ""
    case = f"events of 16 writers, sequenced, against a hash chain in a table{beside}"
    # A chain leaves processors idle, and no more than those can be gained: on few cores that is less than on many.
    cores = [round(each / len(logs) / SECONDS, 2) for each in busy]
    told = {"cores": psutil.cpu_count(), "cores_busy_ours": cores[0], "cores_busy_chain": cores[1]}
    sheet.add(case, ours=middle(logs), reference=middle(chains), unit="/s", limit=least, at_least=True, **told)


def _busy() -> float:
    """Processor seconds that this machine has worked so far, whoever for."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq)


def test_what_an_event_adds(safe_server: EmbeddedPostgres, sheet: Sheet) -> None:
    with servers.fresh_database(safe_server) as url:
        sessions = Sessions(open_engine(url), log_origin=ORIGIN)
        with sessions.engine.begin() as connection:
            connection.execute(text("CREATE TABLE plain (id uuid PRIMARY KEY, body text NOT NULL)"))
        subjects = many_subjects()

        def change(*, recorded: bool) -> float:
            began = time.perf_counter()
            with sessions.writing() as session:
                session.execute(text("INSERT INTO plain VALUES (:id, :body)"), {"id": new_id(), "body": "a" * 600})
                if recorded:
                    ledger.record(session, happening(subjects[int(began * 1e6) % len(subjects)]))
            return (time.perf_counter() - began) * 1000

        plain, with_event = [], []
        for _ in range(1500):
            plain.append(change(recorded=False))
            with_event.append(change(recorded=True))
        sessions.engine.dispose()
    added = middle(with_event) - middle(plain)
    case = "what an event adds to a transaction, median, against what it may"
    sheet.add(case, ours=added, reference=ADDED, unit="ms", limit=1, plain=middle(plain), with_event=middle(with_event))


def test_verifying_a_long_log(
    safe_server: EmbeddedPostgres, safe_store: EmbeddedS3, tmp_path: Path, sheet: Sheet
) -> None:
    store = servers.with_own_custody(safe_store, safe_store.store_settings())
    with servers.fresh_database(safe_server) as url:
        house = log_house(url, store)
        keys = log_keys(house, tmp_path)
        fill(url, origin=house.settings.log_origin, events=EVENTS, subjects=SUBJECTS)
        enter_keys(house, keys)
        Sequencer(house, keys).lead_once()
        took = []
        for _ in range(rounds(3)):
            began = time.perf_counter()
            found = fsck.verify(house)
            took.append(time.perf_counter() - began)
            assert found.holds, found.contradicted
        case = f"verifying a log of {EVENTS:,} events, against what it may take"
        sheet.add(case, ours=middle(took), reference=VERIFIED, unit="s", limit=1)
        began = time.perf_counter()
        made = headmap.make(house)
        sheet.add(f"a head map of {made.entries:,} subjects", ours=time.perf_counter() - began, unit="s")
        house.sessions.engine.dispose()


def test_checking_a_small_package(room: Callable[[float], Path], tmp_path: Path, sheet: Sheet) -> None:
    made = make(Order(events=8, later=1), authority=Authority(tmp_path / "authority"))
    package = write(made.files, room(1) / "package")
    policy = tmp_path / "policy"
    policy.write_bytes(made.policy)
    events = made.files["custody/events.jsonl"].count(b"\n")
    program = package / "custody" / "verify.py"
    command = [sys.executable, "-I", os.fspath(program), os.fspath(package), "--policy", os.fspath(policy)]
    took = middle([run(command).wall for _ in range(rounds(9))])
    case = f"checking a package of {events} events with its own verify.py, against what it may take"
    sheet.add(case, ours=took, reference=CHECKED, unit="s", limit=1)
