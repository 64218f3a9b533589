"""What is said of a copy's packets: each difference by its name, and no difference passed over."""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from transcode.matching import Kind, compare
from transcode.packets import Header, Manifest, Track

PICTURE = Header(kind="video", codec="h264", config="c" * 64, width=160, height=120, decoder="d" * 64)
SOUND = Header(kind="audio", codec="aac", config="a" * 64, rate=48_000, channels=1, decoder="242")
TURNED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)


def packet(number: int) -> bytes:
    return sha256(number.to_bytes(4, "big")).digest()


def track(numbers: list[int] | range = range(100), header: Header = PICTURE, **more: Any) -> Track:
    told: dict[str, Any] = {
        "header": header,
        "packets": len(numbers),
        "hashes": b"".join(map(packet, numbers)),
        "dts": [40_000 * number for number in numbers],
        "pts": [40_000 * number for number in numbers],
        "keys": [0],
    }
    return Track(**told | more)


def kinds(master: Track, copy: Track) -> list[Kind]:
    return [finding.kind for finding in compare(Manifest((master,)), Manifest((copy,)))]


def said(master: Track, copy: Track) -> str:
    return " | ".join(finding.says for finding in compare(Manifest((master,)), Manifest((copy,))))


AGREED = [Kind.SAME_PACKETS, Kind.TIMING_EQUAL, Kind.CONFIGURATION_EQUAL]


def test_the_same_is_said_in_three_lines() -> None:
    assert kinds(track(), track()) == AGREED
    assert "byte for byte" in said(track(), track())


def test_the_form_of_another_container_is_the_same_packets() -> None:
    moved = track(hashes=packet(7) * 100, neutral_hashes=track().hashes, header=replace(PICTURE, config="e" * 64))
    assert kinds(track(), moved) == AGREED
    assert "in the form of another container" in said(track(), moved)


def test_rounded_times_are_equal_within_a_millisecond() -> None:
    rounded = track(pts=[each + (number % 3 - 1) * 400 for number, each in enumerate(track().pts)])
    assert kinds(track(), rounded) == AGREED
    assert "timing equal within 0.4 ms" in said(track(), rounded)


@pytest.mark.parametrize("factor", [0.5, 1.02, 2, 4])
def test_another_speed_is_told_by_its_factor(factor: float) -> None:
    slow = track(pts=[round(each * factor) for each in track().pts])
    assert kinds(track(), slow) == [Kind.SAME_PACKETS, Kind.TIMING_ALTERED, Kind.CONFIGURATION_EQUAL]
    assert f"a factor of {factor:g}" in said(track(), slow)


def test_one_packet_at_another_time_is_told() -> None:
    moved = list(track().pts)
    moved[50] += 20_000
    assert "1 packet is shown up to 20 ms away" in said(track(), track(pts=moved))


def test_packets_that_only_fill_the_decoder_may_be_moved() -> None:
    voice = track(header=SOUND)
    moved = track(header=SOUND, pts=[-99_000, *voice.pts[1:]])
    assert kinds(voice, moved) == AGREED
    later = [*voice.pts[:50], voice.pts[50] + 9_000, *voice.pts[51:]]
    assert Kind.TIMING_ALTERED in kinds(voice, track(header=SOUND, pts=later))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (replace(PICTURE, config="e" * 64, decoder="e" * 64), "set up differently"),
        (replace(PICTURE, config="e" * 64, decoder=""), "set up differently"),
        (replace(PICTURE, width=120), "120 by 120 instead of 160 by 120"),
        (replace(PICTURE, matrix=TURNED), "turned"),
    ],
)
def test_another_display_of_the_same_packets_is_told(header: Header, words: str) -> None:
    assert kinds(track(), track(header=header)) == [Kind.SAME_PACKETS, Kind.TIMING_EQUAL, Kind.DISPLAY_ALTERED]
    assert words in said(track(), track(header=header))


def test_a_configuration_may_be_kept_in_another_form() -> None:
    assert kinds(track(), track(header=replace(PICTURE, config="e" * 64))) == AGREED
    assert "configuration equal, in the form of another container" in said(
        track(), track(header=replace(PICTURE, config="e" * 64))
    )


def test_parameter_sets_among_the_packets_count_where_the_header_is_the_same() -> None:
    assert Kind.DISPLAY_ALTERED in kinds(track(), track(header=replace(PICTURE, decoder="e" * 64)))


def test_a_matrix_that_does_nothing_is_none() -> None:
    upright = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    assert kinds(track(), track(header=replace(PICTURE, matrix=upright))) == AGREED


def test_missing_packets_are_named() -> None:
    left = [number for number in range(100) if not 30 <= number <= 33 and number != 60]
    assert kinds(track(), track(left))[0] is Kind.PACKETS_MISSING
    assert "95 of the master's 100 packets; 5 missing at 30 to 33, 60" in said(track(), track(left))


def test_a_clip_is_a_run_of_the_master() -> None:
    assert kinds(track(), track(range(25, 50))) == [Kind.CLIP, Kind.TIMING_EQUAL, Kind.CONFIGURATION_EQUAL]
    assert "packets 25 to 49 of the master's 100" in said(track(), track(range(25, 50)))


@pytest.mark.parametrize("other", [[*range(50), 999, *range(51, 100)], list(range(99, -1, -1)), [*range(100), 0]])
def test_other_packets_another_order_and_more_packets_are_not_the_master_s(other: list[int]) -> None:
    assert kinds(track(), track(other, dts=[0] * len(other), pts=[0] * len(other))) == [Kind.NOT_THE_MASTERS]


def test_no_packets_at_all_are_compared_with_nothing() -> None:
    assert kinds(track([]), track([])) == [Kind.NOT_COMPARED]


def test_more_packets_than_a_manifest_holds_are_compared_by_their_roots() -> None:
    def folded(root: bytes, neutral: bytes) -> Track:
        return track(hashes=b"", dts=(), pts=(), folded=(root, neutral))

    mine = folded(packet(1), packet(2))
    assert kinds(mine, folded(packet(1), packet(2))) == [Kind.SAME_PACKETS, Kind.NOT_COMPARED, Kind.CONFIGURATION_EQUAL]
    assert kinds(mine, folded(packet(3), packet(2)))[0] is Kind.SAME_PACKETS
    assert kinds(mine, folded(packet(3), packet(4))) == [Kind.NOT_THE_MASTERS]


def test_streams_are_held_against_the_one_that_they_are_like() -> None:
    first, second = track(range(100), SOUND), track(range(200, 300), SOUND)
    found = compare(Manifest((track(), first, second)), Manifest((second, track())))
    assert [(each.kind, each.stream) for each in found[:6]] == [(kind, place) for place in (0, 1) for kind in AGREED]
    assert found[6].says == "the master's sound 1 is not in the copy"


def test_a_stream_that_the_master_does_not_have_is_told() -> None:
    found = compare(Manifest((track(),)), Manifest((track(), track(header=SOUND))))
    assert (found[-1].kind, found[-1].stream) == (Kind.NOT_THE_MASTERS, 1)


def test_any_packets_left_out_are_found() -> None:
    chance = random.Random(5)  # noqa: S311 - the same cases each time
    for _ in range(200):
        # Few different packets, so that many of them are alike: silence is.
        whole = [chance.randrange(6) for _ in range(chance.randrange(2, 60))]
        left = [number for number in whole if chance.random() < 0.8] or whole[:1]
        times = list(range(len(left)))
        found = kinds(track(whole, dts=range(len(whole)), pts=range(len(whole))), track(left, dts=times, pts=times))
        expected = {Kind.SAME_PACKETS} if left == whole else {Kind.CLIP, Kind.PACKETS_MISSING}
        assert found[0] in expected, (whole, left)
