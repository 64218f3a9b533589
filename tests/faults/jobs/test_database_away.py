"""The database restarts, crashes, or stays away while jobs run and end."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from evidence.embedded import EmbeddedPostgres
from evidence.jobs import JobState
from tests.faults.jobs.conftest import Record
from tests.integration.evidence.jobs.yard import Yard, eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def two_workers(yard: Yard, **pace: float) -> list[subprocess.Popen[bytes]]:
    return [yard.worker(**pace), yard.worker(**pace)]


def run_once(yard: Yard, job: int) -> bool:
    """The job has succeeded, in its first attempt, and nothing was put on record against it."""
    return (
        yard.status(job).state is JobState.SUCCEEDED
        and len(yard.said("began", job)) == len(yard.said("ended", job)) == 1
        and yard.failures(job) == []
    )


def still_work(yard: Yard, workers: list[subprocess.Popen[bytes]]) -> float:
    """Seconds until a new job is done; every worker must still live."""
    began = time.monotonic()
    [job] = yard.enqueue("note")
    eventually("a new job is done", lambda: yard.said("noted", job))
    assert [worker.poll() for worker in workers] == [None, None]
    return time.monotonic() - began


def test_a_restart_of_three_seconds(yard: Yard, server: EmbeddedPostgres, record: Record) -> None:
    workers = two_workers(yard)
    [job] = yard.enqueue("child", seconds=2)
    eventually("it runs", lambda: yard.said("began", job))
    server.stop()
    time.sleep(3)  # the length of the outage is what is tried
    server.start()
    back = time.monotonic()
    eventually("its outcome is stored", lambda: yard.status(job).state is JobState.SUCCEEDED)
    stored = time.monotonic() - back
    assert run_once(yard, job)
    record(
        "database restart, 3 s, job ends meanwhile", starts=1, stored_after_s=stored, next_s=still_work(yard, workers)
    )


@pytest.mark.slow
def test_forty_five_seconds_away_over_the_end(yard: Yard, server: EmbeddedPostgres, record: Record) -> None:
    """Every heartbeat is far older than the stall limit when it comes back: nobody may be taken for dead."""
    workers = two_workers(yard, stall=8.0, beat=1.5)
    [job] = yard.enqueue("child", seconds=20)
    eventually("it runs", lambda: yard.said("began", job))
    server.stop()
    time.sleep(45)  # the length of the outage is what is tried
    assert yard.said("ended", job)
    server.start()
    back = time.monotonic()
    eventually("its outcome is stored", lambda: yard.status(job).state is JobState.SUCCEEDED, within=60)
    stored = time.monotonic() - back
    assert run_once(yard, job)
    record(
        "database away 45 s over the end, stall 8 s", starts=1, stored_after_s=stored, next_s=still_work(yard, workers)
    )


def test_kill_9_of_the_server_while_jobs_flow(yard: Yard, server: EmbeddedPostgres, record: Record) -> None:
    """Three crashes; each job that was acknowledged runs, and none is lost."""
    workers = two_workers(yard)
    jobs: list[int] = []
    for crash in range(3):
        jobs += yard.enqueue("note", count=40)
        eventually("some are done", lambda enough=40 * crash + 10: len(yard.said("noted")) > enough)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        eventually("the server is gone", lambda: not server.is_running())
        server.start()
    eventually("all are done", lambda: all(yard.status(job).state is JobState.SUCCEEDED for job in jobs), within=60)
    noted = [line["job"] for line in yard.said("noted")]
    assert set(noted) == set(jobs)
    again = len(noted) - len(jobs)
    record("kill -9 of the server x3, 120 jobs", lost=0, run_again=again, next_s=still_work(yard, workers))


def test_a_worker_starts_while_the_database_is_away(yard: Yard, server: EmbeddedPostgres, record: Record) -> None:
    [job] = yard.enqueue("note")
    server.stop()
    worker = yard.start()
    time.sleep(2)  # it must be waiting, not ending
    assert worker.poll() is None
    server.start()
    back = time.monotonic()
    eventually("the job is done", lambda: yard.said("noted", job))
    record("worker started while the database is away", job_done_after_s=time.monotonic() - back)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0


def test_told_to_stop_while_the_database_is_away(yard: Yard, server: EmbeddedPostgres, record: Record) -> None:
    """A job that ended keeps the worker until its outcome is stored; a second word lets it go all the same."""
    worker = yard.worker(stop=1.0)
    [job] = yard.enqueue("child", seconds=1)
    eventually("it runs", lambda: yard.said("began", job))
    server.stop()
    eventually("the handler ends", lambda: yard.said("ended", job))
    worker.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(3)
    worker.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    worker.wait(40)
    record("stopped twice while the database is away", ended_after_s=time.monotonic() - asked)
    server.start()
    yard.worker()
    eventually("it is run again", lambda: yard.status(job).state is JobState.SUCCEEDED)
