"""Working copies of transport streams whose clock starts again on the way: one lap is laid after the other."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from evidence.models import Rendition
from evidence.vocabulary import Condition, RenditionKind, RenditionState
from tests.integration.transcode.test_clips_of_broken_masters import cut, tones
from tests.support.cutting import body_of, samples
from tests.support.media import REORDERED
from tests.support.numbered import numbered, numbers, packet_times
from tests.support.workroom import Workroom
from transcode.laps import LOST

SECOND = 1_000_000
HIGH = ("-af", "aeval=0.2*sin(2*PI*1500*t):c=same")


def joined(folder: Path, *codings: tuple[str, ...]) -> Path:
    """Laps of four seconds each, with pictures that show their numbers."""
    laps = [
        numbered(folder / f"lap-{place}.ts", *REORDERED, *coding, seconds=4) for place, coding in enumerate(codings)
    ]
    whole = folder / "whole.ts"
    whole.write_bytes(b"".join(lap.read_bytes() for lap in laps))
    return whole


def holds_both_laps(copy: Path) -> None:
    assert numbers(copy) == [*range(100), *range(100)]
    times = [at for at, _ in packet_times(copy, "video")]
    steps = [round(later - sooner, 3) for sooner, later in itertools.pairwise(times)]
    assert max(steps[:99] + steps[100:]) == pytest.approx(0.04, abs=0.002)
    assert 0.04 <= steps[99] < 0.12, "nothing between laps but what sound is longer than pictures"
    listened = samples(copy.read_bytes())
    assert abs(listened.shape[1] / 48_000 - 8) < 0.15
    assert tones(listened)[:16] == [440] * 8 + [1500] * 8


def says_so(row: Rendition) -> None:
    assert "recovered" not in row.facts
    assert (row.facts["frames_exact"], row.facts["worst_us"]) == (True, 0)
    assert row.facts["clock"].startswith("the master's clock starts again once on the way")
    assert row.facts["remarks"] == [row.facts["clock"]]
    assert "technical detail" not in row.why
    assert "long, the master's" not in row.why


@pytest.mark.parametrize("codec", ["ac3", "aac", "mp2"])
def test_two_laps_lie_end_to_end_with_their_sound(workroom: Workroom, tmp_path: Path, codec: str) -> None:
    recording = workroom.keeps(joined(tmp_path, ("-c:a", codec), (*HIGH, "-c:a", codec)))
    workroom.examines(recording)
    with workroom.working():
        row = workroom.finished(recording)[RenditionKind.PLAYBACK]
        heard = cut(workroom, recording, kind="sound", unit="microsecond", start=0, end=8 * SECOND)
        beside = cut(workroom, recording, start=90, end=110)
    found = workroom.recording(recording)
    assert row.state is RenditionState.READY, row.reason
    assert found.condition is Condition.SOUND
    assert abs((found.duration_ms or 0) - 8000) < 150
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(workroom.bytes_of(row))
    holds_both_laps(copy)
    says_so(row)
    assert heard.state is RenditionState.READY, heard.reason
    assert tones(samples(body_of(workroom, heard))) == [440] * 8 + [1500] * 8
    assert beside.state is RenditionState.READY, beside.reason
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(body_of(workroom, beside))
    assert numbers(clip) == [*range(90, 100), *range(10)]


def cue_times(text: str) -> list[float]:
    """When each picture of a storyboard begins, and when the last one ends, in seconds."""
    stamps = [line.split(" --> ") for line in text.splitlines() if "-->" in line]
    told = [*(begins for begins, _ in stamps), stamps[-1][1]]
    return [sum(float(each) * unit for each, unit in zip(at.split(":"), (3600, 60, 1), strict=True)) for at in told]


def test_a_storyboard_reaches_over_all_laps(workroom: Workroom, tmp_path: Path) -> None:
    recording = workroom.keeps(joined(tmp_path, *[("-c:a", "ac3")] * 3))
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    assert rows[RenditionKind.PLAYBACK].state is RenditionState.READY, rows[RenditionKind.PLAYBACK].reason
    times = cue_times(workroom.bytes_of(rows[RenditionKind.STORYBOARD]).decode())
    assert times == [*range(len(times))]
    assert times[-1] == pytest.approx(12.5, abs=0.6)


def test_laps_a_whole_clock_apart_are_as_long_as_they_play(workroom: Workroom, tmp_path: Path) -> None:
    # The second counts 33 bits to their end after about two seconds: by its header it all lasts for 26.5 hours.
    recording = workroom.keeps(joined(tmp_path, ("-c:a", "ac3"), ("-c:a", "ac3", "-output_ts_offset", "95440")))
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    copy = rows[RenditionKind.PLAYBACK]
    assert {kind: row.reason for kind, row in rows.items() if row.state is not RenditionState.READY} == {}
    assert abs((workroom.recording(recording).duration_ms or 0) - 8000) < 300
    times = cue_times(workroom.bytes_of(rows[RenditionKind.STORYBOARD]).decode())
    assert times == [*range(len(times))]
    assert times[-1] == pytest.approx(8, abs=0.6)
    assert copy.facts["clock"] == LOST
    assert not [said for said in copy.facts["remarks"] if "954" in said], (
        "no length or distance of a clock not followed"
    )


def test_what_is_joined_under_other_numbers_of_streams_is_said_not_to_be_shown(
    workroom: Workroom, tmp_path: Path
) -> None:
    other = ("-output_ts_offset", "4", "-mpegts_start_pid", "0x200")
    row, _ = made(workroom, joined(tmp_path, ("-c:a", "aac"), ("-c:a", "aac", *other)))
    assert [said for said in row.facts["remarks"] if "not shown here: 4.0 s" in said], row.facts["remarks"]


def muted(folder: Path, *coding: str, name: str = "muted.ts") -> Path:
    """Twenty seconds, with no packet of sound from the fourth to the sixteenth."""
    whole, found = numbered(folder / f"whole-{name}", *REORDERED, *coding, seconds=20), folder / name
    without = r"noise=drop=between((pts-startpts)*tb\,4\,16)"
    words = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        whole,
        "-map",
        "0",
        "-c",
        "copy",
        "-bsf:a",
        without,
        found,
    ]
    subprocess.run(words, check=True, timeout=60)
    return found


def made(workroom: Workroom, master: Path) -> tuple[Rendition, Path]:
    """The copy that was made to play, and its file beside the master's."""
    recording = workroom.keeps(master)
    workroom.examines(recording)
    with workroom.working():
        row = workroom.finished(recording)[RenditionKind.PLAYBACK]
    assert row.state is RenditionState.READY, row.reason
    copy = master.with_name("copy.mp4")
    copy.write_bytes(workroom.bytes_of(row))
    return row, copy


def is_silent_where_the_master_is(copy: Path) -> None:
    times = [at for at, _ in packet_times(copy, "audio")]
    last, first = max(itertools.pairwise(times), key=lambda each: each[1] - each[0])
    assert (last, first, times[-1]) == (
        pytest.approx(4, abs=0.1), pytest.approx(16, abs=0.1), pytest.approx(20, abs=0.15),
    )  # fmt: skip
    # Decoded without the time between them: eight seconds.
    assert set(tones(samples(copy.read_bytes()))[:15]) == {440}


@pytest.mark.parametrize("coding", [("-c:v", "mpeg2video", "-c:a", "mp2"), ("-c:a", "ac3")], ids=["mp2", "ac3"])
def test_a_long_silence_is_as_long_in_the_copy(workroom: Workroom, tmp_path: Path, coding: tuple[str, ...]) -> None:
    row, copy = made(workroom, muted(tmp_path, *coding))
    assert "recovered" not in row.facts
    assert "clock" not in row.facts
    assert (row.facts["frames_exact"], row.facts["worst_us"]) == (True, 0)
    assert len(packet_times(copy, "video")) == 500
    is_silent_where_the_master_is(copy)


@pytest.mark.parametrize("coding", [("-c:a", "ac3"), ("-c:a", "aac")], ids=["ac3", "aac"])
def test_a_lap_without_sound_gets_no_other_laps_sound(
    workroom: Workroom, tmp_path: Path, coding: tuple[str, ...]
) -> None:
    whole = tmp_path / "whole.ts"
    silent = numbered(tmp_path / "silent.ts", *REORDERED, "-an", seconds=4)
    whole.write_bytes(muted(tmp_path, *coding).read_bytes() + silent.read_bytes())
    row, copy = made(workroom, whole)
    says_so(row)
    times = [at for at, _ in packet_times(copy, "video")]
    assert (len(times), round(times[-1] - times[0])) == (600, 24)
    is_silent_where_the_master_is(copy)


@pytest.mark.parametrize("codec", ["ac3", "aac"])
def test_clips_have_the_sound_of_laps_around_one_that_has_none(workroom: Workroom, tmp_path: Path, codec: str) -> None:
    recording = workroom.keeps(joined(tmp_path, ("-c:a", codec), ("-an",), (*HIGH, "-c:a", codec)))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        clip = cut(workroom, recording, start=50, end=250)
        heard = cut(workroom, recording, kind="sound", unit="microsecond", start=0, end=12 * SECOND)
    assert (clip.state, heard.state) == (RenditionState.READY, RenditionState.READY), (clip.reason, heard.reason)
    beside, alone = tones(samples(body_of(workroom, clip))), tones(samples(body_of(workroom, heard)))
    assert (beside[:3], beside[5:11], beside[13:16]) == ([440] * 3, [0] * 6, [1500] * 3)
    assert (alone[:7], alone[9:15], alone[17:23]) == ([440] * 7, [0] * 6, [1500] * 6)


def test_laps_without_sound_are_laid_too(workroom: Workroom, tmp_path: Path) -> None:
    row, copy = made(workroom, joined(tmp_path, ("-c:a", "ac3"), ("-an",)))
    says_so(row)
    assert numbers(copy) == [*range(100), *range(100)]
    assert tones(samples(copy.read_bytes()))[:8] == [440] * 8
