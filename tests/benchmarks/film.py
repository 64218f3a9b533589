"""A long recording in short time: seconds encoded at the bit rate of a body-worn camera, then repeated by copying."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg

SECONDS = 20
# 8 Mbit/s of 1080p30 and 128 kbit/s of sound: 3.6 GB an hour.
ENCODED = (
    "-f", "lavfi", "-i", f"testsrc2=s=1920x1080:r=30:d={SECONDS},noise=alls=20:allf=t",
    "-f", "lavfi", "-i", f"sine=440:r=48000:d={SECONDS}",
    "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-profile:v", "main", "-g", "60", "-bf", "0",
    "-b:v", "8M", "-minrate", "8M", "-maxrate", "8M", "-bufsize", "8M", "-nal-hrd", "cbr",
    "-c:a", "aac", "-b:a", "128k", "-shortest",
)  # fmt: skip


def film(folder: Path, name: str, *, seconds: int) -> Path:
    """An H.264/AAC MP4 of 1080p that lasts so many seconds, its index at the end as cameras leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    scene, whole = folder.with_name("scene.mp4"), folder / name
    if not scene.exists():
        _ffmpeg(*ENCODED, str(scene))
    repeat = max(0, seconds // SECONDS - 1)
    _ffmpeg("-stream_loop", str(repeat), "-i", str(scene), "-c", "copy", "-map", "0", str(whole))
    return whole


def made_new(path: Path, word: bytes) -> None:
    """Make it another file: a box that players pass over, with a word of its own, after everything else."""
    with path.open("ab") as file:
        file.write((8 + len(word)).to_bytes(4, "big") + b"free" + word)


def _ffmpeg(*words: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"FFmpeg could not make the film: {done.stderr[-500:]}")
