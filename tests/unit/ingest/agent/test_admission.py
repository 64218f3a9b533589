"""Whose turn is it?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.agent.admission import Candidate, Priority, priority_of, whose_turn
from ingest.agent.settings import Kind

LIVE, ROUTINE = Priority.LIVE_CUSTODY, Priority.ROUTINE


def file(key: int, *, priority: Priority = ROUTINE, mtime: int = 0) -> Candidate:
    return Candidate(key, priority, mtime, b"%d" % key)


def test_live_custody_goes_first_then_the_oldest() -> None:
    waiting = [file(1, mtime=30), file(2, mtime=10), file(3, priority=LIVE, mtime=99), file(4, mtime=20)]
    assert whose_turn(waiting, [], cap=3).chosen == (3, 2, 4)


def test_never_more_than_the_cap() -> None:
    turn = whose_turn([file(1), file(2)], [ROUTINE, ROUTINE], cap=2)
    assert turn.chosen == ()
    assert turn.reason


def test_live_custody_has_one_place_beyond_the_cap() -> None:
    waiting = [file(1), file(2, priority=LIVE), file(3, priority=LIVE)]
    assert whose_turn(waiting, [ROUTINE, ROUTINE], cap=2).chosen == (2,)
    assert whose_turn(waiting, [ROUTINE, LIVE], cap=2).chosen == ()


def test_while_somebody_is_away_one_file_finds_out() -> None:
    waiting = [file(1), file(2, priority=LIVE)]
    assert whose_turn(waiting, [], cap=6, away="The store is away.").chosen == (2,)
    assert whose_turn(waiting, [ROUTINE], cap=6, away="The store is away.").chosen == ()
    assert whose_turn(waiting, [], cap=6, away="The store is away.").reason == "The store is away."


def test_a_suite_is_live_custody() -> None:
    assert priority_of(Kind.SUITE) is LIVE
    assert priority_of(Kind.DOCK) is ROUTINE


@given(st.lists(st.tuples(st.sampled_from(Priority), st.integers(0, 9))), st.integers(1, 6), st.integers(0, 6))
def test_nobody_is_passed_over(waiting: list[tuple[Priority, int]], cap: int, busy: int) -> None:
    candidates = [file(number, priority=priority, mtime=mtime) for number, (priority, mtime) in enumerate(waiting)]
    chosen = whose_turn(candidates, [ROUTINE] * busy, cap=cap).chosen
    assert len(chosen) <= max(cap - busy, 0) + 1
    order = sorted(candidates, key=lambda one: (-one.priority, one.mtime_ns, one.name))
    assert list(chosen) == [one.key for one in order[: len(chosen)]]
