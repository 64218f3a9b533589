"""Packets of real files: what was done to a copy is told, and FFmpeg counts the same."""

from __future__ import annotations

import subprocess
from pathlib import Path
from threading import Event

import imageio_ffmpeg
import pytest

from evidence.jobs import JobStopped
from tests.support.media import H264, PICTURE, POINTERS, SOUND, TIME_LIMIT, Footage
from transcode.counting import count
from transcode.matching import Finding, Kind, compare
from transcode.packets import Manifest, range_proof, read_manifest, verify_range
from transcode.plan import Limits
from transcode.ranges import FileRanges
from transcode.settings import TranscodeSettings

SAME, TIMED, SET_UP = Kind.SAME_PACKETS, Kind.TIMING_EQUAL, Kind.CONFIGURATION_EQUAL
AGREED = [SAME, TIMED, SET_UP]
COPY = ("-map", "0", "-c", "copy")
MASTER = (*PICTURE, *SOUND, *H264, "-bf", "2", "-x264-params", "scenecut=0", "-c:a", "aac", "-b:a", "64k")
LIMITS = Limits(seconds=60, cpu_seconds=30, file_size=0)


def ffmpeg(*told: str | Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-bitexact", *map(str, told)]
    return subprocess.run(command, check=True, timeout=TIME_LIMIT, capture_output=True).stdout.decode()


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of pictures, 25 a second in two groups, and sound."""
    path = tmp_path_factory.mktemp("packets") / "master.mp4"
    ffmpeg(*MASTER, path)
    return path


def counted(path: Path, settings: TranscodeSettings) -> Manifest:
    with FileRanges(path) as ranges:
        return count(ranges, LIMITS, settings)


def held(master: Path, copy: Path, settings: TranscodeSettings) -> list[Finding]:
    return compare(counted(master, settings), counted(copy, settings))


def kinds(found: list[Finding], stream: int = 0) -> list[Kind]:
    return [each.kind for each in found if each.stream == stream]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("remux.mp4", COPY),
        ("first.mp4", (*COPY, "-movflags", "+faststart")),
        ("fragmented.mp4", (*COPY, "-movflags", "+frag_keyframe+empty_moov")),
        ("remux.mkv", COPY),
        ("remux.mov", COPY),
        ("remux.ts", COPY),
        ("remux.flv", (*COPY, "-strict", "-1")),
    ],
)
def test_another_container_is_the_same_three_times(
    name: str, told: tuple[str, ...], master: Path, tmp_path: Path, settings: TranscodeSettings
) -> None:
    ffmpeg("-i", master, *told, tmp_path / name)
    found = held(master, tmp_path / name, settings)
    assert kinds(found, 0) == kinds(found, 1) == AGREED, [each.says for each in found]
    assert max(each.numbers.get("within_us", 0) for each in found) <= 1000


def test_a_transport_stream_and_back_is_the_master(master: Path, tmp_path: Path, settings: TranscodeSettings) -> None:
    ffmpeg("-i", master, *COPY, tmp_path / "there.ts")
    ffmpeg("-i", tmp_path / "there.ts", *COPY, tmp_path / "back.mkv")
    found = held(master, tmp_path / "back.mkv", settings)
    assert kinds(found, 0) == kinds(found, 1) == AGREED, [each.says for each in found]


def test_hevc_and_its_transport_stream_are_the_same(tmp_path: Path, settings: TranscodeSettings) -> None:
    plain = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:info=0", "-tag:v", "hvc1")
    ffmpeg(*PICTURE, *plain, tmp_path / "hevc.mp4")
    ffmpeg("-i", tmp_path / "hevc.mp4", *COPY, tmp_path / "hevc.ts")
    found = held(tmp_path / "hevc.mp4", tmp_path / "hevc.ts", settings)
    assert kinds(found) == AGREED, [each.says for each in found]


def test_half_speed_is_seen_where_a_plain_hash_sees_nothing(
    master: Path, tmp_path: Path, settings: TranscodeSettings
) -> None:
    slow = tmp_path / "slow.mp4"
    ffmpeg("-i", master, *COPY, "-bsf:v", "setts=pts=2*PTS:dts=2*DTS", slow)
    assert stream_hash(master) == stream_hash(slow)
    found = held(master, slow, settings)
    assert kinds(found) == [SAME, Kind.TIMING_ALTERED, SET_UP]
    assert "plays at 0.5 of the master's speed" in found[1].says


def test_a_cropped_display_is_seen_where_a_plain_hash_sees_nothing(
    master: Path, tmp_path: Path, settings: TranscodeSettings
) -> None:
    cropped = tmp_path / "cropped.mp4"
    ffmpeg("-i", master, *COPY, "-bsf:v", "h264_metadata=crop_left=80", cropped)
    assert stream_hash(master) == stream_hash(cropped)
    found = held(master, cropped, settings)
    assert kinds(found) == [SAME, TIMED, Kind.DISPLAY_ALTERED]
    assert "240 by 240 instead of 320 by 240" in found[2].says


def test_a_turned_display_is_seen(master: Path, tmp_path: Path, settings: TranscodeSettings) -> None:
    ffmpeg("-display_rotation", "90", "-i", master, *COPY, tmp_path / "turned.mp4")
    found = held(master, tmp_path / "turned.mp4", settings)
    assert kinds(found) == [SAME, TIMED, Kind.DISPLAY_ALTERED]
    assert "turned" in found[2].says


def test_a_crop_hidden_in_the_packets_of_a_transport_stream_is_seen(
    master: Path, tmp_path: Path, settings: TranscodeSettings
) -> None:
    """Only the second group of pictures has another size: the header says nothing of it."""
    first, second, both = (tmp_path / name for name in ("first.ts", "second.ts", "both.ts"))
    ffmpeg("-i", master, "-map", "0:v", "-c", "copy", "-t", "0.9", first)
    crop = "h264_mp4toannexb,h264_metadata=crop_left=80"
    ffmpeg("-ss", "1", "-i", master, "-map", "0:v", "-c", "copy", "-bsf:v", crop, second)
    both.write_bytes(first.read_bytes() + second.read_bytes())
    plain = tmp_path / "plain.ts"
    ffmpeg("-ss", "1", "-i", master, "-map", "0:v", "-c", "copy", second)
    plain.write_bytes(first.read_bytes() + second.read_bytes())
    found = held(plain, both, settings)
    assert SAME in kinds(found)
    assert Kind.DISPLAY_ALTERED in kinds(found)


def test_dropped_packets_are_named(master: Path, tmp_path: Path, settings: TranscodeSettings) -> None:
    ffmpeg("-i", master, *COPY, "-bsf:v", "noise=drop=between(n\\,30\\,33)", tmp_path / "dropped.mp4")
    found = held(master, tmp_path / "dropped.mp4", settings)
    assert kinds(found) == [Kind.PACKETS_MISSING, TIMED, SET_UP]
    assert "46 of the master's 50 packets; 4 missing at 30 to 33" in found[0].says
    assert kinds(found, 1) == AGREED


def test_what_was_encoded_again_is_not_the_master_s(master: Path, tmp_path: Path, settings: TranscodeSettings) -> None:
    ffmpeg("-i", master, *H264, "-crf", "30", "-c:a", "copy", tmp_path / "again.mp4")
    found = held(master, tmp_path / "again.mp4", settings)
    assert kinds(found) == [Kind.NOT_THE_MASTERS]
    assert kinds(found, 1) == AGREED


def test_a_clip_is_a_run_that_can_be_proved(master: Path, tmp_path: Path, settings: TranscodeSettings) -> None:
    ffmpeg("-ss", "1", "-i", master, *COPY, tmp_path / "clip.mp4")
    mine, theirs = counted(master, settings), counted(tmp_path / "clip.mp4", settings)
    found = compare(mine, theirs)
    assert kinds(found) == [Kind.CLIP, TIMED, SET_UP]
    assert (found[0].numbers["first"], found[0].numbers["last"]) == (25, 49)
    whole, clip = mine.tracks[0], theirs.tracks[0]
    hashes = [clip.hashes[place : place + 32] for place in range(0, len(clip.hashes), 32)]
    verify_range(hashes, 25, 50, range_proof(whole, 25, 50), whole.payload)


def stream_hash(path: Path) -> str:
    """SHA-256 over all the pictures' packets, as FFmpeg has it."""
    return ffmpeg("-i", path, "-map", "0:v", "-c", "copy", "-f", "streamhash", "-hash", "sha256", "-").strip()


@pytest.mark.parametrize("name", ["plain.mp4", "reordered.mp4", "h264.mkv", "hevc.mp4", "asp.avi", "speech.wav"])
def test_ffmpeg_hashes_the_same_packets(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    path = footage.of(name)
    told = ffmpeg("-i", path, "-map", "0", "-c", "copy", "-copyts", "-f", "framehash", "-hash", "sha256", "-")
    lines = [[part.strip() for part in line.split(",")] for line in told.splitlines() if not line.startswith("#")]
    header = [line.removeprefix("#extradata ").split(",") for line in told.splitlines() if line.startswith("#extra")]
    config = {int(parts[0].rstrip(":")): parts[-1].strip() for parts in header}
    manifest = counted(path, settings)
    assert manifest.tracks
    for number, track in enumerate(manifest.tracks):
        rows = [line for line in lines if int(line[0]) == number]
        assert track.hashes.hex() == "".join(row[5] for row in rows)
        assert config.get(number, track.header.config) == track.header.config
    assert read_manifest(manifest.as_bytes()).as_bytes() == manifest.as_bytes()


def test_counting_alone_and_on_the_way_give_one_manifest(
    master: Path, settings: TranscodeSettings, tmp_path: Path
) -> None:
    """From ranges and from a file with a name, with and without other things to do."""
    once, again = counted(master, settings), counted(master, settings)
    assert once.as_bytes() == again.as_bytes()


@pytest.mark.parametrize("name", ["truncated.mkv", "truncated.wav", "damaged.mp4", "truncated.mp4"])
def test_a_file_that_breaks_off_gives_what_was_read(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    assert counted(footage.of(name), settings).packets > 0


@pytest.mark.parametrize("name", ["no-index.mp4", "text.mp4", "zeros.mp4", "one-byte.mp4", *POINTERS])
def test_what_cannot_be_counted_ends_with_a_reason(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    found = counted(footage.of(name), settings)
    assert not found.packets
    assert found.ended_early


def test_a_child_that_uses_up_its_time_is_a_reason(master: Path, settings: TranscodeSettings) -> None:
    with FileRanges(master) as ranges:
        found = count(ranges, Limits(seconds=0.01, cpu_seconds=30, file_size=0), settings)
    assert "stopped after" in found.ended_early


def test_counting_can_be_called_off(master: Path, settings: TranscodeSettings) -> None:
    stopping = Event()
    stopping.set()
    with FileRanges(master) as ranges, pytest.raises(JobStopped):
        count(ranges, LIMITS, settings, stopping=stopping)


TABLE = {
    "remux.mp4": (AGREED, AGREED),
    "fragmented.mp4": (AGREED, AGREED),
    "remux.mkv": (AGREED, AGREED),
    "remux.ts": (AGREED, AGREED),
    "slowed.mp4": ([SAME, Kind.TIMING_ALTERED, SET_UP], AGREED),
    "cropped.mp4": ([SAME, TIMED, Kind.DISPLAY_ALTERED], AGREED),
    "dropped.mp4": ([Kind.PACKETS_MISSING, TIMED, SET_UP], []),
    "reencoded.mp4": ([Kind.NOT_THE_MASTERS], AGREED),
    "clip.mp4": ([Kind.CLIP, TIMED, SET_UP], [Kind.CLIP, TIMED, SET_UP]),
}
WORDS = {
    "slowed.mp4": "altered by a factor of 2; it plays at 0.5",
    "cropped.mp4": "120 by 120 instead of 160 by 120",
    "dropped.mp4": "46 of the master's 50 packets; 4 missing at 30 to 33",
    "clip.mp4": "packets 25 to 49 of the master's 50",
}


@pytest.mark.shared
def test_the_shared_vectors_are_reported_exactly(shared_media: Path, settings: TranscodeSettings) -> None:
    folder = shared_media.parent / "vectors" / "packet-hash"
    assert {path.name for path in folder.iterdir()} == {*TABLE, "master.mp4", "README.md"}
    for name, (pictures, sound) in TABLE.items():
        found = held(folder / "master.mp4", folder / name, settings)
        assert (kinds(found, 0), kinds(found, 1)) == (pictures, sound), name
        assert WORDS.get(name, "") in " ".join(each.says for each in found), name


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_hostile_file_ends_with_packets_or_a_reason(shared_media: Path, settings: TranscodeSettings) -> None:
    hostile = sorted((shared_media / "hostile").iterdir())
    assert len(hostile) > 100
    for path in hostile:
        found = counted(path, settings)
        assert found.packets or found.ended_early, path.name
        if found.packets:
            assert read_manifest(found.as_bytes()).packets == found.packets, path.name
