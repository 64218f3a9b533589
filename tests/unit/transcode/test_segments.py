"""Where a long copy is cut, and why some are not."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcode.segments import Cut, InOnePiece, Room, Survey, cuts, is_due, ready_from_start

RATE = 25


def survey(ticks: list[int], keys: list[int], *, packets: int | None = None) -> Survey:
    return Survey(
        ticks=ticks, keys=array("I", keys), timescale=RATE, packets=len(ticks) if packets is None else packets
    )


def plain(frames: int, group: int) -> Survey:
    return survey(list(range(frames)), list(range(0, frames, group)))


def open_groups(groups: int) -> Survey:
    """I P B B …: two leading pictures before each key frame but the first, decoded after it."""
    ticks, keys = [], []
    for number in range(groups):
        start = number * 12
        keys.append(len(ticks))
        ticks += [start] if number == 0 else [start, start - 2, start - 1]
        ticks += [start + 3, start + 1, start + 2, start + 6, start + 4, start + 5, start + 9, start + 7, start + 8]
    last = groups * 12
    return survey([*ticks, last - 2, last - 1], keys)


def test_parts_have_the_length_that_is_asked_for_and_every_picture_once() -> None:
    found = cuts(plain(25 * 600, 50), Room(seconds=60, slots=1), lead=False)
    assert isinstance(found, tuple)
    assert len(found) == 10
    assert [each.number for each in found] == list(range(1, 11))
    assert sum(each.frames for each in found) == 25 * 600
    assert found[-1].end is None
    assert all(a.end == b.first for a, b in pairwise(found))


def test_there_are_three_parts_at_least_for_each_worker() -> None:
    found = cuts(plain(25 * 600, 50), Room(seconds=60, slots=20), lead=False)
    assert isinstance(found, tuple)
    assert len(found) == 60 + 20, "the third of each in halves"


def test_the_last_part_of_each_worker_comes_in_halves() -> None:
    found = cuts(plain(25 * 600, 25), Room(seconds=60, slots=3), lead=False)
    assert isinstance(found, tuple)
    frames = [each.frames for each in found]
    assert len(frames) == 12 + 3
    assert min(frames[:9]) >= 2 * max(frames[9:]) - 2 * 25
    assert max(frames[9:]) < min(frames[:9])


def test_no_part_is_halved_below_the_shortest() -> None:
    found = cuts(plain(25 * 25, 5), Room(seconds=60, slots=2), lead=False)
    assert isinstance(found, tuple)
    assert len(found) == 6
    assert min(each.frames for each in found) >= 4 * 25


def test_leading_pictures_belong_to_the_part_before() -> None:
    found = cuts(open_groups(60), Room(seconds=4, slots=1), lead=False)
    assert isinstance(found, tuple)
    assert len(found) > 3
    assert sum(each.frames for each in found) == 720
    assert all(each.first % 12 == 0 for each in found)
    assert all(each.skip == 0 and each.begin == each.first for each in found)


def test_with_a_lead_each_part_begins_a_group_earlier_and_drops_it() -> None:
    found = cuts(plain(1000, 20), Room(seconds=4, slots=1), lead=True)
    assert isinstance(found, tuple)
    assert (found[0].begin, found[0].skip) == (0, 0)
    assert all(each.begin == each.first - 20 and each.skip == 20 for each in found[1:])


@pytest.mark.parametrize(
    ("odd", "because"),
    [
        (survey([], []), "no times"),
        (survey([0, 1, 2], [0], packets=4), "not every packet"),
        (survey([0, 1, 1, 2], [0]), "same time"),
        (survey([2, 0, 1], [0]), "not the first"),
        (plain(10_000, 10_000), "too far apart"),
    ],
)
def test_oddly_timed_masters_stay_in_one_piece(odd: Survey, because: str) -> None:
    found = cuts(odd, Room(seconds=4, slots=1), lead=False)
    assert isinstance(found, InOnePiece)
    assert because in found.reason


def test_no_cut_lies_where_a_later_picture_is_shown_earlier() -> None:
    ticks = list(range(400))
    ticks[250], ticks[150] = 150, 250  # decoded long after the key frame at 200 and shown long before it
    found = cuts(survey(ticks, [0, 100, 200, 300]), Room(seconds=4, slots=1), lead=False)
    assert isinstance(found, tuple)
    assert 200 not in {each.first for each in found}


@settings(deadline=None, max_examples=60)
@given(st.integers(200, 3000), st.integers(5, 200), st.integers(1, 30), st.booleans())
def test_whatever_the_groups_every_picture_is_in_one_part(frames: int, group: int, slots: int, lead: bool) -> None:
    found = cuts(plain(frames, group), Room(seconds=10, slots=slots), lead=lead)
    if isinstance(found, InOnePiece):
        return
    assert sum(each.frames for each in found) == frames
    assert all(each.frames > 0 and each.begin + each.skip == each.first for each in found)
    assert Cut(**found[0].as_facts()) == found[0]


@pytest.mark.parametrize(
    ("of_parts", "at"), [(1, []), (2, [1]), (3, [1, 2]), (9, [1, 2, 4]), (12, [1, 2, 4, 8]), (20, [1, 2, 4, 8])]
)
def test_a_beginning_is_shown_after_one_two_four_and_eight_parts(of_parts: int, at: list[int]) -> None:
    shown, asked = 0, []
    for ready in range(of_parts + 1):
        if is_due(ready, of_parts, shown):
            asked.append(ready)
            shown = ready
    assert asked == at


def test_parts_count_as_far_as_none_is_missing() -> None:
    assert ready_from_start([3, 1, 0, 2, 6]) == 3
    assert ready_from_start([2, 3]) == 0
