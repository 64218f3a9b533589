"""Where a clip is cut, decided from times and flags alone."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from transcode.clip_plan import (
    FIELD,
    HIDDEN,
    IDR,
    KEY,
    UNSAID,
    Line,
    NoClip,
    begins_at,
    free_set_number,
    pictures,
    sound,
    with_times,
)
from transcode.media import MediaFacts

BASE = Fraction(1, 25)
SPS, PPS = bytes([0x67, 100, 0, 31, 0xAC]), bytes([0x68, 0xEE, 0x3C, 0x80])
OPEN = KEY | IDR


def line(
    pts: Sequence[int], keys: dict[int, int], *, codec: str = "h264", sets: tuple[bytes, ...] = (SPS, PPS)
) -> Line:
    """Packets shown at `pts`, in decoding order; `keys`: flags by packet."""
    return Line(
        index=0,
        codec=codec,
        base=BASE,
        pts=array("q", pts),
        dts=array("q", range(len(pts))),
        lasting=array("q", [1] * len(pts)),
        flags=bytes(keys.get(place, 0) for place in range(len(pts))),
        sets=(SPS, PPS),
    )


def facts(**more: object) -> MediaFacts:
    stream = {"index": 0, "kind": "video", "codec": "h264", "pixel_format": "yuv420p", "decoded": True, **more}
    return MediaFacts.model_validate({"container": "mov,mp4", "size": 1, "streams": [stream]})


EVEN = line(range(30), {0: OPEN, 10: OPEN, 20: OPEN})
# Two groups of eight: I P B B P B B P as decoded.
REORDERED = line([0, 3, 1, 2, 6, 4, 5, 7, 8, 11, 9, 10, 14, 12, 13, 15], {0: OPEN, 8: OPEN})


@pytest.mark.parametrize(
    ("first", "end", "head", "run", "tail"),
    [
        (0, 30, 0, (0, 30), 0),
        (3, 25, 7, (10, 25), 0),
        (10, 20, 0, (10, 20), 0),
        (11, 20, 9, (0, 0), 0),
        (20, 21, 0, (20, 21), 0),
    ],
)
def test_without_reordering_only_the_head_is_encoded(
    first: int, end: int, head: int, run: tuple[int, int], tail: int
) -> None:
    plan = pictures(EVEN, first, end, facts())
    assert (plan.head, (plan.first_packet, plan.end_packet), plan.tail) == (head, run, tail)
    assert len(plan.ticks) == end - first == plan.head + plan.copied + plan.tail


@pytest.mark.parametrize(
    ("first", "end", "head", "run", "tail"),
    [(2, 16, 6, (8, 16), 0), (2, 12, 6, (8, 12), 0), (2, 11, 6, (8, 9), 2), (0, 7, 0, (0, 7), 0), (0, 5, 0, (0, 4), 1)],
)
def test_copying_ends_where_what_is_decoded_is_what_is_shown(
    first: int, end: int, head: int, run: tuple[int, int], tail: int
) -> None:
    plan = pictures(REORDERED, first, end, facts())
    assert (plan.head, (plan.first_packet, plan.end_packet), plan.tail) == (head, run, tail)


def test_an_i_picture_that_others_refer_across_is_no_place_to_cut() -> None:
    plan = pictures(line(range(30), {0: OPEN, 10: KEY, 20: KEY}), 5, 25, facts())
    assert (plan.copied, plan.head) == (0, 20)
    assert "no picture that decoding can begin at" in plan.why
    across = line([0, 1, 4, 2, 3, 5], {0: OPEN, 2: OPEN})
    assert pictures(across, 1, 6, facts()).copied == 1


def test_pictures_that_an_edit_list_hides_are_not_counted() -> None:
    plan = pictures(line(range(30), {0: OPEN | HIDDEN, 1: HIDDEN, 2: HIDDEN, 10: OPEN}), 0, 20, facts())
    assert plan.ticks[0] == 3
    assert (plan.head, plan.first_packet, plan.end_packet) == (7, 10, 23)


@pytest.mark.parametrize(
    ("told", "more", "why"),
    [
        (line(range(30), {0: OPEN}, codec="hevc"), {}, "hevc is not copied"),
        (EVEN, {"interlaced": True}, "interlaced"),
        (EVEN, {"pixel_format": "yuv420p10le"}, "yuv420p10le"),
        (line([0, 1, 1, *range(3, 30)], {0: OPEN}), {}, "do not tell its pictures apart"),
        (line([UNSAID] * 30, {0: OPEN}), {}, "do not tell its pictures apart"),
    ],
)
def test_what_cannot_be_cut_is_encoded_whole_and_says_why(told: Line, more: dict[str, object], why: str) -> None:
    plan = pictures(told, 5, 25, facts(**more))
    assert (plan.copied, plan.head, plan.tail) == (0, 20, 0)
    assert why in plan.why


@pytest.mark.parametrize(("first", "end"), [(0, 31), (5, 5), (7, 6), (-1, 3)])
def test_places_outside_the_recording_are_no_clip(first: int, end: int) -> None:
    with pytest.raises(NoClip):
        pictures(EVEN, first, end, facts())


def test_our_parameter_sets_get_a_number_that_nobody_uses() -> None:
    assert free_set_number((SPS, PPS)) == 1
    second = bytes([0x68, 0b01000000])  # picture parameter set 1
    assert free_set_number((SPS, PPS, second)) == 2


def sounds(**more: object) -> MediaFacts:
    stream = {"index": 1, "kind": "audio", "codec": "aac", "decoded": True, **more}
    return MediaFacts.model_validate({"container": "mov,mp4", "size": 1, "streams": [stream]})


def heard(codec: str = "aac", pts: Sequence[int] = tuple(range(0, 48_000, 1024))) -> Line:
    return Line(
        index=1, codec=codec, base=Fraction(1, 48_000), pts=array("q", pts), dts=array("q", pts),
        lasting=array("q", [1024] * len(pts)), flags=bytes(len(pts)), rate=48_000,
    )  # fmt: skip


def test_aac_packets_are_copied_with_one_before_them_to_begin_decoding_by() -> None:
    plan = sound(heard(), Fraction(10_000, 48_000), Fraction(20_000, 48_000), sounds())
    assert plan is not None
    assert (plan.copied, plan.first, plan.end, plan.first_tick) == (True, 8, 20, 8 * 1024)


@pytest.mark.parametrize(
    ("told", "more"),
    [(heard("mp3"), {}), (heard(), {"profile": "HE-AAC"}), (heard(pts=(0, 3072, 1024, 2048)), {})],
)
def test_other_sound_is_encoded_exactly(told: Line, more: dict[str, object]) -> None:
    plan = sound(told, Fraction(0), Fraction(3000, 48_000), sounds(**more))
    assert plan is not None
    assert not plan.copied
    assert plan.why.startswith("encoded: ")


def test_where_a_track_has_nothing_there_is_no_sound() -> None:
    assert sound(heard(), Fraction(2), Fraction(3), sounds()) is None


def test_a_bare_stream_is_shown_at_the_rate_that_its_working_copy_has() -> None:
    bare = replace(line([UNSAID] * 6, {0: OPEN}), dts=array("q", [UNSAID] * 6), pace=Fraction(30000, 1001))
    plan = pictures(with_times(bare), 2, 5, facts())
    assert (plan.begins, plan.stops) == (Fraction(2 * 1001, 30000), Fraction(5 * 1001, 30000))
    assert (plan.counted, plan.copied, plan.number) == (True, 0, 2)


def test_the_second_field_of_a_picture_is_no_picture_of_its_own() -> None:
    halves = line(range(8), {place: FIELD | (OPEN if place % 4 == 0 else 0) for place in range(0, 8, 2)})
    flags = bytes(each or FIELD | HIDDEN for each in halves.flags)
    plan = pictures(replace(halves, flags=flags), 1, 4, facts())
    assert (plan.ticks, plan.ends, plan.copied) == ((2, 4, 6), 8, 0)


def test_a_recording_begins_below_zero_only_where_it_is_shown_from_there() -> None:
    cut_by_edit_list, wrapping = line([-3, -2, 0, 1], {}), replace(line([-3, -2, 0, 1], {}), starts=-3)
    assert begins_at([cut_by_edit_list]) == 0
    assert begins_at([wrapping, cut_by_edit_list]) == begins_at([cut_by_edit_list, wrapping]) == -3 * BASE
    assert begins_at([line([35, 36], {}), line([40, UNSAID], {})]) == 35 * BASE
    assert begins_at([]) == begins_at([line([UNSAID], {})]) == 0
