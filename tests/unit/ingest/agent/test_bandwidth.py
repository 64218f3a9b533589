"""The cap on what is sent."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.agent.bandwidth import LARGEST_SLICE, OPEN_SLICE, SMALLEST_SLICE, Throttle, TokenBucket, slice_for
from ingest.agent.errors import Stopping
from ingest.agent.patience import pause_after


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=50))
def test_over_time_no_more_than_the_rate_goes_through(pieces: list[int]) -> None:
    bucket, now = TokenBucket(1000.0, at=0.0), 0.0
    for piece in pieces:
        now += bucket.book(piece, at=now)
    assert sum(pieces) <= 1000.0 * now + 1000.0 + 1e-6


def test_a_pause_saves_up_one_second_and_no_more() -> None:
    bucket = TokenBucket(1000.0, at=0.0)
    assert bucket.book(1000, at=500.0) == 0.0
    assert bucket.book(1000, at=500.0) == pytest.approx(1.0)


def test_without_a_rate_everything_goes_at_once_and_uncopied() -> None:
    body = bytearray(3 * OPEN_SLICE + 5)
    pieces = list(Throttle(None, threading.Event()).paced(memoryview(body)))
    assert [len(piece) for piece in pieces] == [OPEN_SLICE] * 3 + [5]
    assert pieces[0].obj is body


def test_with_a_rate_it_goes_in_small_slices_and_stops_when_told() -> None:
    stop = threading.Event()
    stop.set()
    slices = Throttle(100_000.0, stop).paced(memoryview(bytearray(400_000)))
    assert len(next(slices)) == 10_000
    with pytest.raises(Stopping):
        list(slices)


def test_slices_are_small_on_a_slow_link_and_never_too_small() -> None:
    assert [slice_for(rate) for rate in (1.0, 100_000.0, 1e9)] == [SMALLEST_SLICE, 10_000, LARGEST_SLICE]


def test_pauses_double_up_to_the_cap_and_are_spread() -> None:
    assert [pause_after(n, first=1.0, most=10.0, chance=1.0) for n in (1, 2, 3, 4, 5, 99)] == [1, 2, 4, 8, 10, 10]
    assert pause_after(3, first=1.0, most=10.0, chance=0.0) == 2.0
