"""Sweeps by the clock: one round a tick in the whole fleet, failures that stand until a round succeeds."""

from __future__ import annotations

from sqlalchemy.orm import Session

from evidence.jobs import RunningJob, waiting
from evidence.jobs.periodic import Periodic
from tests.integration.evidence.jobs.yard import Yard, eventually, working

SUCCEEDED = "SELECT 1 FROM periodic_run WHERE name = 'test.look' AND succeeded_at IS NOT NULL"
SWEEP_LANE = ({"queues": ["sweep"], "concurrency": 2},)


def test_two_processes_run_each_round_once(yard: Yard) -> None:
    yard.worker(lanes=SWEEP_LANE, sweep=True)
    yard.worker(lanes=SWEEP_LANE, sweep=True)
    eventually("eight rounds have run", lambda: len(yard.said("noted")) >= 8)
    noted = yard.said("noted")
    jobs = [line["job"] for line in noted]
    assert len(set(jobs)) == len(jobs)
    seconds = noted[-1]["at"] - noted[0]["at"]
    # One a second; on a busy machine the first may be late and the last at once. Run by both they take half as long.
    assert len(noted) <= seconds + 3


def test_rounds_leave_only_the_record_of_the_last(yard: Yard, session: Session) -> None:
    rounds: list[int] = []
    with working(yard.url, periodics=[Periodic("test.look", lambda job: rounds.append(job.held.id), every_seconds=1)]):
        eventually("three rounds have run", lambda: len(rounds) >= 3)
    lines = {line.name: line for line in waiting(session).sweeps}
    assert lines["test.look"].schedule == "* * * * * */1"
    assert not lines["test.look"].failing
    assert (lines["test.look"].age or 99) < 5
    assert len(yard.rows("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'test.look'")) <= 1


def test_a_failing_sweep_shows_one_failure_and_its_next_success_settles_it(yard: Yard, session: Session) -> None:
    rounds: list[int] = []

    def look(job: RunningJob) -> None:
        rounds.append(job.held.id)
        if len(rounds) <= 3:
            raise ValueError("the bucket has no lock")

    with working(yard.url, periodics=[Periodic("test.look", look, every_seconds=1)]):
        eventually("it has failed thrice", lambda: len(yard.rows("SELECT 1 FROM job_failure")) == 3)
        assert len(yard.rows("SELECT 1 FROM job_failure WHERE final AND acted_at IS NULL")) <= 1
        eventually("it succeeds", lambda: yard.rows(SUCCEEDED))
    assert yard.rows("SELECT * FROM job_failure WHERE acted_at IS NULL") == []
    [line] = [line for line in waiting(session).sweeps if line.name == "test.look"]
    assert not line.failing
    assert line.failed_at is not None


def test_a_lane_for_sweeps_brings_the_engines_own(yard: Yard) -> None:
    quick = Periodic("test.look", lambda _: None, every_seconds=1)
    with working(yard.url, periodics=[quick]):
        eventually("a round has run", lambda: yard.rows("SELECT 1 FROM periodic_run"))
    assert yard.rows("SELECT 1 FROM job_failure") == []
