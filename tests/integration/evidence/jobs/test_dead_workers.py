"""Workers that die, are cut off, or come back from the dead: real processes with real children."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

from evidence.jobs import JobState
from tests.integration.evidence.jobs.yard import BRISK, Yard, eventually, is_alive


def running(yard: Yard, **args: str | int) -> tuple[int, dict[str, int]]:
    """A job whose child runs: its number, and what its worker wrote at the start."""
    [job] = yard.enqueue("child", **{"seconds": 60, **args})
    [began] = eventually("the child runs", lambda: yard.said("began", job))
    return job, began


def lost(yard: Yard) -> list[tuple[str, str, int]]:
    """The children that nobody saw end: host, task, how many."""
    rows = yard.rows("SELECT host, task, count FROM child_ending WHERE ending = 'lost' ORDER BY host")
    return [(row["host"], row["task"], row["count"]) for row in rows]


def test_a_killed_workers_job_runs_again_elsewhere(yard: Yard) -> None:
    """No one but the heartbeat tells of the death, as when the whole machine is gone."""
    yard.worker(host="bench-9")
    job, began = running(yard, seconds=60)
    other = yard.worker()
    os.kill(began["pid"], signal.SIGKILL)
    killed = time.monotonic()
    second = eventually("it starts again", lambda: yard.said("began", job)[1:])[0]
    waited = time.monotonic() - killed
    assert second["pid"] == other.pid
    assert second["attempt"] == 1
    assert not is_alive(began["child"])
    # Not before the heartbeat is a stall limit old, and not much later.
    assert BRISK["stall"] - BRISK["beat"] - 0.2 < waited < BRISK["stall"] + 3 * BRISK["beat"] + 6
    assert [row["reason"] for row in yard.failures(job)] == ["worker_lost"]
    # Counted with the move: nobody saw how its child ended. The host is the one that the report names.
    assert lost(yard) == [("bench-9", "test.child", 1)]


def test_a_neighbour_sees_a_dead_process_at_once(yard: Yard) -> None:
    yard.worker(stall=600.0, watch_neighbours=True)
    job, began = running(yard)
    yard.worker(stall=600.0, watch_neighbours=True)
    os.kill(began["pid"], signal.SIGKILL)
    eventually("it starts again", lambda: len(yard.said("began", job)) == 2, within=30)
    assert not is_alive(began["child"])
    assert lost(yard) == [("unknown", "test.child", 1)], "its report went when it was declared dead"
    assert len(eventually("only the living are reported", lambda: len(yard.reports()) == 1 and yard.reports())) == 1


def test_a_worker_that_starts_again_takes_up_its_own_jobs(yard: Yard) -> None:
    yard.worker(stall=600.0, watch_neighbours=True)
    job, began = running(yard)
    os.kill(began["pid"], signal.SIGKILL)
    yard.workers[0].wait()
    yard.sql("DELETE FROM worker_report WHERE pid <> %s", began["pid"])
    yard.worker(stall=600.0, watch_neighbours=True)
    eventually("it starts again", lambda: len(yard.said("began", job)) == 2, within=30)


def test_a_stopped_process_is_not_dead_to_its_neighbour(yard: Yard) -> None:
    first = yard.worker(stall=600.0, watch_neighbours=True)
    job, _ = running(yard)
    second = yard.worker(stall=600.0, watch_neighbours=True)
    first.send_signal(signal.SIGSTOP)
    eventually("it has looked a few times", lambda: yard.age_of(second) > 6 * BRISK["beat"])
    assert len(yard.said("began", job)) == 1
    assert len(yard.reports()) == 2


def test_a_zombie_loses_its_child_and_its_say(yard: Yard) -> None:
    """Paused past the stall limit, then woken: what it still has is not its own any more."""
    first = yard.worker()
    job, began = running(yard, again=1, result=1)
    yard.worker()
    first.send_signal(signal.SIGSTOP)
    eventually("it starts elsewhere", lambda: len(yard.said("began", job)) == 2)
    first.send_signal(signal.SIGCONT)
    woken = time.monotonic()
    eventually("its child is stopped", lambda: not is_alive(began["child"]), within=30)
    stopped_after = time.monotonic() - woken
    eventually("the other one's run ends", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert yard.results() == [(job, 1)]
    assert [line["attempt"] for line in yard.said("ended", job)] == [1]
    assert stopped_after < 3 * BRISK["beat"] + 3


def test_a_zombie_cannot_commit_a_result(yard: Yard, tmp_path: Path) -> None:
    """It wakes between its last look at `stopping` and its commit: only the fence is left."""
    first = yard.worker()
    until = f"{tmp_path}/go"
    [job] = yard.enqueue("paused", until=until)
    eventually("it runs", lambda: yard.said("began", job))
    yard.worker()
    first.send_signal(signal.SIGSTOP)
    eventually("it starts elsewhere", lambda: len(yard.said("began", job)) == 2)
    Path(until).touch()
    eventually("the other one's run ends", lambda: yard.status(job).state is JobState.SUCCEEDED)
    first.send_signal(signal.SIGCONT)
    refused = eventually("the zombie is refused", lambda: yard.said("refused", job))
    assert refused[0]["attempt"] == 0
    assert yard.results() == [(job, 1)]
    assert yard.status(job).state is JobState.SUCCEEDED


def test_a_job_that_kills_its_workers_is_buried(yard: Yard) -> None:
    for _ in range(3):
        yard.worker(watch_neighbours=True)
    yard.worker(lanes=({"queues": ["other"], "concurrency": 1},), watch_neighbours=True)
    [job] = yard.enqueue("poison")
    eventually("it is buried", lambda: yard.status(job).state is JobState.FAILED)
    assert len(yard.said("began", job)) == 3
    rows = yard.failures(job)
    assert [(row["reason"], row["final"]) for row in rows] == [
        ("worker_lost", False), ("worker_lost", False), ("buried", True),
    ]  # fmt: skip
    assert "the end of 3 workers" in rows[-1]["detail"]
    assert lost(yard) == [], "it runs no children"


def test_a_job_whose_workers_were_only_cut_off_and_come_back_is_not_buried(yard: Yard, tmp_path: Path) -> None:
    workers = [yard.worker(), yard.worker()]
    job, began = running(yard, until=f"{tmp_path}/go")
    for turn in range(1, 5):
        [held] = [each for each in workers if each.pid == began["pid"]]
        held.send_signal(signal.SIGSTOP)
        began = eventually("another has it", partial(_nth_begun, yard, job, turn))
        held.send_signal(signal.SIGCONT)
        eventually("the first is refused", partial(_are_refused, yard, job, turn))
    (tmp_path / "go").touch()
    eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert yard.reasons(job).count("worker_lost") == 4


def _nth_begun(yard: Yard, job: int, turn: int) -> dict[str, Any] | None:
    begun = yard.said("began", job)
    return begun[turn] if len(begun) > turn else None


def _are_refused(yard: Yard, job: int, many: int) -> bool:
    return yard.reasons(job).count("refused") == many


def test_a_job_that_loses_its_workers_without_end_is_buried_although_they_come_back(yard: Yard) -> None:
    yard.worker()
    job, began = running(yard)
    for attempt in range(-11, 0):
        for reason in ("worker_lost", "refused"):
            yard.sql(
                "INSERT INTO job_failure (job_id, task, queue, subject, attempt, reason, detail, final)"
                " VALUES (%s, 'child', 'test', '', %s, %s, '', false)",
                job,
                attempt,
                reason,
            )
    os.kill(began["pid"], signal.SIGKILL)
    yard.worker()
    eventually("it is buried", lambda: yard.status(job).state is JobState.FAILED)
    assert "the end of 12 workers" in yard.failures(job)[-1]["detail"]


def test_a_cancelled_job_of_a_dead_worker_is_not_run_again(yard: Yard) -> None:
    yard.worker()
    job, began = running(yard)
    os.kill(began["pid"], signal.SIGSTOP)  # so that it cannot act on the cancellation itself
    yard.sql("SELECT procrastinate_cancel_job_v1(%s, true, false)", job)
    os.kill(began["pid"], signal.SIGKILL)
    yard.worker()
    eventually("it is stopped", lambda: yard.status(job).state is JobState.STOPPED)
    assert len(yard.said("began", job)) == 1


def test_a_worker_that_starts_believes_nobody_dead_at_first(yard: Yard, tmp_path: Path) -> None:
    """After an outage every heartbeat is old, also that of a worker which is just about to beat again."""
    first = yard.worker()
    job, began = running(yard, until=f"{tmp_path}/go")
    first.send_signal(signal.SIGSTOP)
    age = "SELECT 1 FROM procrastinate_workers WHERE last_heartbeat < now() - make_interval(secs => %s)"
    eventually("its heartbeat is past the stall limit", lambda: yard.rows(age, BRISK["stall"]))
    second = yard.start()
    eventually("a second worker has begun", lambda: len(yard.rows("SELECT 1 FROM procrastinate_workers")) == 2)
    first.send_signal(signal.SIGCONT)
    eventually("the second one could have judged", lambda: yard.age_of(second) > 2 * BRISK["stall"])
    (tmp_path / "go").touch()
    eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert [line["pid"] for line in yard.said("began", job)] == [began["pid"]]
    assert yard.failures(job) == []
    assert second.poll() is None
