"""When is a file whole? Each rule, and which outranks which."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.agent.settle import Decision, Facts, Quiet, Verdict, age_of, decide
from ingest.agent.sighting import Identity

FRESH = Facts(unchanged_for=0.0, changes=0, size=10)


def judged(facts: Facts) -> Decision:
    return decide(facts, settle_seconds=2.0, sure_after_seconds=120.0)


def with_(**facts: object) -> Facts:
    return dataclasses.replace(FRESH, **facts)  # type: ignore[arg-type]


def test_a_file_seen_just_now_is_looked_at_again() -> None:
    decision = judged(FRESH)
    assert decision.verdict is Verdict.SETTLING
    assert decision.again_in == 2.0


def test_a_file_unchanged_for_long_enough_has_settled() -> None:
    assert judged(with_(unchanged_for=2.0)).verdict is Verdict.SETTLED


def test_a_growing_file_waits_and_says_so() -> None:
    decision = judged(with_(changes=3, unchanged_for=0.5, size=4096))
    assert decision.verdict is Verdict.WAITING
    assert "4096" in decision.reason
    assert decision.again_in == pytest.approx(1.5)


def test_an_old_file_needs_no_second_look() -> None:
    assert judged(with_(age=121.0)).verdict is Verdict.SETTLED
    assert judged(with_(age=119.0)).verdict is Verdict.SETTLING


def test_a_file_that_changed_before_our_eyes_is_not_old_whatever_its_time_says() -> None:
    assert judged(with_(age=9999.0, changes=1)).verdict is Verdict.WAITING


def test_a_marker_settles_and_a_writer_outranks_it() -> None:
    assert judged(with_(marked=True)).verdict is Verdict.SETTLED
    assert judged(with_(marked=True, written_to=True, age=9999.0)).verdict is Verdict.WAITING


def test_not_knowing_about_writers_is_not_knowing() -> None:
    assert judged(with_(written_to=None, unchanged_for=2.0)).verdict is Verdict.SETTLED


@pytest.mark.parametrize(("mtime", "age"), [(100, None), (2_000_000_000 * 10**9, None), (10**18, 5.0)])
def test_a_time_that_makes_no_sense_has_no_age(mtime: int, age: float | None) -> None:
    assert age_of(mtime, now_ns=10**18 + 5 * 10**9) == age


def test_quiet_begins_again_with_every_change() -> None:
    first = Quiet(Identity(1, 1, 1, 1), 10.0)
    assert first.seen(Identity(1, 1, 1, 1), 11.0) is first
    assert first.seen(Identity(2, 1, 1, 1), 12.0) == Quiet(Identity(2, 1, 1, 1), 12.0, 1)


@given(
    st.floats(min_value=0, max_value=1e6),
    st.integers(0, 5),
    st.one_of(st.none(), st.floats(min_value=0, max_value=1e6)),
)
def test_it_always_ends_and_always_has_a_reason(unchanged: float, changes: int, age: float | None) -> None:
    decision = judged(Facts(unchanged_for=unchanged, changes=changes, size=1, age=age))
    assert decision.reason
    if decision.verdict is not Verdict.SETTLED:
        assert (
            judged(Facts(unchanged_for=unchanged + decision.again_in, changes=changes, size=1)).verdict
            is Verdict.SETTLED
        )
