"""SIGTERM: finish what runs, keep beating, take nothing new. A second one: give back what runs."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from evidence.jobs import JobState
from tests.integration.evidence.jobs.yard import BRISK, Yard, eventually, is_alive


def test_a_draining_worker_ends_its_long_job_once(yard: Yard, tmp_path: Path) -> None:
    """The job outlasts the stall limit after SIGTERM, with a second worker waiting to take it."""
    first = yard.worker()
    [job] = yard.enqueue("child", seconds=120, until=f"{tmp_path}/go", result=1)
    eventually("it runs", lambda: yard.said("began", job))
    second = yard.worker()
    first.send_signal(signal.SIGTERM)
    told = yard.age_of(second)
    eventually("it drains", lambda: any(row["draining"] for row in yard.reports()))
    [later] = yard.enqueue("note")
    eventually("the other one takes new jobs", lambda: yard.said("noted", later))
    assert yard.said("noted", later)[0]["pid"] == second.pid
    eventually("twice the stall limit is over", lambda: yard.age_of(second) > told + 2 * BRISK["stall"])
    (tmp_path / "go").touch()
    assert first.wait(30) == 0
    assert yard.status(job).state is JobState.SUCCEEDED
    assert len(yard.said("began", job)) == len(yard.said("ended", job)) == 1
    assert yard.results() == [(job, 0)]
    assert yard.failures(job) == []
    assert len(yard.reports()) == 1


def test_a_draining_worker_still_hears_a_cancellation(yard: Yard) -> None:
    worker = yard.worker()
    [job] = yard.enqueue("child", seconds=60)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    worker.send_signal(signal.SIGTERM)
    eventually("it drains", lambda: yard.reports()[0]["draining"])
    yard.sql("SELECT procrastinate_cancel_job_v1(%s, true, false)", job)
    assert worker.wait(30) == 0
    assert yard.status(job).state is JobState.STOPPED
    assert not is_alive(began["child"])


def test_a_second_sigterm_gives_the_job_back(yard: Yard) -> None:
    first = yard.worker()
    [job] = yard.enqueue("child", seconds=60)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    other = yard.worker(poll=60.0)
    first.send_signal(signal.SIGTERM)
    eventually("it drains", lambda: any(row["draining"] for row in yard.reports()))
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    assert not is_alive(began["child"])
    second = eventually("it runs elsewhere at once", lambda: yard.said("began", job)[1:], within=20)[0]
    assert (second["pid"], second["attempt"]) == (other.pid, 1)
    assert yard.failures(job) == []


def test_the_end_of_the_drain_gives_the_job_back(yard: Yard) -> None:
    first = yard.worker(drain=0.5)
    [job] = yard.enqueue("child", seconds=60)
    eventually("it runs", lambda: yard.said("began", job))
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    assert yard.status(job).state is JobState.WAITING


def test_a_handler_that_does_not_stop_is_left_behind(yard: Yard) -> None:
    first = yard.worker(drain=0.2, stop=0.5)
    [job] = yard.enqueue("stubborn")
    eventually("it runs", lambda: yard.said("began", job))
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) != 0
    assert yard.status(job).state is JobState.WAITING
    assert yard.failures(job)[0:] == []
    assert yard.reports() == []


def test_an_idle_worker_ends_at_once(yard: Yard) -> None:
    worker = yard.worker(lanes=[{"queues": ["test"], "concurrency": 2}, {"queues": ["b", "c"], "concurrency": 1}])
    began = time.monotonic()
    worker.send_signal(signal.SIGINT)
    assert worker.wait(30) == 0
    assert time.monotonic() - began < 10
