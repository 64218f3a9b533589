"""What is said of a copy's pictures and sound is so in the time of the player, however the master came to be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from evidence.models import Rendition
from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState
from tests.integration.transcode.test_laps import made, muted
from tests.support.media import REORDERED
from tests.support.numbered import numbered, packet_times
from tests.support.workroom import Workroom

MPEG2 = ("-c:v", "mpeg2video")


def joined(folder: Path, *codings: tuple[str, ...]) -> Path:
    """Stretches of four seconds each, one after the other in one file."""
    laps = [numbered(folder / f"part-{place}.ts", *coding, seconds=4) for place, coding in enumerate(codings)]
    whole = folder / "whole.ts"
    whole.write_bytes(b"".join(lap.read_bytes() for lap in laps))
    return whole


def remarks(row: Rendition) -> str:
    return " ".join(row.facts["remarks"])


def test_sound_that_is_lost_at_a_change_of_codec_is_said_to_be(workroom: Workroom, tmp_path: Path) -> None:
    row, copy = made(workroom, joined(tmp_path, (*REORDERED, "-c:a", "aac"), (*REORDERED, "-c:a", "mp2")))
    assert packet_times(copy, "audio")[0][0] == pytest.approx(4, abs=0.1)
    assert "of sound track 1 could be decoded; it begins at 4.0 s" in remarks(row)
    assert row.facts["recovered"]["sound_ms"] == pytest.approx(4000, abs=150)
    assert "4.0 s of sound, from 4.0 to 8.0 s" in row.facts["recovered"]["says"]


def test_pictures_that_are_lost_are_told_of_in_the_time_of_the_player(workroom: Workroom, tmp_path: Path) -> None:
    row, copy = made(workroom, joined(tmp_path, (*REORDERED, "-c:a", "ac3"), (*MPEG2, "-c:a", "mp2")))
    times = [at for at, _ in packet_times(copy, "video")]
    told = row.facts["recovered"]
    assert min(times) == pytest.approx(4, abs=0.1)
    assert (told["from_ms"], told["to_ms"]) == (
        pytest.approx(min(times) * 1000, abs=2), pytest.approx(max(times) * 1000, abs=2),
    )  # fmt: skip
    assert "pictures could be decoded; the first of them stands at 4.0 s" in remarks(row)
    assert row.facts["plays_ms"] == pytest.approx(8000, abs=150)


def test_silence_in_the_master_is_not_lacking_in_the_copy(workroom: Workroom, tmp_path: Path) -> None:
    row, _ = made(workroom, muted(tmp_path, *MPEG2, "-c:a", "mp2"))
    assert not row.facts["remarks"]


@pytest.mark.parametrize("late", ["sound", "pictures"])
def test_what_begins_late_in_the_master_may_begin_late_in_the_copy(
    workroom: Workroom, tmp_path: Path, late: str
) -> None:
    whole, master = numbered(tmp_path / "whole.ts", *MPEG2, "-c:a", "mp2", seconds=8), tmp_path / "late.ts"
    offset = ("-itsoffset", "3", "-i", str(whole))
    first, second = ("0:v", "1:a") if late == "sound" else ("1:v", "0:a")
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(whole), *offset]
    words += ["-map", first, "-map", second, "-c", "copy", str(master)]
    subprocess.run(words, check=True, timeout=60)
    row, _ = made(workroom, master)
    said = [re.sub(r"\d+\.\d s", "N s", each) for each in row.facts["remarks"]]
    assert said == (["the pictures end at N s, and sound goes on to N s"] if late == "sound" else [])
    assert "recovered" not in row.facts


@pytest.mark.parametrize("sound", ["aac", "ac3"], ids=["copied", "encoded"])
def test_streams_that_appear_on_the_way_leave_the_rest_to_be_played(
    workroom: Workroom, tmp_path: Path, sound: str
) -> None:
    first, later = numbered(tmp_path / "first.ts", *REORDERED, "-c:a", sound, seconds=4), tmp_path / "later.ts"
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(first), "-c", "copy"]
    words += ["-mpegts_start_pid", "0x200", "-mpegts_pmt_start_pid", "0x1100", str(later)]
    subprocess.run(words, check=True, timeout=60)
    whole = tmp_path / "whole.ts"
    whole.write_bytes(first.read_bytes() + later.read_bytes())
    recording = workroom.keeps(whole)
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    playback = rows[RenditionKind.PLAYBACK]
    assert playback.state is RenditionState.READY, playback.reason
    assert {kind: row.reason for kind, row in rows.items() if row.state is not RenditionState.READY} == {}
    assert "a part of the master is not shown: its last 5" in remarks(playback)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"], ids=["served as it is", "copied"])
def test_other_pictures_are_said_not_to_be_shown(workroom: Workroom, tmp_path: Path, suffix: str) -> None:
    first, second = (
        numbered(tmp_path / f"{seconds}.mp4", *REORDERED, "-c:a", "aac", seconds=seconds) for seconds in (6, 4)
    )
    master = tmp_path / f"two.{suffix}"
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(first), "-i", str(second)]
    words += ["-map", "0:v", "-map", "1:v", "-map", "0:a", "-c", "copy", str(master)]
    subprocess.run(words, check=True, timeout=60)
    recording = workroom.keeps(master)
    workroom.examines(recording)
    with workroom.working():
        row = workroom.finished(recording)[RenditionKind.PLAYBACK]
    assert row.state is RenditionState.READY, row.reason
    assert (row.method is RenditionMethod.DIRECT) == (suffix == "mp4")
    assert row.facts.get("remarks") == ["the master has other pictures, too, which are not shown here: 4.0 s of them"]


def test_pictures_that_begin_where_sound_was_are_said_not_to_be_shown(workroom: Workroom, tmp_path: Path) -> None:
    whole, heard = numbered(tmp_path / "both.ts", *REORDERED, "-c:a", "aac", seconds=6), tmp_path / "heard.ts"
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(whole), "-map", "0:a", "-c", "copy", str(heard)]
    subprocess.run(words, check=True, timeout=60)
    master = tmp_path / "first-heard.ts"
    master.write_bytes(heard.read_bytes() + whole.read_bytes())
    row, copy = made(workroom, master)
    assert packet_times(copy, "audio")
    assert "the master has pictures, too, which are not shown here: 6.0 s of them" in row.facts["remarks"]
