"""What a shift leaves on its docks, made once by FFmpeg: 90 % of the footage H.264/AAC in MP4, the rest what is left.

Lengths stand in for hours: what is copied or served as it is costs the same few seconds however long it is, so a real
shift is kinder to us than this one. H.264 files are longer than `CONTINUITY_TRANSCODE_CHECK_SECONDS`, as they are.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio_ffmpeg

from tests.benchmarks.film import made_new

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SCENE = 5  # seconds that are encoded; longer films repeat their packets
LARGE = "testsrc2=s=1280x720:r=30:d={0},noise=alls=12:allf=t"
FULL = "testsrc2=s=1920x1080:r=30:d={0},noise=alls=12:allf=t"
SMALL = "testsrc2=s=720x576:r=25:d={0},noise=alls=12:allf=t"
SPEECH = "sine=440:r=8000:d={0}"
SOUND = ("-f", "lavfi", "-i", f"sine=440:r=48000:d={SCENE}")
AAC = ("-c:a", "aac", "-b:a", "128k")

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-pix_fmt", "yuv420p", "-g", "60", "-bf", "0",
        "-b:v", "4M", *AAC)  # fmt: skip
OTHERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "hevc.mp4": (LARGE, ("-c:v", "libx265", "-preset", "ultrafast", "-b:v", "3M", "-tag:v", "hvc1",
                         "-x265-params", "log-level=none", *AAC)),
    "asp.avi": (LARGE, ("-c:v", "mpeg4", "-vtag", "XVID", "-bf", "2", "-b:v", "4M", "-c:a", "libmp3lame")),
    "mpeg2.ts": (SMALL, ("-c:v", "mpeg2video", "-b:v", "5M", "-c:a", "mp2")),
    "mjpeg.avi": (SMALL, ("-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")),
}  # fmt: skip
OLD: Mapping[str, tuple[str, str]] = {"1080": (FULL, "8M"), "720": (LARGE, "4M")}
"""What must be encoded: pictures, and the bits of a second, as cameras of each height write them."""
SPOKEN: Mapping[str, tuple[str, ...]] = {
    "interview.wav": ("-c:a", "pcm_s16le"),
    "note.amr": ("-c:a", "libopencore_amrnb", "-ac", "1"),
}


def shift(folder: Path, *, films: int, seconds: int, others: int) -> list[Path]:
    """So many H.264 films of so many seconds, and one of each other kind, sound too, `others` seconds long."""
    folder.mkdir(parents=True)
    scene = folder.with_name("scene.mp4")
    make("-f", "lavfi", "-i", LARGE.format(SCENE), *SOUND, *H264, str(scene))
    first = folder / "camera-00.mp4"
    _repeated(scene, first, seconds)
    made = [first]
    for number in range(1, films):
        made.append(folder / f"camera-{number:02}.mp4")
        shutil.copyfile(first, made[-1])
        made_new(made[-1], f"film {number}".encode())
    return [
        *made,
        *(_other(folder, name, others) for name in OTHERS),
        *(_spoken(folder, name, others) for name in SPOKEN),
    ]


def as_another(films: Sequence[Path], folder: Path) -> list[Path]:
    """The same shift as other bytes, by a word in its labels: nothing of the first is found again."""
    folder.mkdir(parents=True)
    for each in films:
        word = f"{each.stem} again"
        labels = ("-metadata", f"title={word}", "-metadata", f"service_name={word}")
        begins = ("-ss", "0.04") if each.suffix == ".amr" else ()  # it has no room for labels
        make(*begins, "-i", str(each), "-c", "copy", "-map", "0", *labels, str(folder / each.name))
        assert (folder / each.name).read_bytes() != each.read_bytes()
    return [folder / each.name for each in films]


def old_cameras(folder: Path, *, count: int, seconds: int, lines: str) -> list[Path]:
    """So many films that must be encoded: MPEG-4 ASP in AVI, each another file. `lines`: one of OLD."""
    folder.mkdir(parents=True)
    scene = folder.with_name("old-scene.avi")
    picture, rate = OLD[lines]
    coded = ("-c:v", "mpeg4", "-vtag", "XVID", "-bf", "2", "-b:v", rate, "-c:a", "libmp3lame")
    make("-f", "lavfi", "-i", picture.format(SCENE), *SOUND, *coded, str(scene))
    made = []
    for number in range(count):
        path = folder / f"old-{number:02}.avi"
        _repeated(scene, path, seconds, "-metadata", f"title={number}")
        made.append(path)
    return made


def _other(folder: Path, name: str, seconds: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    picture, coded = OTHERS[name]
    scene, whole = folder.with_name(f"scene-{name}"), folder / name
    make("-f", "lavfi", "-i", picture.format(SCENE), *SOUND, *coded, str(scene))
    _repeated(scene, whole, seconds)
    return whole


def _spoken(folder: Path, name: str, seconds: int) -> Path:
    make("-f", "lavfi", "-i", SPEECH.format(seconds), *SPOKEN[name], str(folder / name))
    return folder / name


def _repeated(scene: Path, whole: Path, seconds: int, *more: str) -> None:
    times = max(0, seconds // SCENE - 1)
    make("-stream_loop", str(times), "-i", str(scene), "-c", "copy", "-map", "0", *more, str(whole))


def make(*words: str) -> None:
    """Run FFmpeg. Raises RuntimeError with its last words."""
    command = [FFMPEG, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"FFmpeg could not make {words[-1]}: {done.stderr[-500:]}")
