"""SIGTERM: finish what runs, keep beating, take nothing new. A second one: give back what runs."""

from __future__ import annotations

import signal
import time

from evidence.jobs import JobState
from tests.integration.evidence.jobs.yard import BRISK, Yard, eventually, is_alive


def test_a_draining_worker_ends_its_long_job_once(yard: Yard) -> None:
    """The job outlasts the stall limit after SIGTERM, with a second worker waiting to take it."""
    first = yard.worker()
    [job] = yard.enqueue("child", seconds=6, result=1)
    eventually("it runs", lambda: yard.said("began", job))
    yard.worker()
    first.send_signal(signal.SIGTERM)
    [later] = yard.enqueue("child", seconds=0)
    eventually("the other one takes new jobs", lambda: yard.status(later).state is JobState.SUCCEEDED)
    assert yard.said("began", later)[0]["pid"] != first.pid
    assert first.wait(30) == 0
    assert yard.status(job).state is JobState.SUCCEEDED
    assert len(yard.said("began", job)) == len(yard.said("ended", job)) == 1
    assert yard.said("ended", job)[0]["at"] - yard.said("began", later)[0]["at"] > BRISK["stall"]
    assert yard.results() == [(job, 0)]
    assert yard.failures(job) == []
    assert len(yard.reports()) == 1


def test_a_draining_worker_says_so(yard: Yard) -> None:
    worker = yard.worker()
    [job] = yard.enqueue("child", seconds=2)
    eventually("it runs", lambda: yard.said("began", job))
    worker.send_signal(signal.SIGTERM)
    eventually("it says that it drains", lambda: yard.reports()[0]["draining"], within=2)
    assert worker.wait(30) == 0


def test_a_draining_worker_still_hears_a_cancellation(yard: Yard) -> None:
    worker = yard.worker()
    [job] = yard.enqueue("child", seconds=60)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    worker.send_signal(signal.SIGTERM)
    eventually("it drains", lambda: yard.reports()[0]["draining"])
    yard.sql("SELECT procrastinate_cancel_job_v1(%s, true, false)", job)
    assert worker.wait(15) == 0
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
    assert first.wait(10) == 0
    assert not is_alive(began["child"])
    second = eventually("it runs elsewhere at once", lambda: yard.said("began", job)[1:], within=3)[0]
    assert (second["pid"], second["attempt"]) == (other.pid, 1)
    assert yard.failures(job) == []


def test_the_end_of_the_drain_gives_the_job_back(yard: Yard) -> None:
    first = yard.worker(drain=0.5)
    [job] = yard.enqueue("child", seconds=60)
    eventually("it runs", lambda: yard.said("began", job))
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
    assert yard.status(job).state is JobState.WAITING


def test_a_handler_that_does_not_stop_is_left_behind(yard: Yard) -> None:
    first = yard.worker(drain=0.2, stop=0.5)
    [job] = yard.enqueue("stubborn")
    eventually("it runs", lambda: yard.said("began", job))
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) != 0
    assert yard.status(job).state is JobState.WAITING
    assert yard.failures(job)[0:] == []
    assert yard.reports() == []


def test_an_idle_worker_ends_at_once(yard: Yard) -> None:
    worker = yard.worker(lanes=[{"queues": ["test"], "concurrency": 2}, {"queues": ["b", "c"], "concurrency": 1}])
    began = time.monotonic()
    worker.send_signal(signal.SIGINT)
    assert worker.wait(10) == 0
    assert time.monotonic() - began < 3
