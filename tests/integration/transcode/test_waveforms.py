"""Waveforms are drawn on the player's clock: silence that no packet fills is silence, and a late beginning is late."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState
from tests.support.media import REORDERED
from tests.support.numbered import numbered
from tests.support.workroom import Workroom

COPIED = ("-c:a", "aac")
ENCODED = ("-c:v", "mpeg2video", "-c:a", "mp2")
GAP = "gte(x,4)*lt(x,16)"
LATE = "lt(x,8)"


def without_packets(folder: Path, coding: tuple[str, ...], dropped: str, suffix: str = "ts") -> Path:
    """Twenty seconds of which some packets of sound are left out: `x` in an expression is seconds since the first."""
    whole, found = numbered(folder / f"whole.{suffix}", *REORDERED, *coding, seconds=20), folder / f"some.{suffix}"
    without = "noise=drop=" + dropped.replace("x", "((pts-startpts)*tb)").replace(",", "\\,")
    told = ["-copyts", "-i", str(whole), "-map", "0", "-c", "copy", "-bsf:a", without, "-y", str(found)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *told], check=True, timeout=60)
    return found


def loud(workroom: Workroom, path: Path, method: RenditionMethod) -> list[bool]:
    """Whether there is sound in most of each second of the recording's waveform."""
    recording = workroom.keeps(path)
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    assert rows[RenditionKind.PLAYBACK].method is method, rows[RenditionKind.PLAYBACK].why
    row = rows[RenditionKind.WAVEFORM]
    assert row.state is RenditionState.READY, row.reason
    peaks = json.loads(workroom.bytes_of(row))["peaks"][0]
    tenths = [most - least > 5 for least, most in zip(peaks[::2], peaks[1::2], strict=True)]
    return [sum(tenths[start : start + 10]) > 5 for start in range(0, len(tenths) - 5, 10)]


@pytest.mark.parametrize(
    ("suffix", "coding", "dropped", "method"),
    [
        ("ts", COPIED, GAP, RenditionMethod.REMUX),
        ("mkv", COPIED, GAP, RenditionMethod.REMUX),
        ("mkv", COPIED, LATE, RenditionMethod.REMUX),
        ("mp4", COPIED, LATE, RenditionMethod.DIRECT),
        ("ts", COPIED, LATE, RenditionMethod.REMUX),
        ("ts", ENCODED, GAP, RenditionMethod.TRANSCODE),
        ("ts", ENCODED, LATE, RenditionMethod.TRANSCODE),
        ("mkv", ENCODED, GAP, RenditionMethod.TRANSCODE),
        ("mkv", ENCODED, LATE, RenditionMethod.TRANSCODE),
    ],
)
def test_sound_is_drawn_when_it_is_heard(
    workroom: Workroom, tmp_path: Path, suffix: str, coding: tuple[str, ...], dropped: str, method: RenditionMethod
) -> None:
    silent = range(8) if dropped is LATE else range(4, 16)
    found = loud(workroom, without_packets(tmp_path, coding, dropped, suffix), method)
    assert found == [second not in silent for second in range(20)]


def test_what_a_recording_is_called_is_no_part_of_its_sound(workroom: Workroom, tmp_path: Path) -> None:
    whole, found = numbered(tmp_path / "whole.mkv", *REORDERED, *ENCODED, seconds=4), tmp_path / "named.mkv"
    told = ["-i", str(whole), "-c", "copy", "-metadata", "title=HENDON 12", "-y", str(found)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *told], check=True, timeout=60)
    assert loud(workroom, found, RenditionMethod.TRANSCODE) == [True] * 4
