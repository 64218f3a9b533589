"""Job rows are not kept for ever, and none waits for ever."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from evidence.jobs import JobRequest, dismiss, enqueue
from evidence.jobs import schema as engine_schema
from evidence.jobs.errors import EngineVersionDiffers
from evidence.jobs.upkeep import age_waiting, clear_finished
from tests.integration.evidence.jobs.yard import Yard

LEFT_OVER = """
SELECT proname FROM pg_proc WHERE starts_with(proname, 'procrastinate_')
UNION ALL SELECT typname FROM pg_type WHERE starts_with(typname, 'procrastinate_')"""


def ended(yard: Yard, state: str, *, days_ago: int) -> int:
    """A job that ended so long ago."""
    [job] = yard.enqueue("job")
    yard.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", job)
    yard.sql("UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status WHERE id = %s", state, job)
    yard.sql("UPDATE procrastinate_events SET at = now() - make_interval(days => %s) WHERE job_id = %s", days_ago, job)
    return job


def failure(yard: Yard, job: int) -> None:
    yard.sql(
        "INSERT INTO job_failure (job_id, task, queue, subject, attempt, reason, detail, final, at)"
        " VALUES (%s, 'test.job', 'test', '', 0, 'error', 'E: no', true, now() - interval '9 days')",
        job,
    )


def jobs_left(yard: Yard) -> set[int]:
    return {row["id"] for row in yard.rows("SELECT id FROM procrastinate_jobs")}


def test_what_ended_long_ago_is_cleared_and_open_failures_stay(yard: Yard, session: Session) -> None:
    for state in ("succeeded", "aborted", "succeeded"):
        ended(yard, state, days_ago=8)
    unexplained = ended(yard, "failed", days_ago=8)
    seen, unseen = ended(yard, "failed", days_ago=8), ended(yard, "failed", days_ago=8)
    for job in (seen, unseen):
        failure(yard, job)
    dismiss(session, seen)
    session.commit()
    [waiting] = yard.enqueue("job")
    yard.sql("UPDATE procrastinate_events SET at = now() - interval '8 days' WHERE job_id = %s", waiting)
    young = ended(yard, "succeeded", days_ago=6)
    with psycopg.connect(yard.url, autocommit=True) as db:
        assert clear_finished(db, step=2) == 4
    assert jobs_left(yard) == {unexplained, unseen, waiting, young}
    assert [row["job_id"] for row in yard.rows("SELECT job_id FROM job_failure")] == [unseen]


def test_clearing_ends_where_the_young_begin(yard: Yard) -> None:
    """It never reads the whole table: the first step that is all young is the last."""
    old = [ended(yard, "succeeded", days_ago=30) for _ in range(3)]
    yard.enqueue("job", count=5)
    hidden = ended(yard, "succeeded", days_ago=30)
    with psycopg.connect(yard.url, autocommit=True) as db:
        assert clear_finished(db, step=4) == len(old)
    assert hidden in jobs_left(yard)


def test_workers_of_the_past_are_forgotten(yard: Yard) -> None:
    yard.sql(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES ('-infinity'), (now()), (now() - interval '2 d')"
    )
    [job] = yard.enqueue("job")
    yard.sql("UPDATE procrastinate_jobs SET worker_id = (SELECT max(id) FROM procrastinate_workers) WHERE id = %s", job)
    with psycopg.connect(yard.url, autocommit=True) as db:
        clear_finished(db)
    assert len(yard.rows("SELECT * FROM procrastinate_workers")) == 2


def test_what_waits_long_rises_up_to_the_hot_queues(yard: Yard, session: Session) -> None:
    def request(priority: int) -> int:
        return enqueue(session, JobRequest(task="test.job", args={}, queue="test", priority=priority))

    old, older, hot, young = request(-20), request(59), request(80), request(-20)
    session.commit()
    for job in (old, older, hot):
        yard.sql("UPDATE procrastinate_events SET at = now() - interval '1 hour' WHERE job_id = %s", job)
    with psycopg.connect(yard.url, autocommit=True) as db:
        assert [age_waiting(db) for _ in range(3)] == [2, 1, 1]
    found = {row["id"]: row["priority"] for row in yard.rows("SELECT id, priority FROM procrastinate_jobs")}
    assert found == {old: -17, older: 60, hot: 80, young: -20}


def test_a_job_that_waits_for_its_time_does_not_rise(yard: Yard) -> None:
    first, second = yard.enqueue("job", count=2)
    yard.sql("UPDATE procrastinate_events SET at = now() - interval '1 hour'")
    yard.sql("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE id = %s", first)
    yard.sql("UPDATE procrastinate_jobs SET scheduled_at = now() - interval '1 hour' WHERE id = %s", second)
    events = len(yard.rows("SELECT 1 FROM procrastinate_events"))
    with psycopg.connect(yard.url, autocommit=True) as db:
        assert age_waiting(db) == 1
    assert len(yard.rows("SELECT 1 FROM procrastinate_events")) == events


def test_the_schema_goes_in_once_and_out_without_a_trace(yard: Yard) -> None:
    with yard.engine.begin() as connection:
        assert engine_schema.installed(connection) == engine_schema.PINNED
        engine_schema.install(connection)
        engine_schema.remove(connection)
        assert engine_schema.installed(connection) is None
        assert not [name for name in inspect(connection).get_table_names() if name.startswith("procrastinate")]
        assert connection.exec_driver_sql(LEFT_OVER).scalars().all() == []
        engine_schema.install(connection)
        connection.exec_driver_sql("COMMENT ON TABLE procrastinate_jobs IS 'procrastinate 2.0'")
        with pytest.raises(EngineVersionDiffers, match=r"database has job engine 2\.0"):
            engine_schema.install(connection)


def test_the_jobs_table_is_vacuumed_early(yard: Yard) -> None:
    [row] = yard.rows("SELECT reloptions FROM pg_class WHERE relname = 'procrastinate_jobs'")
    assert "autovacuum_vacuum_scale_factor=0.01" in row["reloptions"]
