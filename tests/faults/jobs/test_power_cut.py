"""A worker's machine loses power, or its cable: the database hears nothing, not even an end of the connection.

The worker lives in a network namespace of its own. Its link goes down *before* it is killed, so that the
kernel cannot say goodbye for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence.embedded import EmbeddedPostgres
from evidence.jobs import JobState
from evidence.migrations import upgrade
from tests.faults.jobs.conftest import Record
from tests.integration.evidence.jobs.yard import BRISK, Yard, eventually, is_alive

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

HERE, THERE = "10.213.77.1", "10.213.77.2"


@dataclass(frozen=True)
class Island:
    """A network namespace behind one cable."""

    name: str
    link: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        ip("link", "set", self.link, "down")

    def mend(self) -> None:
        ip("link", "set", self.link, "up")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def island() -> Iterator[Island]:
    made = Island(f"continuity-{os.getpid()}", f"cont{os.getpid()}")
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("cutting a cable needs root and `ip`")
    try:
        ip("netns", "add", made.name)
        ip("link", "add", made.link, "type", "veth", "peer", "name", "eth0", "netns", made.name)
    except subprocess.CalledProcessError as error:
        subprocess.run(["ip", "netns", "delete", made.name], check=False, capture_output=True)
        pytest.skip(f"this machine allows no network namespaces: {error.stderr.decode().strip()}")
    try:
        ip("address", "add", f"{HERE}/30", "dev", made.link)
        made.mend()
        ip("-n", made.name, "address", "add", f"{THERE}/30", "dev", "eth0")
        ip("-n", made.name, "link", "set", "eth0", "up")
        yield made
    finally:
        ip("netns", "delete", made.name)
        subprocess.run(["ip", "link", "delete", made.link], check=False, capture_output=True)


@pytest.fixture
def server(servers_folder: Path, tmp_path: Path, island: Island) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that also listens at the near end of the cable."""
    listen = {"listen_addresses": f"127.0.0.1,{HERE}", "shared_buffers": "64MB"}
    with EmbeddedPostgres(servers_folder / tmp_path.name, settings=listen) as made:
        rules = made.home / "cluster" / "pg_hba.conf"
        rules.write_text(f"{rules.read_text()}\nhost all all {THERE}/32 scram-sha-256\n")
        assert made.pid is not None
        os.kill(made.pid, signal.SIGHUP)
        upgrade(made.ensure_database("jobs"))
        yield made


def worker_on(yard: Yard, island: Island) -> subprocess.Popen[bytes]:
    """A worker on the island, known to the database."""
    worker = yard.start(prefix=island.prefix, url=yard.url.replace("127.0.0.1", HERE))
    eventually("it reports itself", yard.reports)
    return worker


def backends_of(yard: Yard, address: str) -> int:
    """The database's connections to an address, alive or not."""
    return len(yard.rows("SELECT 1 FROM pg_stat_activity WHERE client_addr = %s::inet", address))


def test_power_cut(yard: Yard, island: Island, record: Record) -> None:
    lost = worker_on(yard, island)
    [job] = yard.enqueue("child", seconds=60, again=1, result=1)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    assert began["pid"] == lost.pid
    yard.worker()
    island.cut()
    lost.kill()
    lost.wait()
    cut = time.monotonic()
    eventually("it starts again", lambda: len(yard.said("began", job)) == 2)
    again = time.monotonic() - cut
    assert not is_alive(began["child"])
    left = backends_of(yard, THERE)
    assert left > 0, "the database noticed the end, so this was no power cut"
    eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert yard.results() == [(job, 1)]
    record(
        f"power cut, beat {BRISK['beat']} s, stall {BRISK['stall']} s",
        started_again_s=again,
        dead_connections_left=left,
    )


def test_a_cable_pulled_and_put_back(yard: Yard, island: Island, record: Record) -> None:
    """Cut off for longer than the stall limit, and still working: it wakes to find its job another's."""
    away = worker_on(yard, island)
    [job] = yard.enqueue("child", seconds=60, again=8, result=1)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    yard.worker()
    island.cut()
    cut = time.monotonic()
    eventually("it starts elsewhere", lambda: len(yard.said("began", job)) == 2)
    again = time.monotonic() - cut
    island.mend()
    mended = time.monotonic()
    eventually("the first child is stopped", lambda: not is_alive(began["child"]), within=25)
    stopped = time.monotonic() - mended
    eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED, within=40)
    assert yard.results() == [(job, 1)]
    assert [line["attempt"] for line in yard.said("stopped", job)] == [0]
    [later] = yard.enqueue("note")
    eventually("work goes on", lambda: yard.said("noted", later))
    assert away.poll() is None
    record("cable pulled past the stall limit, put back", started_again_s=again, first_child_stopped_after_s=stopped)
