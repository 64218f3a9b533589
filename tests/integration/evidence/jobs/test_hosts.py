"""Hosts: what each runs, drained and resumed by a person; jobs cancelled by a person and asked for again."""

from __future__ import annotations

import signal
from pathlib import Path

from sqlalchemy.orm import Session

from evidence.jobs import HostLine, HostState, JobState, cancel, cancelled, drain_host, hosts, resume_host, retry
from tests.integration.evidence.jobs.yard import Yard, eventually, is_alive

ONE = ({"queues": ["test"], "concurrency": 1},)


def look(yard: Yard, host: str) -> HostLine | None:
    """The host as it stands now."""
    with Session(yard.engine) as session:
        return next((each for each in hosts(session) if each.host == host), None)


def drained(yard: Yard, host: str, *, now: bool = False) -> None:
    """A person drains it."""
    with Session(yard.engine) as session, session.begin():
        drain_host(session, host, hand_back=now, by="Rhys Bevan")


def state_of(yard: Yard, host: str) -> HostState | None:
    line = look(yard, host)
    return line.state if line is not None else None


def test_a_host_says_what_it_has_room_for_and_runs(yard: Yard) -> None:
    worker = yard.worker(host="a")
    yard.worker(host="a", lanes=({"queues": ["b", "c"], "concurrency": 3},))
    [job] = yard.enqueue("child", seconds=60)
    eventually("it reports", lambda: (line := look(yard, "a")) and any(each.phase for each in line.jobs))
    line = look(yard, "a")
    assert line is not None
    assert (line.state, dict(line.slots), line.software) == (HostState.WORKING, {"test": 2, "b, c": 3}, ("test 1",))
    [running] = line.jobs
    assert (running.id, running.pid, running.phase, running.fraction) == (job, worker.pid, "sleeping", 0.5)
    assert running.since is not None
    assert running.left is not None
    assert line.missing_layers == ("seccomp",)
    assert line.encoders is None
    assert line.age is not None
    assert line.age < 30


def test_a_drained_host_ends_what_it_has_and_takes_nothing_new(yard: Yard, tmp_path: Path) -> None:
    first = yard.worker(host="a")
    [job] = yard.enqueue("child", seconds=60, until=f"{tmp_path}/go")
    eventually("it runs", lambda: yard.said("began", job))
    drained(yard, "a")
    eventually("it drains", lambda: "drain" in yard.log_of(first))
    assert state_of(yard, "a") is HostState.DRAINING
    second = yard.worker(host="b")
    later = yard.enqueue("note", count=5)
    eventually("the other host does all", lambda: len(yard.said("noted")) == len(later))
    assert {line["pid"] for line in yard.said("noted")} == {second.pid}
    (tmp_path / "go").touch()
    eventually("it has ended what it had", lambda: state_of(yard, "a") is HostState.DRAINED)
    assert yard.status(job).state is JobState.SUCCEEDED
    assert len(yard.said("began", job)) == 1
    assert first.poll() is None


def test_it_stays_drained_over_a_restart_until_it_is_resumed(yard: Yard) -> None:
    drained_before = yard.worker(host="a")
    drained(yard, "a")
    eventually("it is drained", lambda: "drain" in yard.log_of(drained_before))
    drained_before.send_signal(signal.SIGTERM)
    assert drained_before.wait(30) == 0
    [job] = yard.enqueue("note")
    again = yard.worker(host="a", poll=0.1)
    eventually("it has lived for many polls", lambda: yard.age_of(again) > 3)
    assert yard.said("noted", job) == []
    assert state_of(yard, "a") is HostState.DRAINED
    with Session(yard.engine) as session, session.begin():
        assert resume_host(session, "a")
        assert not resume_host(session, "a")
    eventually("it takes jobs again", lambda: yard.said("noted", job), within=20)
    assert state_of(yard, "a") is HostState.WORKING


def test_draining_now_hands_the_job_to_another_host_at_once(yard: Yard) -> None:
    yard.worker(host="a")
    [job] = yard.enqueue("child", seconds=60)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    other = yard.worker(host="b")
    drained(yard, "a", now=True)
    second = eventually("it runs elsewhere", lambda: yard.said("began", job)[1:], within=20)[0]
    assert (second["pid"], second["attempt"]) == (other.pid, 1)
    assert not is_alive(began["child"])
    assert yard.failures(job) == []
    assert state_of(yard, "a") is HostState.DRAINED


def test_a_cancelled_job_says_by_whom_and_runs_again_when_asked_for(yard: Yard, session: Session) -> None:
    yard.worker(lanes=ONE)
    [job] = yard.enqueue("child", seconds=60, again=1)
    [began] = eventually("it runs", lambda: yard.said("began", job))
    [waits] = yard.enqueue("note")
    for each in (job, waits):
        assert cancel(session, each, by="Rhys Bevan")
    session.commit()
    eventually("the child is gone", lambda: not is_alive(began["child"]), within=20)
    eventually("it is stopped", lambda: yard.status(job).state is JobState.STOPPED)
    assert yard.status(waits).state is JobState.CANCELLED
    assert yard.status(job).cancelled_by == yard.status(waits).cancelled_by == "Rhys Bevan"
    assert {each.job_id for each in cancelled(session)} == {job, waits}
    for each in (job, waits):
        assert retry(session, each)
        assert not retry(session, each)
    session.commit()
    eventually("both are done", lambda: all(yard.status(each).state is JobState.SUCCEEDED for each in (job, waits)))
    assert yard.status(job).cancelled_by is None
    assert cancelled(session) == []
    assert [line["attempt"] for line in yard.said("began", job)] == [0, 1]


def test_a_job_that_is_being_stopped_is_not_yet_asked_for_again(yard: Yard, session: Session, tmp_path: Path) -> None:
    """An attempt that still runs would otherwise find its job in another's hands."""
    yard.worker()
    [job] = yard.enqueue("paused", until=f"{tmp_path}/go")
    eventually("it runs", lambda: yard.said("began", job))
    cancel(session, job, by="Rhys Bevan")
    session.commit()
    assert not retry(session, job)
    [line] = cancelled(session)
    assert line.stopping
    (tmp_path / "go").touch()
    eventually("it was done before it heard", lambda: yard.status(job).state is JobState.SUCCEEDED)
    session.rollback()
    assert cancelled(session) == []
