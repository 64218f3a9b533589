"""A person cancels a job that runs."""

from __future__ import annotations

from sqlalchemy.orm import Session

from evidence.jobs import JobState, RunningJob, TaskSpec, cancel
from tests.integration.evidence.jobs.yard import Yard, eventually, is_alive, working


def test_the_child_is_gone_and_the_job_is_stopped(yard: Yard, session: Session) -> None:
    yard.worker(poll=60.0)
    [job] = yard.enqueue("child", seconds=60)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    assert cancel(session, job)
    assert is_alive(began["child"])
    session.commit()
    eventually("the child is gone", lambda: not is_alive(began["child"]), within=20)
    eventually("it is stopped", lambda: yard.status(job).state is JobState.STOPPED)
    assert yard.raw_state(job) == "aborted"
    assert yard.failures(job) == []
    assert not cancel(session, job)


def test_a_cancelled_job_is_never_tried_again(yard: Yard, session: Session) -> None:
    """Its handler fails with the very error that would otherwise be tried again; the error is put on record."""

    def run(job: RunningJob) -> None:
        assert job.stopping.wait(20)
        raise OSError("the child ended with signal 15")

    spec = TaskSpec(name="test.job", queue="test", priority=0, run=run, retry_on=(OSError,))
    with working(yard.url, spec):
        [job] = yard.enqueue("job")
        eventually("it runs", lambda: yard.status(job).state is JobState.RUNNING)
        cancel(session, job)
        session.commit()
        eventually("it is stopped", lambda: yard.status(job).state is JobState.STOPPED)
    [row] = yard.failures(job)
    assert (row["reason"], row["final"]) == ("error", False)


def test_a_job_that_was_done_before_it_heard_has_succeeded(yard: Yard, session: Session) -> None:
    spec = TaskSpec(name="test.job", queue="test", priority=0, run=lambda job: void(job.stopping.wait(20)))
    with working(yard.url, spec):
        [job] = yard.enqueue("job")
        eventually("it runs", lambda: yard.status(job).state is JobState.RUNNING)
        cancel(session, job)
        session.commit()
        eventually("it has succeeded", lambda: yard.status(job).state is JobState.SUCCEEDED)


def void(_: object) -> None:
    """Turns an expression into a statement."""
