"""A job commits with the caller's rows or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from evidence.jobs import JobRequest, JobState, cancel, enqueue, enqueue_all, status
from tests.integration.evidence.jobs.yard import Yard

REQUEST = JobRequest(task="test.note", args={"master": "m1", "size": 7}, queue="test", priority=20, lock="one")


def row(session: Session, number: int) -> None:
    session.execute(text("INSERT INTO test_result VALUES (:n, 0)"), {"n": number})


def left(yard: Yard) -> tuple[int, int]:
    """How many rows and how many jobs a new session sees."""
    found = yard.rows("SELECT (SELECT count(*) FROM test_result) AS a, (SELECT count(*) FROM procrastinate_jobs) AS b")[
        0
    ]
    return found["a"], found["b"]


def test_row_and_job_commit_together(yard: Yard, session: Session) -> None:
    row(session, 1)
    job = enqueue(session, REQUEST)
    assert left(yard) == (0, 0)
    session.commit()
    assert left(yard) == (1, 1)
    found = status(session, [job])[job]
    assert (found.state, found.queue, found.task, found.priority) == (JobState.WAITING, "test", "test.note", 20)
    stored = yard.rows("SELECT args, lock FROM procrastinate_jobs")[0]
    assert stored == {"args": {"master": "m1", "size": 7}, "lock": "one"}


def test_neither_is_there_after_a_rollback(yard: Yard, session: Session) -> None:
    job = enqueue(session, REQUEST)
    row(session, 1)
    session.rollback()
    assert left(yard) == (0, 0)
    assert status(session, [job]) == {}


def test_a_savepoint_takes_its_job_with_it(yard: Yard, session: Session) -> None:
    row(session, 1)
    with session.begin_nested() as savepoint:
        enqueue(session, REQUEST)
        row(session, 2)
        savepoint.rollback()
    kept = enqueue(session, REQUEST)
    session.commit()
    assert left(yard) == (1, 1)
    assert status(session, [kept])[kept].state is JobState.WAITING


def test_the_first_statement_of_a_savepoint_may_be_refused(yard: Yard, session: Session) -> None:
    """A raw statement straight after begin_nested() ran before the SAVEPOINT once, and poisoned all around it."""
    yard.sql("ALTER TABLE procrastinate_jobs ADD CONSTRAINT no_evil CHECK (task_name <> 'evil')")
    row(session, 1)
    with pytest.raises(IntegrityError), session.begin_nested():
        enqueue(session, JobRequest(task="evil", args={}, queue="test"))
    enqueue(session, REQUEST)
    session.commit()
    assert left(yard) == (1, 1)


def test_many_are_enqueued_in_order(yard: Yard, session: Session) -> None:
    requests = [JobRequest(task="test.note", args={"n": n}, queue="test") for n in range(500)]
    jobs = enqueue_all(session, requests)
    session.commit()
    assert [found["args"]["n"] for found in yard.rows("SELECT args FROM procrastinate_jobs ORDER BY id")] == [
        *range(500)
    ]
    assert jobs == sorted(jobs)
    assert enqueue_all(session, []) == []


def test_an_argument_that_json_cannot_hold_is_refused_at_once(session: Session) -> None:
    with pytest.raises(DBAPIError):
        enqueue(session, JobRequest(task="test.note", args={"name": "a\0b"}, queue="test"))


def test_a_waiting_job_is_cancelled_with_the_callers_commit(yard: Yard, session: Session) -> None:
    [job] = yard.enqueue("note")
    assert cancel(session, job)
    session.rollback()
    assert yard.status(job).state is JobState.WAITING
    assert cancel(session, job)
    session.commit()
    assert yard.status(job).state is JobState.CANCELLED
    assert not cancel(session, job)
    assert not cancel(session, 10**12)
