"""What follows from an ending, when a sweep is due, whether a process still lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.jobs.errors import JobStopped
from evidence.jobs.outcomes import End, Ending, Outcome, StopReason, decide, in_words, pause, storable
from evidence.jobs.periodic import Periodic, cron_of
from evidence.jobs.port import HeldJob, RunningJob, TaskSpec
from evidence.jobs.rescue import began_at, is_alive
from evidence.jobs.rows import FailureReason

SPEC = TaskSpec(name="a", queue="q", priority=0, run=print, max_attempts=3, retry_on=(OSError,), first_wait=10)


def after(error: BaseException | None, told_to: StopReason | None = None, *, earlier: int = 0, **more: bool) -> Outcome:
    return decide(Ending(error=error, told_to=told_to), SPEC, earlier=earlier, jitter=0, **more)


@pytest.mark.parametrize(
    ("outcome", "end", "reason"),
    [
        (after(None), End.SUCCEEDED, None),
        (after(None, StopReason.CANCELLED), End.SUCCEEDED, None),
        (after(OSError()), End.AGAIN, FailureReason.WILL_RETRY),
        (after(OSError(), earlier=2), End.FAILED, FailureReason.TRIED_OUT),
        (after(OSError(), may_wait=False), End.FAILED, FailureReason.TWIN_WAITS),
        (after(ValueError()), End.FAILED, FailureReason.ERROR),
        (after(JobStopped()), End.FAILED, FailureReason.ERROR),
        (after(JobStopped(), StopReason.CANCELLED), End.STOPPED, None),
        (after(OSError(), StopReason.CANCELLED), End.STOPPED, FailureReason.ERROR),
        (after(JobStopped(), StopReason.SHUTDOWN), End.AGAIN, None),
        (after(ValueError(), StopReason.SHUTDOWN), End.AGAIN, FailureReason.ERROR),
        (after(JobStopped(), StopReason.LEASE_LOST), End.NONE, None),
        (after(ValueError(), StopReason.LEASE_LOST), End.NONE, None),
        (after(SystemExit(1)), End.FAILED, FailureReason.ERROR),
    ],
)
def test_what_follows_from_an_ending(outcome: Outcome, end: End, reason: FailureReason | None) -> None:
    assert (outcome.end, outcome.reason) == (end, reason)
    assert outcome.is_final == (end is End.FAILED)


def test_a_task_that_is_not_known_fails() -> None:
    outcome = decide(Ending(error=KeyError("x")), None, earlier=0, jitter=0)
    assert (outcome.end, outcome.reason) == (End.FAILED, FailureReason.UNKNOWN_TASK)


def test_pauses_grow_up_to_the_longest() -> None:
    assert [pause(SPEC, earlier=n, jitter=0) for n in range(5)] == [10, 40, 160, 640, 900]
    assert pause(SPEC, earlier=10_000, jitter=0) == 900


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_chance_takes_a_quarter_at_most(earlier: int, jitter: float) -> None:
    whole = pause(SPEC, earlier=earlier, jitter=0)
    assert whole * 0.75 <= pause(SPEC, earlier=earlier, jitter=jitter) <= whole


@given(st.text(st.characters() | st.characters(categories=["Cs"]) | st.just("\0")))
def test_any_error_can_be_stored(text: str) -> None:
    stored = storable(text, limit=100)
    assert "\0" not in stored
    assert len(stored.encode("utf-8").decode("utf-8")) <= 100


def test_an_error_without_words_is_told_by_its_class() -> None:
    assert in_words(JobStopped()).startswith("JobStopped: Raised by a handler")
    assert in_words(KeyError("x")) == "KeyError: 'x'"


@pytest.mark.parametrize(
    ("seconds", "cron"),
    [
        (1, "* * * * * */1"), (30, "* * * * * */30"), (60, "*/1 * * * *"), (900, "*/15 * * * *"),
        (3600, "0 */1 * * *"), (43200, "0 */12 * * *"), (86400, "0 0 * * *"),
    ],
)  # fmt: skip
def test_even_beats_of_the_clock(seconds: int, cron: str) -> None:
    assert cron_of(seconds) == cron


@pytest.mark.parametrize("seconds", [0, -1, 7, 45, 90, 2400, 5 * 3600, 2 * 86400])
def test_uneven_ones_are_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="evenly"):
        cron_of(seconds)


def test_a_sweep_says_when_in_one_way() -> None:
    assert Periodic("a", print, cron="0 2 * * *").schedule == "0 2 * * *"
    for wrong in (Periodic("a", print), Periodic("a", print, every_seconds=60, cron="0 2 * * *")):
        with pytest.raises(ValueError, match="either"):
            _ = wrong.schedule


def test_a_process_is_told_from_a_later_one_of_the_same_number() -> None:
    mine = began_at(os.getpid())
    assert is_alive(os.getpid(), began=mine)
    assert not is_alive(os.getpid(), began=mine + 1)
    assert is_alive(1, began=began_at(1))


def test_a_corpse_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = began_at(child.pid)
    assert is_alive(child.pid, began=began)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid, began=began)
    child.communicate()
    assert not is_alive(child.pid, began=began)


def test_a_fraction_stays_between_nothing_and_all() -> None:
    job = RunningJob(held=HeldJob(1, 1, 0), task="a", args={})
    for said, kept in ((-1.0, 0.0), (0.25, 0.25), (7.0, 1.0), (None, None)):
        job.report("reading", said)
        assert job.said is not None
        assert job.said.fraction == kept
