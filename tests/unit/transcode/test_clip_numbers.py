"""Which picture has which number, and where sound lies, decided from times alone."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from fractions import Fraction

import pytest

from transcode.clip_numbers import Shown, following, goes_back, moved, numbers, one_to_one, shown_by, taken
from transcode.clip_plan import Line, NoClip

BASE = Fraction(1, 1000)


def line(pts: Sequence[int], *, lasting: int = 40) -> Line:
    """Packets at `pts` milliseconds, in decoding order."""
    return Line(
        index=1,
        codec="aac",
        base=BASE,
        pts=array("q", pts),
        dts=array("q", pts),
        lasting=array("q", [lasting] * len(pts)),
        flags=bytes(len(pts)),
    )


def shown(*milliseconds: int) -> Shown:
    """A working copy that counts in another base."""
    return Shown(ticks=[90 * each for each in milliseconds], base=Fraction(1, 90_000))


EVEN = [1400 + 40 * place for place in range(10)]
AGAIN = [1400, 1440, 1480, 100, 140, 180]


def test_a_frame_table_is_read_back() -> None:
    table = {"version": 1, "timescale": 90_000, "frames": 4, "first": 900, "steps": [[3600, 2], [1800, 1]]}
    assert list(shown_by(table).ticks) == [900, 4500, 8100, 9900]


def test_packets_are_the_pictures_where_number_and_times_agree() -> None:
    assert one_to_one(line(EVEN), shown(*(40 * place for place in range(10))))
    assert one_to_one(line(EVEN), shown(*(40 * place + 1 for place in range(10))))
    assert not one_to_one(line(EVEN), shown(*(40 * place for place in range(9))))
    assert not one_to_one(line(EVEN), shown(*(40 * place for place in range(9)), 400))


def test_packets_that_give_no_picture_have_no_number() -> None:
    found = numbers(line(EVEN), EVEN[3:], shown(*(120 + 40 * place for place in range(7))), Fraction(7, 5))
    plan = taken(line(EVEN), found, 2, 4)
    assert plan.ticks == plan.seen == (1600, 1640)
    assert (plan.begins - found.origin, plan.stops - found.origin) == (Fraction(1, 5), Fraction(7, 25))
    assert (plan.copied, plan.head, plan.counted) == (0, 2, True)
    with pytest.raises(NoClip, match="7 pictures"):
        taken(line(EVEN), found, 5, 8)


def test_a_clock_that_starts_again_is_that_of_the_working_copy() -> None:
    found = numbers(line(AGAIN), AGAIN, shown(0, 40, 80, 120, 160, 200), Fraction(1, 10))
    assert found.offsets == (Fraction(-7, 5), Fraction(1, 50))
    plan = taken(line(AGAIN), found, 2, 5)
    assert [tick * plan.base for tick in plan.ticks] == [Fraction(each, 1000) for each in (80, 120, 160)]
    assert plan.seen == (1480, 100, 140)
    sound = moved(line([1395, 1435, 1475, 95, 135]), found.offsets)
    assert list(sound.pts) == [-5, 35, 75, 115, 155]
    assert sound.laps == ((0, -1400), (3, 20))


@pytest.mark.parametrize(
    ("decoded", "copy", "why"),
    [
        (EVEN[1:], shown(*range(0, 320, 40)), "8 pictures, and 9 come out"),
        (EVEN[1:], shown(0, 40, 80, 160, 200, 240, 280, 320, 360), "which is which"),
        (EVEN[1:], None, "no working copy"),
        (EVEN[::-1], None, "no working copy"),
    ],
)
def test_what_is_not_certain_is_refused(decoded: list[int], copy: Shown | None, why: str) -> None:
    with pytest.raises(NoClip, match=why):
        numbers(line(EVEN), decoded, copy, Fraction(0))


def test_sound_that_starts_again_elsewhere_is_refused() -> None:
    assert goes_back(line(AGAIN))
    assert not goes_back(line(EVEN))
    with pytest.raises(NoClip, match="clock of sound track 1"):
        moved(line(AGAIN), (Fraction(0),))


def test_sound_without_pictures_follows_on() -> None:
    assert list(moved(line(AGAIN), following(line(AGAIN))).pts) == [0, 40, 80, 120, 160, 200]
