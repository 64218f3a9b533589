"""How jobs end: done, tried again, failed with a reason, refused. One worker in a thread; nothing is killed."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.orm import Session

from evidence.jobs import (
    FailureReason,
    HeldJob,
    JobRequest,
    JobState,
    LeaseLost,
    RunningJob,
    TaskSpec,
    dismiss,
    enqueue,
    held,
    retry,
    waiting,
)
from evidence.jobs.errors import EngineVersionDiffers, LanesRefused
from evidence.jobs.outcomes import Ending
from evidence.jobs.port import Lane
from evidence.jobs.storing import Done, store, was_stored
from evidence.jobs.worker import run_worker
from tests.integration.evidence.jobs.yard import Yard, eventually, working


class StoreAway(Exception):
    """The store is away."""


def task(run: object, *, name: str = "test.job", retries: int = 3) -> TaskSpec:
    return TaskSpec(
        name=name, queue="test", priority=0, run=run, max_attempts=retries, retry_on=(StoreAway,),
        first_wait=0.05, longest_wait=0.2,
    )  # type: ignore[arg-type]  # fmt: skip


def test_a_job_runs_and_succeeds(yard: Yard) -> None:
    seen: list[RunningJob] = []
    with working(yard.url, task(seen.append)):
        [job] = yard.enqueue("job", recording="r1", size=3)
        eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert seen[0].args == {"recording": "r1", "size": 3}
    assert seen[0].held.id == job
    assert seen[0].task == "test.job"
    assert yard.failures(job) == []


def test_a_new_job_is_taken_up_at_once(yard: Yard) -> None:
    """By its notice, not by the poll, which is a minute away here."""
    taken: list[float] = []
    with working(yard.url, task(lambda _: taken.append(time.monotonic())), poll=60.0):
        eventually("the lane listens", lambda: yard.rows("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"))
        waits = []
        for n in range(30):
            began = time.monotonic()
            yard.enqueue("job", n=n)
            eventually("it is taken up", lambda n=n: len(taken) > n, within=20)
            waits.append(taken[-1] - began)
    assert sorted(waits)[15] < 2, waits


def test_no_notice_is_forgotten_in_a_burst(yard: Yard) -> None:
    """A notice that arrives during the last fetch must lead to another: the poll is a minute away here."""
    done: list[int] = []
    with working(yard.url, task(lambda job: done.append(job.held.id)), poll=60.0):
        eventually("the lane listens", lambda: yard.rows("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"))
        for _ in range(150):
            yard.enqueue("job")
        eventually("all are done", lambda: len(done) == 150, within=40)


def test_what_was_away_is_tried_again_with_pauses(yard: Yard) -> None:
    tries: list[float] = []

    def run(_: RunningJob) -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise StoreAway("the store answers 503")

    with working(yard.url, task(run), poll=0.05):
        [job] = yard.enqueue("job")
        eventually("it succeeds at last", lambda: yard.status(job).state is JobState.SUCCEEDED)
    reasons = [(row["reason"], row["detail"], row["final"], row["attempt"]) for row in yard.failures(job)]
    assert reasons == [("will_retry", "StoreAway: the store answers 503", False, n) for n in (0, 1)]
    assert tries[1] - tries[0] >= 0.05 * 0.75
    assert yard.status(job).failure is None


def test_what_stays_away_fails_and_stands_until_a_person_acts(yard: Yard, session: Session) -> None:
    is_back = threading.Event()

    def run(_: RunningJob) -> None:
        if not is_back.is_set():
            raise StoreAway("no route")

    with working(yard.url, task(run), poll=0.05):
        [job] = yard.enqueue("job", recording="r9")
        eventually("it fails", lambda: yard.status(job).state is JobState.FAILED)
        found = yard.status(job).failure
        assert found is not None
        assert (found.reason, found.detail) == (FailureReason.TRIED_OUT, "StoreAway: no route")
        assert waiting(session).queues[0].failed == 1
        is_back.set()
        assert retry(session, job)
        session.commit()
        eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert [row["acted_at"] is not None for row in yard.failures(job)] == [True] * 3
    assert waiting(session).queues == ()
    assert not retry(session, job)
    assert not dismiss(session, job)


def test_a_person_gives_a_job_all_its_tries_again(yard: Yard, session: Session) -> None:
    def run(_: RunningJob) -> None:
        raise StoreAway("no route")

    with working(yard.url, task(run, retries=2), poll=0.05):
        [job] = yard.enqueue("job")
        eventually("it fails", lambda: yard.status(job).state is JobState.FAILED)
        retry(session, job)
        session.commit()
        eventually("it fails again", lambda: yard.status(job).state is JobState.FAILED)
    assert [row["reason"] for row in yard.failures(job)] == ["will_retry", "tried_out"] * 2
    assert dismiss(session, job)
    session.commit()
    assert waiting(session).queues == ()
    assert yard.status(job).state is JobState.FAILED


def test_any_other_error_fails_at_once_with_its_words(yard: Yard) -> None:
    def run(_: RunningJob) -> None:
        raise ValueError("bad\0 name \udce9")

    with working(yard.url, task(run)):
        [job] = yard.enqueue("job", b=2, a="x")
        eventually("it fails", lambda: yard.status(job).state is JobState.FAILED)
    [row] = yard.failures(job)
    assert (row["reason"], row["final"], row["subject"]) == ("error", True, "a=x b=2")
    assert row["detail"] == "ValueError: bad\\0 name \\udce9"
    assert "in run" in row["trace"]


def test_a_task_that_nobody_knows_fails_visibly(yard: Yard) -> None:
    with working(yard.url, task(lambda _: None)):
        [job] = yard.enqueue("elsewhere")
        eventually("it fails", lambda: yard.status(job).state is JobState.FAILED)
    [row] = yard.failures(job)
    assert row["reason"] == "unknown_task"
    assert "knows no task 'test.elsewhere'" in row["detail"]


def test_a_job_that_cannot_wait_beside_its_twin_fails_visibly(yard: Yard) -> None:
    """The engine's own lock for waiting jobs would leave it running for ever."""
    is_there = threading.Event()

    def run(_: RunningJob) -> None:
        is_there.wait(20)
        raise StoreAway("no route")

    insert = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, scheduled_at)"
        " VALUES ('test', 'test.job', 'twin', now() + make_interval(days => %s)) RETURNING id"
    )
    [first] = yard.rows(insert, 0)
    with working(yard.url, task(run)):
        eventually("the first runs", lambda: yard.status(first["id"]).state is JobState.RUNNING)
        [second] = yard.rows(insert, 1)
        is_there.set()
        eventually("the first fails", lambda: yard.status(first["id"]).state is JobState.FAILED)
    assert yard.failures(first["id"])[0]["reason"] == "twin_waits"
    assert yard.status(second["id"]).state is JobState.WAITING


def test_progress_is_shown_while_it_runs_and_gone_after(yard: Yard) -> None:
    go_on = threading.Event()

    def run(job: RunningJob) -> None:
        for n in range(1000):
            job.report("transcoding", n / 1000)
        job.report("uploading\0", 1.5)
        go_on.wait(20)

    with working(yard.url, task(run)):
        [job] = yard.enqueue("job")
        shown = eventually("progress is written", lambda: yard.status(job).progress)
        assert (shown.phase, shown.fraction) == ("uploading\\0", 1.0)
        go_on.set()
        eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert yard.rows("SELECT * FROM job_progress") == []


def test_jobs_with_the_same_lock_run_one_after_the_other(yard: Yard, session: Session) -> None:
    at_once: list[int] = []
    most: list[int] = []

    def run(job: RunningJob) -> None:
        at_once.append(job.held.id)
        most.append(len(at_once))
        time.sleep(0.02)
        at_once.remove(job.held.id)

    jobs = [enqueue(session, JobRequest(task="test.job", args={}, queue="test", lock="kitchen")) for _ in range(6)]
    session.commit()
    with working(yard.url, task(run), poll=0.05):
        eventually("all are done", lambda: all(yard.status(job).state is JobState.SUCCEEDED for job in jobs))
    assert max(most) == 1


def test_the_more_urgent_is_fetched_first(yard: Yard, session: Session) -> None:
    order: list[int] = []
    for urgency in (0, 20, 100, -20):
        request = JobRequest(task="test.job", args={"n": urgency}, queue="test", priority=urgency, lock="one")
        enqueue(session, request)
    session.commit()
    with working(yard.url, task(lambda job: order.append(int(job.args["n"]))), poll=0.05):
        eventually("all are done", lambda: len(order) == 4)
    assert order == [100, 20, 0, -20]


def test_the_fence_knows_whose_attempt_it_is(yard: Yard, session: Session) -> None:
    go_on = threading.Event()
    seen: list[RunningJob] = []

    def run(job: RunningJob) -> None:
        seen.append(job)
        go_on.wait(20)

    with working(yard.url, task(run)):
        [job] = yard.enqueue("job")
        eventually("it runs", lambda: seen)
        mine = seen[0].held
        held(session, mine)
        session.commit()
        for other in (HeldJob(job, mine.owner + 1, mine.attempt), HeldJob(job, mine.owner, mine.attempt + 1)):
            with pytest.raises(LeaseLost, match=str(job)):
                held(session, other)
            session.rollback()
        go_on.set()
        eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    with pytest.raises(LeaseLost):
        held(session, mine)


def test_an_outcome_whose_acknowledgement_was_lost_is_found_stored(yard: Yard) -> None:
    """The connection breaks between the commit and its answer; the second try finds the lease gone by our own doing."""
    [job] = yard.enqueue("job")
    worker = yard.rows("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")[0]["id"]
    yard.sql("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s", worker, job)
    done = Done(
        lease=HeldJob(job, worker, 0), task="test.job", queue="test", args={}, spec=None, ending=Ending(error=None)
    )

    async def store_twice() -> list[object]:
        async with AsyncConnectionPool(yard.url, min_size=1, open=False, kwargs={"autocommit": True}) as pool:
            before = await was_stored(pool, done)
            first, second = await store(pool, done), await store(pool, done)
            return [before, first, second, await was_stored(pool, done)]

    before, first, second, after = asyncio.run(store_twice())
    assert (before, second, after) == (False, None, True)
    assert first is not None
    assert yard.status(job).state is JobState.SUCCEEDED


def test_an_outcome_that_is_not_ours_to_give_is_refused_and_recorded(yard: Yard) -> None:
    go_on = threading.Event()

    def run(_: RunningJob) -> None:
        go_on.wait(20)

    with working(yard.url, task(run), beat=10.0):
        [job] = yard.enqueue("job")
        eventually("it runs", lambda: yard.status(job).state is JobState.RUNNING)
        yard.sql("UPDATE procrastinate_jobs SET attempts = attempts + 1 WHERE id = %s", job)
        go_on.set()
        eventually("the refusal is on record", lambda: yard.failures(job))
    [row] = yard.failures(job)
    assert (row["reason"], row["final"]) == ("refused", False)
    assert yard.raw_state(job) == "doing"


def test_a_job_whose_hand_over_was_lost_is_let_go_and_run(yard: Yard) -> None:
    """As when the connection breaks between the fetch's commit and its answer: the owner lives, and knows nothing."""
    ran: list[RunningJob] = []
    with working(yard.url, task(ran.append), beat=0.1):
        [worker] = eventually("the worker is known", yard.reports)
        yard.sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
            " VALUES ('test', 'test.job', 'doing', %s)",
            worker["lanes"][0]["worker"],
        )
        eventually("it is run after all", lambda: ran)
        job = ran[0].held.id
        eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    assert [row["reason"] for row in yard.failures(job)] == ["worker_lost"]
    assert "never arrived" in yard.failures(job)[0]["detail"]


def test_the_worker_says_who_it_is_and_takes_it_back(yard: Yard, session: Session) -> None:
    with working(yard.url, task(lambda _: None)):
        eventually("the worker is known", yard.reports)
        [line] = waiting(session).workers
        assert [lane["queues"] for lane in line.lanes] == [["test"]]
        assert line.age < 5
        assert not line.draining
    session.rollback()
    assert waiting(session).workers == ()


def test_the_summary_counts_what_waits(yard: Yard, session: Session) -> None:
    jobs = yard.enqueue("job", count=3)
    yard.enqueue("job", count=2, queue="other")
    yard.sql("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE id = %s", jobs[2])
    yard.sql("UPDATE procrastinate_events SET at = at - interval '90 seconds' WHERE job_id = %s", jobs[0])
    lines = {line.queue: line for line in waiting(session).queues}
    assert (lines["test"].waiting, lines["test"].later, lines["test"].running) == (2, 1, 0)
    assert 89 < (lines["test"].oldest_age or 0) < 120
    assert lines["other"].waiting == 2
    assert lines["test"].eta is None


def test_the_summary_knows_how_long_it_will_take(yard: Yard, session: Session) -> None:
    with working(yard.url, task(lambda _: None)):
        jobs = yard.enqueue("job", count=10)
        eventually("all are done", lambda: all(yard.status(job).state is JobState.SUCCEEDED for job in jobs))
    yard.sql("UPDATE procrastinate_events SET at = at - interval '1 minute' WHERE job_id = %s", jobs[0])
    yard.enqueue("job", count=20)
    [line] = waiting(session).queues
    assert 8 < line.per_minute <= 10
    assert 120 <= (line.eta or 0) < 150


def test_lanes_that_do_not_fit_are_refused(yard: Yard) -> None:
    double = [task(print), task(print)]
    for tasks, lanes in ((double, [Lane(("test",), 1)]), ([], []), ([], [Lane((), 1)]), ([], [Lane(("test",), 0)])):
        with pytest.raises(LanesRefused):
            run_worker(yard.url, tasks, lanes)


def test_a_database_with_another_engine_is_refused(yard: Yard) -> None:
    yard.sql("COMMENT ON TABLE procrastinate_jobs IS 'procrastinate 3.0.0'")
    with pytest.raises(EngineVersionDiffers, match="continuity migrate"):
        run_worker(yard.url, [], [Lane(("test",), 1)])
