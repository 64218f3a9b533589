"""Where a clock starts again, and how its laps are laid one after the other."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from typing import Literal

import pytest

from transcode.laps import LOST, Laps, laps_of
from transcode.said import ReadingSaid, TrackSaid

SECOND = 90_000


def track(
    index: int, kind: Literal["video", "audio"], dts: Sequence[int], pts: Sequence[int] = (), places: Sequence[int] = ()
) -> TrackSaid:
    """One stream of a transport stream, with its times in ticks.

    `places`: the byte at which each packet begins; without them each lap lies in a stretch of the file of its own.
    """
    laps = itertools.accumulate([0, *(not 0 <= there - here <= 10 * SECOND for here, there in itertools.pairwise(dts))])
    places = places or [100_000 * lap + number for number, lap in zip(range(len(dts)), laps, strict=False)]
    columns = {
        name: array("q", each).tobytes() for name, each in (("dts", dts), ("pts", pts or dts), ("places", places))
    }
    told = {"codec": "h264", "config": "0" * 64, "base": (1, SECOND), "packets": len(dts), "listed": True}
    return TrackSaid.model_validate({"index": index, "kind": kind, **told, **columns})


def reading(*tracks: TrackSaid) -> ReadingSaid:
    """As a child says it. Ends of sounds are not looked at."""
    shown = [array("q", each.pts) for each in tracks if each.kind == "video"]
    sounds = [each for each in tracks if each.kind == "audio"]
    times = tuple(round(at * 1_000_000 / SECOND) for at in (shown[0] if shown else ()))
    return ReadingSaid(times_us=times, sound_us=(0,) * len(sounds), counted=tracks)


def lap(start: float, count: int = 50, step: int = 3600) -> list[int]:
    return [round(start * SECOND) + place * step for place in range(count)]


def found(*tracks: TrackSaid) -> Laps | None:
    return laps_of(reading(*tracks), [each.index for each in tracks])


def test_each_lap_begins_when_all_of_the_one_before_has_ended() -> None:
    pictures, sound = [*lap(1.4), *lap(1.4)], [*lap(1.5, 60, 3000), *lap(1.5, 60, 3000)]
    laps = found(track(0, "video", pictures), track(1, "audio", sound))
    assert laps is not None
    # Sound of the first lap runs from 0.1 to 2.1 s of the new clock, and pictures from 0 to 2 s.
    assert [move.starts for move in laps.moves] == [(0, 50), (0, 60)]
    assert {move.ticks for move in laps.moves} == {(round(-1.4 * SECOND), round(0.7 * SECOND))}
    assert laps.said.times_us[0] == 0
    assert laps.said.times_us[50] == 2_100_000
    assert laps.said.sound_us == (4_200_000,)
    assert "starts again once" in laps.remark


def test_ffmpeg_is_told_by_the_numbers_of_packets() -> None:
    laps = found(track(3, "video", [*lap(1), *lap(0)]))
    assert laps is not None
    (index, told), = laps.clock  # fmt: skip
    assert index == 3
    assert told.startswith("setts=pts=if(eq(PTS\\,NOPTS)\\,NOPTS\\,PTS+(-90000)+gte(N\\,50)*(270000)):dts=")


def in_file(*seconds: Sequence[float], second: int = 10_000) -> list[int]:
    """Where packets lie in a file of laps that each begin at such a second of the file and are so many packets."""
    return [round((begins + place / 25) * second) for begins, count in seconds for place in range(int(count))]


def test_a_stream_that_is_silent_for_long_keeps_its_gap_and_is_no_lap() -> None:
    pictures, sound = track(0, "video", lap(1, 500)), track(1, "audio", [*lap(1, 100), *lap(17, 100)])
    laps = found(pictures, sound)
    assert laps is not None
    assert (laps.start_again, laps.remark) == (False, "")
    assert [(move.starts, move.ticks) for move in laps.moves] == [((0,), (-SECOND,))] * 2
    assert (laps.said.times_us[-1], laps.said.sound_us) == (19_960_000, (20_000_000,))


def test_laps_are_told_by_where_they_lie_in_the_file() -> None:
    # Twenty seconds in which there is no sound for twelve, and five seconds without any sound.
    pictures = track(0, "video", [*lap(0, 500), *lap(0, 125)], places=in_file((0, 500), (20, 125)))
    sound = track(1, "audio", [*lap(0, 100), *lap(16, 100)], places=in_file((0, 100), (16, 100)))
    laps = found(pictures, sound)
    assert laps is not None
    assert [move.starts for move in laps.moves] == [(0, 500), (0, 200)]
    assert {move.ticks for move in laps.moves} == {(0, 20 * SECOND)}
    assert laps.said.sound_us == (20_000_000,)
    assert "starts again once" in laps.remark


def test_a_lap_without_sound_between_two_that_have_some() -> None:
    pictures = track(0, "video", [*lap(0), *lap(0), *lap(0)], places=in_file((0, 50), (2, 50), (4, 50)))
    sound = track(1, "audio", [*lap(0), *lap(0)], places=in_file((0, 50), (4, 50)))
    laps = found(pictures, sound)
    assert laps is not None
    assert [move.starts for move in laps.moves] == [(0, 50, 100), (0, 50, 50)]
    assert laps.said.sound_us == (6_000_000,)


def test_a_clock_that_goes_back_alone_is_not_believed() -> None:
    pictures = track(0, "video", lap(0, 100), places=in_file((0, 100)))
    sound = track(1, "audio", [*lap(0), *lap(0)], places=in_file((0, 50), (2, 50)))
    laps = found(pictures, sound)
    assert laps is not None
    assert (laps.moves, laps.remark) == ((), LOST)


def test_a_clock_that_jumps_on_with_all_streams_keeps_the_time_between() -> None:
    laps = found(track(0, "video", [*lap(0), *lap(500)]), track(1, "audio", [*lap(0), *lap(500)]))
    assert laps is not None
    assert (laps.start_again, laps.said.times_us[50]) == (False, 500_000_000)


@pytest.mark.parametrize("dts", [lap(0), [*lap(0), *lap(5)], []], ids=["plain", "gap", "nothing"])
def test_a_clock_that_only_goes_on_is_left_alone(dts: list[int]) -> None:
    assert found(track(0, "video", dts)) is None


def test_pictures_in_another_order_are_no_new_lap() -> None:
    dts = lap(1, 40, 36_000)
    pts = [at + 36_000 * (3, 0, 0, 1)[place % 4] for place, at in enumerate(dts)]
    assert found(track(0, "video", dts, pts)) is None


def test_more_laps_than_may_be_are_not_laid() -> None:
    laps = found(track(0, "video", [place % 2 * SECOND for place in range(100_000)]))
    assert laps is not None
    assert (laps.moves, laps.remark) == ((), LOST)


def test_laps_that_cannot_be_matched_are_not_laid() -> None:
    once, twice, far = (
        track(1, "audio", lap(0, 100), places=range(0, 200_000, 2000)),
        [*lap(0), *lap(0)],
        [*lap(60_000), *lap(0)],
    )
    packed = track(1, "audio", twice).model_copy(update={"listed": False})
    for tracks in ([track(0, "video", twice), once], [track(0, "video", twice), packed], [track(0, "video", far)]):
        laps = found(*tracks)
        assert laps is not None
        assert (laps.moves, laps.clock, laps.remark) == ((), (), LOST)


def test_what_ffmpeg_says_of_the_clock_is_no_damage() -> None:
    laps = Laps((), reading())
    clock = "[s16le] Application provided invalid, non monotonically increasing dts to muxer in stream 0: 5 >= 4"
    assert laps.complaints([clock, "[h264] error while decoding MB 3 4"]) == ["[h264] error while decoding MB 3 4"]
