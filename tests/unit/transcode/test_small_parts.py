"""Progress lines, endings, frame times, storyboards and waveforms: the pure parts."""

from __future__ import annotations

import array
import json
import struct
from itertools import accumulate, chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcode.ending import How, Kept, how_it_ended, printable
from transcode.media import MediaFacts, StreamFacts
from transcode.progress import ProgressReader
from transcode.storyboard import cues, storyboard
from transcode.timing import agreement, frame_table
from transcode.waveform import Blocks, Waveform


def test_progress_is_a_fraction_of_the_recording() -> None:
    reader = ProgressReader(10_000)
    lines = ["frame=12", "out_time_us=2500000", "speed=1.98x", "progress=continue"]
    assert [reader.take(line) for line in lines] == [False, False, False, True]
    assert (reader.fraction, reader.frames, reader.speed) == (0.25, 12, 1.98)


def test_pictures_tell_how_far_and_how_fast_before_ffmpeg_does() -> None:
    reader = ProgressReader(10_000, now=iter([100.0, 100.5, 101.0]).__next__)
    assert reader.take("at=1")
    assert (reader.fraction, reader.speed) == (0.1, None)
    assert [reader.take(line) for line in ("at=2.5", "at=N/A", "at=nan", "at=2")] == [True, False, False, True]
    assert (reader.fraction, reader.speed) == (0.25, 1.0)


def test_progress_without_a_length_is_not_guessed() -> None:
    reader = ProgressReader(0)
    reader.take("out_time_us=N/A")
    reader.take("out_time_us=1")
    assert reader.fraction is None


@pytest.mark.parametrize(
    ("code", "messages", "cpu_left", "how"),
    [
        (0, (), 5, How.CLEAN),
        (0, ("get_buffer() failed",), 5, How.WITH_MESSAGES),
        (1, ("Invalid argument",), 5, How.EXIT_CODE),
        (255, (), 0.1, How.CPU_LIMIT),
        (1, ("Error: File too large",), 5, How.FILE_LIMIT),
        (1, ("Cannot allocate memory",), 5, How.OUT_OF_MEMORY),
        (-25, (), 5, How.FILE_LIMIT),
        (-24, (), 5, How.CPU_LIMIT),
        (-9, (), 0.0, How.CPU_LIMIT),
        (-9, (), 5, How.SIGNAL),
        (-11, (), 5, How.SIGNAL),
    ],
)
def test_every_way_to_end_has_its_own_word(code: int, messages: tuple[str, ...], cpu_left: float, how: How) -> None:
    assert how_it_ended(code, messages, cpu_left=cpu_left, walled=True) is how


def test_a_child_that_never_put_on_its_wall_never_began() -> None:
    assert how_it_ended(1, (), cpu_left=5, walled=False) is How.NO_WALL


def test_a_flood_of_messages_is_cut_in_the_middle() -> None:
    kept = Kept(1000)
    for number in range(10_000):
        kept.take(f"line {number}\n".encode())
    lines = kept.lines()
    assert lines[0] == "line 0"
    assert lines[-1] == "line 9999"
    assert sum(map(len, lines)) <= 1100


def test_messages_carry_no_addresses_and_no_control_characters() -> None:
    kept = Kept(1000)
    kept.take(b"[h264 @ 0x55d1f2] bad \x1b[31m\xe2\x80\xae\n")
    assert kept.lines() == ("[h264] bad \\x1b[31m\\u202e",)
    assert printable("tab\there") == "tab\\there"


def test_a_copy_with_the_master_s_frames_at_the_master_s_times_agrees() -> None:
    master = [1_400_000 + 40_000 * number for number in range(100)]
    copy = [40_000 * number for number in range(100)]
    assert agreement(master, copy, start=1_400_000).exact


def test_a_copy_that_ends_early_does_not_agree() -> None:
    master = [40_000 * number for number in range(100)]
    found = agreement(master, master[:60], start=0)
    assert not found.exact
    assert (found.master_frames, found.copy_frames, found.strangers) == (100, 60, 0)


def test_a_frame_at_another_time_is_a_stranger() -> None:
    master = [40_000 * number for number in range(10)]
    copy = [*master[:5], *(each + 20_000 for each in master[5:])]
    found = agreement(master, copy, start=0)
    assert (found.strangers, found.worst_us) == (5, 20_000)


def test_two_pictures_of_a_copy_are_not_both_the_same_of_the_master() -> None:
    found = agreement([0, 40_000, 80_000], [0, 0, 80_000], start=0)
    assert not found.exact
    assert (found.strangers, found.worst_us) == (1, 40_000)
    assert agreement([0, 40_000, 80_000], [0, 80_000, 80_900], start=0).strangers == 1


def test_pictures_of_a_master_that_share_a_time_are_each_found_in_the_copy() -> None:
    shared = [0, 40_000, 40_000, 40_300, 80_000, 80_000]
    found = agreement([at + 1_400_000 for at in shared], shared, start=1_400_000)
    assert (found.exact, found.worst_us) == (True, 0)
    rounded = [0, 40_000, 40_000, 40_000, 80_000, 80_000]
    assert agreement(shared, rounded, start=0).exact
    assert agreement(shared, shared[:-1], start=0).strangers == 0


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=60))
def test_the_frame_table_gives_every_time_back(ticks: list[int]) -> None:
    table = json.loads(frame_table(ticks, 90_000))
    differences = chain.from_iterable(repeat(step, count) for step, count in table["steps"])
    assert list(accumulate(differences, initial=table["first"])) == sorted(ticks)


@pytest.mark.parametrize(("seconds", "interval", "count"), [(5, 1.0, 5), (600, 6.0, 100), (3600, 10.0, 360)])
def test_a_storyboard_has_a_picture_every_ten_seconds_or_more_often(seconds: int, interval: float, count: int) -> None:
    stream = StreamFacts(index=0, kind="video", codec="h264", decoded=True, width=1920, height=1080)
    board = storyboard(MediaFacts(container="mp4", size=1, duration_ms=seconds * 1000, streams=(stream,)))
    assert (board.interval, board.count, board.height) == (interval, count, 90)


def test_a_storyboard_of_a_day_is_not_a_thousand_sheets() -> None:
    stream = StreamFacts(index=0, kind="video", codec="h264", decoded=True, width=1920, height=1080)
    board = storyboard(MediaFacts(container="mp4", size=1, duration_ms=36 * 3600 * 1000, streams=(stream,)))
    assert board.sheets <= 9


def test_cues_name_sheet_and_place() -> None:
    text = cues([float(number) for number in range(101)], end=102.5, width=160, height=90)
    assert text.startswith("WEBVTT\n")
    assert "00:00:11.000 --> 00:00:12.000\nstoryboard-001.jpg#xywh=160,90,160,90" in text
    assert text.rstrip().endswith("00:01:40.000 --> 00:01:42.500\nstoryboard-002.jpg#xywh=0,0,160,90")


def test_a_waveform_keeps_the_extremes_of_each_tenth_of_a_second() -> None:
    wave = Waveform(2)
    left = [0, 25_600, -12_800] + [0] * 797
    right = [256] * 800
    data = array.array("h", chain.from_iterable(zip(left, right, strict=True))).tobytes()
    for start in range(0, len(data), 7):
        wave.take(data[start : start + 7])
    told = json.loads(wave.as_json())
    assert told["peaks"] == [[-50, 100], [1, 1]]
    assert wave.length_ms == 100


def test_progress_words_that_make_no_sense_are_passed_over() -> None:
    reader = ProgressReader(10_000, now=iter([100.0, 101.0]).__next__)
    reader.take("out_time_us=5000000")
    absurd = ["at=1e305", "at=inf", "at=-1e305", f"out_time_us={'9' * 4000}", f"out_time_us={'9' * 5000}"]
    absurd += ["out_time_us=²", "out_time_us=--5", "frame=²", f"frame={'9' * 5000}", "speed=infx", "speed=1e308x"]
    assert not any(reader.take(line) for line in absurd)
    assert (reader.fraction, reader.frames, reader.speed) == (0.5, 0, None)


def smjpeg(*blocks: tuple[int, bytes]) -> bytes:
    head = b"\0\nSMJPEG" + bytes(8) + b"_SND" + struct.pack(">I", 8) + bytes(8) + b"HEND"
    return head + b"".join(b"sndD" + struct.pack(">iI", at, len(data)) + data for at, data in blocks) + b"DONE"


def test_a_waveform_is_silent_where_nothing_is_heard() -> None:
    loud = array.array("h", [25_600, -25_600] * 400).tobytes()
    for step in (1, 7, 100_000):
        wave = Waveform(1)
        blocks, told = Blocks(wave), smjpeg((200, loud), (301, loud), (800, loud[:800]), (100, loud))
        for start in range(0, len(told), step):
            blocks.take(told[start : start + step])
        assert wave.length_ms == 350, "silence is not sound that came in"
        here, silent = [-100, 100], [0, 0]
        assert json.loads(wave.as_json())["peaks"] == [[*silent, *here, *here, *here, *silent * 4, *here]]


def test_no_waveform_is_longer_than_two_days_and_none_fails_by_nonsense() -> None:
    wave = Waveform(1)
    blocks = Blocks(wave)
    blocks.take(smjpeg((2**31 - 1, bytes(1600)), (-(2**31), bytes(1600)), (0, bytes(1600))))
    blocks.take(b"nonsense")
    assert wave.peaks == [[0, 0]]
    other = Blocks(wave)
    for _ in range(100):
        other.take(bytes(1000))
    assert wave.peaks == [[0, 0]]
