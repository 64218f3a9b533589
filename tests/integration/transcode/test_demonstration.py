"""The demonstration's footage: real files, that say of themselves what our readers then read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from evidence.vocabulary import RecordingKind
from ingest.facts import RecordingFacts, settle_facts
from ingest.names import facts_from_name
from ingest.sidecars import Listing, kind_of, read
from transcode.demonstration import FootageNotMade, make_footage

CODECS = {
    "Axon_Body_4_Video_2026-03-14_0907_D01A1234X.mp4": ("h264", "aac"),
    "Axon_Body_4_Video_2026-03-14_0931_D01A1234X.mp4": ("h264", "aac"),
    "JaneSmith_202603140912_BWL9999999-0.mp4": ("h264", "aac"),
    "20260314_091430_a1b2.mkv": ("h264", "aac"),
    "A1B2C3D_001234_20260314084500_0001.AVI": ("mpeg4", "mp3float"),
    "VID_20260314_090215.mp4": ("hevc", "aac"),
    "INT-2026-0042.wav": ("pcm_s16le",),
    "INT-2026-0043.mp4": ("h264", "aac"),
}
DAMAGED = "Axon_Body_4_Video_2026-03-13_2231_D01A5678K.mp4"
EMPTY = "Axon_Body_4_Video_2026-03-13_2240_D01A5678K.mp4"


@pytest.fixture(scope="module")
def ffmpeg() -> Path:
    return Path(imageio_ffmpeg.get_ffmpeg_exe())


@pytest.fixture(scope="module")
def docked(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Path:
    folder = tmp_path_factory.mktemp("dock")
    made = make_footage(folder, ffmpeg)
    assert sorted(made) == sorted(path for path in folder.rglob("*") if path.is_file())
    return folder


def facts_of(docked: Path, file: str) -> RecordingFacts:
    """One recording as intake would describe it, from its device's folder."""
    path = next(docked.rglob(file))
    device = docked / path.relative_to(docked).parts[0]
    names = [each.relative_to(device).as_posix().encode() for each in device.rglob("*") if each.is_file()]
    name, listing = path.relative_to(device).as_posix().encode(), Listing(names)
    sidecars = []
    for beside in names:
        kind = kind_of(beside)
        if kind and name in listing.recordings_of(beside):
            sidecars.append(read(kind, beside, (device / beside.decode()).read_bytes()))
    measured = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return settle_facts(facts_from_name(name), sidecars, measured=measured)


def test_every_clip_has_its_codecs_and_length(docked: Path) -> None:
    for file, codecs in CODECS.items():
        with av.open(str(next(docked.rglob(file)))) as container:
            assert tuple(stream.codec_context.name for stream in container.streams) == codecs, file
            assert container.duration is not None
            assert 8 <= container.duration / av.time_base <= 21, file
            assert sum(1 for _ in container.decode(audio=0)) > 0, file


def test_the_damaged_clip_has_no_index_and_the_empty_one_nothing(docked: Path) -> None:
    damaged = next(docked.rglob(DAMAGED)).read_bytes()
    assert b"ftyp" in damaged[:16]
    assert b"moov" not in damaged
    assert next(docked.rglob(EMPTY)).stat().st_size == 0


def test_the_interview_has_two_channels(docked: Path) -> None:
    with av.open(str(next(docked.rglob("INT-2026-0042.wav")))) as container:
        assert (container.streams.audio[0].channels, container.streams.audio[0].sample_rate) == (2, 22_050)


@pytest.mark.parametrize("file", [*CODECS, DAMAGED, EMPTY])
def test_names_and_sidecars_agree(docked: Path, file: str) -> None:
    assert facts_of(docked, file).findings == ()


def test_what_the_cameras_say_is_read(docked: Path) -> None:
    axis, motorola = (
        facts_of(docked, "20260314_091430_a1b2.mkv"),
        facts_of(docked, "JaneSmith_202603140912_BWL9999999-0.mp4"),
    )
    interview = facts_of(docked, "INT-2026-0042.wav")
    assert (axis.title, axis.camera_serial, axis.complete) == ("AXIS W120, 14 March 2026 09:14", "B8A44F000001", True)
    assert (motorola.officer_as_stated, motorola.camera_serial) == ("Jane Smith", "BWL9999999")
    assert (interview.kind, interview.reference) == (RecordingKind.INTERVIEW, "AB/0042/26")


def test_it_is_small(docked: Path) -> None:
    assert sum(path.stat().st_size for path in docked.rglob("*") if path.is_file()) < 8_000_000


def test_without_ffmpeg_the_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(FootageNotMade, match="was not made"):
        make_footage(tmp_path, tmp_path / "no-such-ffmpeg")


@pytest.mark.slow
def test_every_run_makes_the_same_bytes(docked: Path, tmp_path: Path, ffmpeg: Path) -> None:
    for path in make_footage(tmp_path, ffmpeg):
        assert path.read_bytes() == (docked / path.relative_to(tmp_path)).read_bytes(), path.name
