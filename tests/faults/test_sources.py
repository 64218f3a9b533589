"""What cameras do to a file while it is read: unplugged, grown, cut, taken away, replaced; and two docks on one folder.

The agent is held to so few bytes a second that each file is under way for several seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from evidence import clock
from evidence.models import DockingSession, Incident, Master, Receipt
from evidence.vocabulary import IncidentKind
from tests.faults.cargo import MIB, Article, Cargo, digest_of
from tests.faults.conftest import Record
from tests.faults.other_docks import other_dock
from tests.faults.reckoning import await_half_sent, key_of, octets_sent, opened, receipts_of
from tests.faults.striking import seed, settle, workshop_beside
from tests.faults.system import System

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

# More than the agent holds in memory: at half of it the end has not been read.
SIZE = 256 * MIB
SPEED = {"CONTINUITY_AGENT_BANDWIDTH_MIB_PER_SECOND": "32"}


@pytest.fixture(scope="module")
def system(module_place: Path) -> Iterator[System]:
    with System(module_place / "data", [module_place / "dock"], settings=SPEED) as made:
        yield made


@pytest.fixture(scope="module")
def cargo(system: System) -> Cargo:
    return Cargo(system.docks[0], workshop_beside(system.data), seed())


def masters_named(system: System, sha256: str) -> int:
    """How many masters have these bytes."""
    with opened(system) as house, house.reading() as session:
        return len(session.scalars(select(Master.id).where(Master.sha256 == sha256)).all())


def octets_with_server(system: System, articles: Sequence[Article]) -> int:
    """Bytes of these files that are receipted, or at least in the store."""
    receipted = receipts_of(system)
    return sum(each.size if key_of(each) in receipted else octets_sent(system, each) for each in articles)


def test_it_grows_while_it_is_read(system: System, cargo: Cargo, record: Record) -> None:
    since = clock.now()
    begun = cargo.dock_file("camera-grows", "grows.bin", SIZE)
    await_half_sent(system, begun)
    cargo.forget(begun)
    with begun.path.open("ab") as file:
        for _ in range(20):
            file.write(os.urandom(MIB // 4))
            file.flush()
            time.sleep(0.1)  # a recorder at work
    cargo.count("camera-grows", begun.path, digest_of(begun.path))
    record("a file grows while it is read", settle(system, cargo, since=since))
    assert masters_named(system, begun.sha256) == 0


def test_it_shrinks_while_it_is_read(system: System, cargo: Cargo, record: Record) -> None:
    since = clock.now()
    begun = cargo.dock_file("camera-shrinks", "shrinks.bin", SIZE)
    await_half_sent(system, begun)
    cargo.forget(begun)
    os.truncate(begun.path, SIZE // 3 + 5)
    cargo.count("camera-shrinks", begun.path, digest_of(begun.path))
    record("a file shrinks while it is read", settle(system, cargo, since=since))
    assert masters_named(system, begun.sha256) == 0


def test_it_vanishes_while_it_is_read(system: System, cargo: Cargo, record: Record) -> None:
    """It stays whole behind the handle that reads it, so its bytes are kept."""
    since = clock.now()
    article = cargo.dock_file("camera-vanishes", "vanishes.bin", SIZE)
    await_half_sent(system, article)
    article.path.unlink()
    cargo.is_gone(article)
    record("a file vanishes while it is read", settle(system, cargo, since=since))


def test_it_is_replaced_while_it_is_read(system: System, cargo: Cargo, record: Record) -> None:
    """Both are evidence: what was there, and what came in its place under the same name."""
    since = clock.now()
    article = cargo.dock_file("camera-replaces", "replaced.bin", SIZE)
    made, sha256 = cargo.make("replaced.bin", SIZE // 4)
    await_half_sent(system, article)
    cargo.is_gone(article)
    cargo.put("camera-replaces", made, sha256)
    record("a file is replaced while it is read", settle(system, cargo, since=since))
    with opened(system) as house, house.reading() as session:
        flagged = session.scalars(select(Incident).where(Incident.kind == IncidentKind.SAME_NAME_OTHER_BYTES)).all()
    assert [flag for flag in flagged if "replaced.bin" in flag.reason]


def test_a_camera_is_unplugged_at_half_and_docked_again(system: System, cargo: Cargo, record: Record) -> None:
    since, aside = clock.now(), system.docks[0].with_name("in-a-hand")
    files = [cargo.make(f"patrol-{number:02}.bin", SIZE // 4) for number in range(10)]
    articles = [cargo.put("camera-unplugged", made, sha256) for made, sha256 in files]
    half = sum(article.size for article in articles) // 2
    system.until(lambda: octets_with_server(system, articles) >= half, within=300, what="half of the camera")
    (system.docks[0] / "camera-unplugged").rename(aside)

    def is_closed() -> bool:
        with opened(system) as house, house.reading() as session:
            of_it = select(DockingSession).where(DockingSession.device_label == "camera-unplugged")
            return all(docking.closed_at for docking in session.scalars(of_it))

    system.until(is_closed, within=120, what="the wall saying that the camera is gone")
    with opened(system) as house, house.reading() as session:
        receipts = len(session.scalars(select(Receipt.id)).all())
    aside.rename(system.docks[0] / "camera-unplugged")
    record("a camera is unplugged at half and docked again", settle(system, cargo, since=since), receipts_then=receipts)


def test_two_docks_watch_one_folder(system: System, cargo: Cargo, record: Record) -> None:
    """Each has its own receipts; the bytes are registered once."""
    since = clock.now()
    with other_dock(system, "Second dock", folder=system.docks[0]):
        for number in range(4):
            cargo.dock_file("camera-shared", f"shared-{number}.bin", SIZE // 4)
        reckoning = settle(system, cargo, since=since)
    record("two docks watch one folder", reckoning, moments=2)


def test_the_clock_of_a_dock_is_set_back(system: System, cargo: Cargo, record: Record) -> None:
    """To it, every file then comes from the future. The offset is written down, and nothing else follows from it."""
    since, folder = clock.now(), system.docks[0].with_name("dock-with-a-slow-clock")
    there = cargo.elsewhere(folder)
    with other_dock(system, "Dock with a slow clock", folder=folder, program="tests.faults.another_clock") as dock:
        first = there.dock_file("camera-before", "before.bin", SIZE // 2)
        system.until(lambda: octets_sent(system, first), within=120, what="a beginning")
        dock.set_clock_back()
        for number in range(3):
            there.dock_file("camera-after", f"after-{number}.bin", SIZE // 16 + number)
        reckoning = settle(system, cargo, since=since)
    record("the clock of a dock is set back two hours", reckoning)
    with opened(system) as house, house.reading() as session:
        docked = select(DockingSession).where(DockingSession.device_label == "camera-after")
        offsets = [docking.clock_offset_ms or 0 for docking in session.scalars(docked)]
        wrong = session.scalars(select(Incident).where(Incident.kind == IncidentKind.CLOCK_WRONG)).all()
    assert [abs(offset + 7_200_000) < 60_000 for offset in offsets] == [True]
    assert len(wrong) == 1
