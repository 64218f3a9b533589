"""Films in which each picture shows its own number, as stripes, and a reader of those numbers."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import imageio_ffmpeg

BITS: Final = 12
STRIPE: Final = 16
STRIPES: Final = f"geq=lum='16+219*mod(floor(N/pow(2,floor(X/{STRIPE}))),2)':cb=128:cr=128"
SIZE: Final = f"{BITS * STRIPE}x64"


def numbered(path: Path, *coding: str, seconds: int, rate: str = "25") -> Path:
    """A film with sound in which picture n shows n, light stripes for ones, coded as FFmpeg's options say."""
    source = f"nullsrc=s={SIZE}:r={rate}:d={seconds},{STRIPES},format=yuv420p"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-bitexact", "-f", "lavfi", "-i", source,
        "-f", "lavfi", "-i", f"sine=440:r=48000:d={seconds}", *coding, str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return path


def numbers(path: Path) -> list[int]:
    """The number that each picture shows, in the order in which they are shown."""
    found = []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            grey = frame.reformat(width=BITS * STRIPE, height=64, format="gray")
            row, line = bytes(grey.planes[0]), grey.planes[0].line_size * 32
            found.append(sum((row[line + STRIPE * bit + STRIPE // 2] > 128) << bit for bit in range(BITS)))
    return found


def packet_times(path: Path, kind: str) -> list[tuple[float, float]]:
    """When each packet of the first stream of this kind is shown, and how long, in seconds, in its order."""
    with av.open(str(path)) as film:
        stream = next(each for each in film.streams if each.type == kind)
        base = Fraction(stream.time_base or 1)
        found = [(packet.pts or 0, packet.duration or 0) for packet in film.demux(stream) if packet.size]
        return [(float(at * base), float(lasts * base)) for at, lasts in found]
