"""Transport streams whose pictures are few, or begin long after their sound, and such whose track never begins."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import imageio_ffmpeg
import pytest

from evidence.vocabulary import Condition, RenditionKind, RenditionMethod, RenditionState
from tests.support.media import AAC, PLAIN, REORDERED
from tests.support.numbered import packet_times
from tests.support.workroom import Workroom
from transcode.inside.guards import READ_AHEAD_BYTES
from transcode.probe import Examination, examine
from transcode.ranges import FileRanges
from transcode.settings import TranscodeSettings

MIB: Final = 1 << 20
HEVC: Final = ("-c:v", "libx265", "-x265-params", "log-level=none")
"""Its encoder holds pictures back for so long that half a minute of sound stands in the file before the first."""
MPEG2: Final = ("-c:v", "mpeg2video", "-c:a", "mp2")
SLOW: Final = ("-vf", "fps=1/2")
SLOWER: Final = ("-vf", "fps=1/5")
FULL: Final = (*REORDERED, "-b:v", "16M", "-minrate", "16M", "-maxrate", "16M", "-bufsize", "16M", *AAC)
"""Sixteen megabits in each second, most of them filler."""
NULL: Final = 0x1FFF
FIRST_PID: Final = 0x100


def stream(path: Path, *coding: str, seconds: int = 40, pictures: int = 0, sound: int = 0) -> Path:
    """A transport stream in which pictures and sound begin after so many seconds."""
    ffmpeg(
        "-itsoffset", str(pictures), "-f", "lavfi", "-i", f"testsrc2=s=320x240:r=25:d={seconds - pictures}",
        "-itsoffset", str(sound), "-f", "lavfi", "-i", f"sine=440:r=48000:d={seconds - sound}", *coding, str(path),
    )  # fmt: skip
    return path


def padded(path: Path, *, seconds: int, sound: int = 0, coding: tuple[str, ...] = REORDERED) -> Path:
    """A transport stream of sixteen megabits in each second, most of them packets that belong to no track."""
    return stream(path, *coding, *AAC, "-muxrate", "16M", seconds=seconds, sound=sound)


def silenced(path: Path, silent: Path, number: int = 1) -> Path:
    """The same stream without one packet of a track that its tables declare."""
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 188):
        if int.from_bytes(data[place + 1 : place + 3], "big") & NULL == FIRST_PID + number:
            data[place : place + 188] = b"\x47\x1f\xff\x10".ljust(188, b"\xff")
    silent.write_bytes(data)
    return silent


def ffmpeg(*told: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-bitexact", *told]
    subprocess.run(command, check=True, timeout=120, capture_output=True)


def between(path: Path) -> float:
    """How long after the first sound the first picture is shown, in seconds."""
    pictures, sound = (min(at for at, _ in packet_times(path, kind)) for kind in ("video", "audio"))
    return pictures - sound


def examined(path: Path, settings: TranscodeSettings) -> Examination:
    with FileRanges(path) as ranges:
        return examine(ranges, settings)


@pytest.mark.parametrize(
    ("coding", "late", "method"),
    [
        ((*SLOW, *HEVC, "-c:a", "mp2"), {}, RenditionMethod.TRANSCODE),
        ((*SLOWER, *REORDERED, *AAC), {}, RenditionMethod.REMUX),
        ((*REORDERED, *AAC), {"pictures": 12, "seconds": 16}, RenditionMethod.REMUX),
        ((*REORDERED, *AAC), {"sound": 12, "seconds": 16}, RenditionMethod.REMUX),
        ((*PLAIN, *AAC), {"sound": 12, "seconds": 16}, RenditionMethod.REMUX),
        ((*PLAIN, *AAC), {"pictures": 12, "seconds": 16}, RenditionMethod.REMUX),
        ((*REORDERED, "-c:a", "ac3"), {"pictures": 12, "seconds": 16}, RenditionMethod.REMUX),
        ((*SLOWER, *MPEG2), {}, RenditionMethod.TRANSCODE),
        (MPEG2, {"pictures": 70, "seconds": 74}, RenditionMethod.TRANSCODE),
    ],
    ids=[
        "slow-hevc",
        "slower-h264",
        "late-pictures",
        "late-sound",
        "late-sound-in-order",
        "late-pictures-in-order",
        "late-pictures-and-foreign-sound",
        "slower-mpeg2",
        "later-mpeg2",
    ],
)
def test_a_stream_whose_tracks_begin_late_plays_and_is_shown(
    workroom: Workroom, tmp_path: Path, coding: tuple[str, ...], late: dict[str, int], method: RenditionMethod
) -> None:
    recording = workroom.keeps(stream(tmp_path / "late.ts", *coding, **late))
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    assert {kind: row.reason for kind, row in rows.items() if row.state is not RenditionState.READY} == {}
    assert rows[RenditionKind.PLAYBACK].method is method, rows[RenditionKind.PLAYBACK].why
    assert rows[RenditionKind.PLAYBACK].facts["frames_exact"]
    assert rows[RenditionKind.PLAYBACK].facts["packets_proven"] is (method is RenditionMethod.REMUX)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(workroom.bytes_of(rows[RenditionKind.PLAYBACK]))
    apart = late.get("pictures", 0) - late.get("sound", 0)
    assert between(copy) == pytest.approx(apart, abs=0.15), "sound and pictures stand as in the master"
    assert workroom.recording(recording).condition is Condition.SOUND
    assert not workroom.quarantined(recording)


def test_reading_ahead_costs_an_ordinary_stream_nothing_and_one_that_never_begins_little(
    tmp_path: Path, settings: TranscodeSettings
) -> None:
    whole, empty = stream(tmp_path / "whole.ts", *FULL, "-x264-params", "nal-hrd=cbr"), tmp_path / "empty.ts"
    ffmpeg("-i", str(whole), "-map", "0", "-map", "0:v", "-c", "copy", "-bsf:v:1", "noise=drop=1", str(empty))
    assert min(path.stat().st_size for path in (whole, empty)) > 3 * READ_AHEAD_BYTES
    ordinary, never = examined(whole, settings), examined(empty, settings)
    assert ordinary.facts is not None
    assert never.facts is not None
    assert [each.kind for each in never.facts.streams] == ["video", "audio", "video"]
    assert not ordinary.facts.late
    assert not never.facts.late
    assert ordinary.ending.bytes_served < READ_AHEAD_BYTES
    # Its first picture is waited for over as many packets as before, and what was read ahead of them counts as read.
    assert never.ending.bytes_served < 72 * MIB < empty.stat().st_size


def test_a_padded_stream_whose_track_never_begins_is_no_danger(tmp_path: Path, settings: TranscodeSettings) -> None:
    silent = silenced(padded(tmp_path / "padded.ts", seconds=140), tmp_path / "silent.ts")
    assert silent.stat().st_size > settings.probe_bytes
    seen = examined(silent, settings)
    assert seen.verdict.condition is Condition.SOUND, seen.verdict.sentence
    assert seen.facts is not None
    assert seen.ending.bytes_served < settings.probe_bytes // 2


def test_reading_ahead_ends_where_a_stream_lies_about_its_length(tmp_path: Path, settings: TranscodeSettings) -> None:
    silent = silenced(padded(tmp_path / "padded.ts", seconds=140), tmp_path / "silent.ts")
    later = stream(tmp_path / "later.ts", *REORDERED, *AAC, "-output_ts_offset", "20000", seconds=2)
    with silent.open("ab") as end:
        end.write(later.read_bytes())
    seen = examined(silent, settings)
    assert seen.facts is not None, seen.verdict.sentence
    assert seen.verdict.condition is not Condition.HOSTILE
    assert seen.ending.bytes_served < settings.probe_bytes


def test_a_late_track_of_a_padded_stream_is_found(tmp_path: Path, settings: TranscodeSettings) -> None:
    seen = examined(padded(tmp_path / "padded.ts", seconds=30, sound=12), settings)
    assert seen.facts is not None
    assert seen.facts.late
    assert [bool(each.sample_rate) for each in seen.facts.sounds] == [True]
    assert seen.verdict.condition is Condition.SOUND
