"""The store answers with errors, slowly, or not at all; the network is cut in the middle of a part.

A bad line lies between agent and store, or the store itself is stopped. Files wait with a reason, and arrive once
the trouble is over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from evidence import clock
from evidence.embedded import EmbeddedS3
from evidence.models import ListedFile
from tests.faults.bad_line import BadLine
from tests.faults.cargo import MIB, Article, Cargo
from tests.faults.conftest import Record
from tests.faults.reckoning import opened
from tests.faults.striking import seed, settle, workshop_beside
from tests.faults.system import Part, System

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SIZE = int(os.environ.get("FAULTS_TROUBLE_MIB", "96")) * MIB
AWAY = 20.0  # seconds; longer than the tries in a row of one part
WEATHER = {
    "the store answers 500": "answer 500",
    "the store answers 503 before it has listened": "answer-early 503",
    "the network is cut in the middle of a part": f"cut {5 * MIB}",
    "the store refuses connections": "refuse",
    "the store takes connections and never answers": "hang",
}


@pytest.fixture(scope="module")
def line() -> Iterator[BadLine]:
    with BadLine() as made:
        yield made


@pytest.fixture(scope="module")
def system(module_place: Path, line: BadLine) -> Iterator[System]:
    settings = {"CONTINUITY_S3_PUBLIC_ENDPOINT": line.url}
    with System(module_place / "data", [module_place / "dock"], settings=settings) as made:
        address = urlsplit(EmbeddedS3(made.data).endpoint)
        line.tell(f"to {address.hostname} {address.port}")
        yield made


@pytest.fixture(scope="module")
def cargo(system: System) -> Cargo:
    return Cargo(system.docks[0], workshop_beside(system.data), seed())


def reason_shown(system: System, article: Article) -> str | None:
    """Why the file waits, as the wall shows it."""
    with opened(system) as house, house.reading() as session:
        lines = select(ListedFile.reason).where(ListedFile.name_raw == article.name, ListedFile.size == article.size)
        return session.scalars(lines.order_by(ListedFile.listed_at.desc()).limit(1)).first()


@pytest.mark.parametrize("fault", WEATHER)
def test_nothing_can_be_sent_for_a_while(
    fault: str, system: System, cargo: Cargo, line: BadLine, record: Record
) -> None:
    since, before = clock.now(), line.tell(WEATHER[fault])
    article = cargo.dock_file(f"camera-{len(cargo.articles)}", "shift.bin", SIZE)
    system.until(lambda: line.tell("count") > before, within=120, what="trouble")

    def tells_why() -> bool:
        return "store" in (reason_shown(system, article) or "").lower()

    try:
        system.until(tells_why, within=300, what="a reason on the wall that names the store")
        spoilt = line.tell("count") - before
    finally:
        line.tell("calm")
    record(fault, settle(system, cargo, since=since), moments=spoilt)


def test_the_store_is_slow(system: System, cargo: Cargo, line: BadLine, record: Record) -> None:
    since, before = clock.now(), line.tell(f"slow {4 * MIB}")
    cargo.dock_file(f"camera-{len(cargo.articles)}", "shift.bin", SIZE)
    try:
        reckoning = settle(system, cargo, since=since)
        spoilt = line.tell("count") - before
    finally:
        line.tell("calm")
    assert spoilt > 0
    record("the store takes 4 MiB/s", reckoning, moments=spoilt)


def test_the_network_is_cut_again_and_again(system: System, cargo: Cargo, line: BadLine, record: Record) -> None:
    """Each change of weather breaks every connection that is open."""
    since = clock.now()
    article = cargo.dock_file(f"camera-{len(cargo.articles)}", "shift.bin", SIZE)
    cuts = 0
    while cuts < 10 and reason_shown(system, article) is None:
        line.tell("calm")
        cuts += 1
        time.sleep(0.7)  # between one cut and the next
    record("every connection to the store is cut", settle(system, cargo, since=since), moments=cuts)


def test_the_store_stands_still(system: System, cargo: Cargo, record: Record) -> None:
    """Stopped in the middle of an intake, for everybody: agent, desk and workers."""
    since = clock.now()
    cargo.dock_file(f"camera-{len(cargo.articles)}", "shift.bin", SIZE)
    time.sleep(1.0)  # into the middle of it
    system.pause(Part.S3)
    try:
        time.sleep(AWAY)
    finally:
        system.wake(Part.S3)
    record(f"the store stands still for {AWAY:.0f} s", settle(system, cargo, since=since))


def test_the_database_restarts(system: System, cargo: Cargo, record: Record) -> None:
    since, restarts = clock.now(), 3
    for number in range(restarts):
        cargo.dock_file(f"camera-{len(cargo.articles)}", f"restart-{number}.bin", SIZE // restarts)
        time.sleep(0.5)  # into the middle of it
        system.restart_database()
    record("the database restarts", settle(system, cargo, since=since), moments=restarts)
