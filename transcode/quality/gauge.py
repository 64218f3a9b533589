"""Measures how far a copy's pictures are from the master's, behind the wall: VMAF where this FFmpeg has it, else SSIM.

The master goes through the plan's own filters, so that both have the copy's size: what is measured is what encoding
took away, not that the picture was made smaller.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from threading import Event
from typing import Final, Literal

from transcode import child, ffmpeg
from transcode.child import Command, Listener
from transcode.ending import Ending
from transcode.ffmpeg import Tool, guards
from transcode.plan import Plan
from transcode.quality.samples import Sample
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings

Gauge = Literal["vmaf", "ssim"]
SAID: Final = "gauge.txt"
ROOM: Final = 16 << 20
SSIM_LINE: Final = re.compile(r"^n:\d+ .*\bAll:([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the gauge says: the mean over all pictures, and the worst one. VMAF from 0 to 100, SSIM from 0 to 1.

    `cpu_seconds` is what looking cost.
    """

    gauge: Gauge
    frames: int
    mean: float
    least: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A copy, its master as a scratch file, the plan that the copy was made by, and a folder to write in."""

    plan: Plan
    master: Path
    copy: Path
    folder: Path


def gauge_of(tool: Tool, settings: TranscodeSettings) -> Gauge:
    """The gauge that this FFmpeg has: VMAF where libvmaf is built in, SSIM otherwise."""
    return _asked(tool.path, tool.build, settings.encoder_memory)


@functools.lru_cache(maxsize=8)
def _asked(path: str, build: str, memory: int) -> Gauge:
    if "--enable-libvmaf" not in build:
        return "ssim"
    wall = Wall(cpu_seconds=10, address_space=memory, file_size=0, may_run=ffmpeg.programs(path))
    ending = child.run(Command(argv=(path, "-hide_banner", "-filters"), wall=wall, seconds=30))
    return "vmaf" if ending.usable and b" libvmaf " in ending.output else "ssim"


def measure(
    pair: Pair,
    samples: Sequence[Sample],
    settings: TranscodeSettings,
    *,
    cpu_seconds: int,
    stopping: Event | None = None,
    gauge: Gauge | None = None,
) -> tuple[Reading | None, Ending]:
    """Hold the samples of a copy against the master's. No reading where the child did not come to its end, or did
    not see as many pictures as the samples have: then nothing is known. The ending says why. `gauge`: another than
    this FFmpeg's best.
    """
    tool = ffmpeg.tool(settings)
    gauge, said = gauge or gauge_of(tool, settings), pair.folder / SAID
    said.unlink(missing_ok=True)
    wall = Wall(
        cpu_seconds=cpu_seconds,
        address_space=settings.encoder_memory,
        file_size=ROOM,
        may_read=(str(pair.master), str(pair.copy)),
        may_write=(str(pair.folder),),
        may_run=ffmpeg.programs(tool.path),
        nice=settings.nice,
    )
    argv = (tool.path, *arguments(pair, samples, gauge))
    command = Command(argv=argv, wall=wall, seconds=20 + 6 * cpu_seconds, word="quality")
    ending = child.run(command, Listener(stopping=stopping or Event()))
    scores = _scores(gauge, said) if ending.usable else []
    said.unlink(missing_ok=True)
    if not scores or len(scores) != sum(each.count for each in samples):
        return None, ending
    cost = ending.cpu_seconds
    return Reading(gauge=gauge, frames=len(scores), mean=fmean(scores), least=min(scores), cpu_seconds=cost), ending


def arguments(pair: Pair, samples: Sequence[Sample], gauge: Gauge) -> list[str]:
    """FFmpeg's arguments, without the program: each sample of the copy beside the master's, one after another."""
    told = ["-hide_banner", "-nostdin", "-loglevel", "error"]
    ahead = pair.plan.limits.ahead
    for each in samples:
        told += [*_input(pair.master, each.in_master, ahead=ahead), *_input(pair.copy, each.in_copy)]
    # Both sides are numbered anew: picture n stands beside picture n, whatever their clocks say.
    chain = ",".join(f"{name}={words}" for name, words in pair.plan.filters)
    parts = []
    for number, each in enumerate(samples):
        cut = f"trim=start_frame={each.skip}:end_frame={each.skip + each.count},setpts=N/25/TB"
        parts.append(f"[{2 * number}:{pair.plan.picture or 0}]{chain},{cut}[m{number}]")
        parts.append(f"[{2 * number + 1}:v:0]format=yuv420p,{cut}[c{number}]")
    for side in ("m", "c"):
        joined = "".join(f"[{side}{number}]" for number in range(len(samples)))
        parts.append(f"{joined}concat=n={len(samples)}:v=1:a=0,setpts=N/25/TB[{side}]")
    where = pair.folder / SAID
    last = f"libvmaf=n_threads=1:log_fmt=json:log_path={where}" if gauge == "vmaf" else f"ssim=stats_file={where}"
    parts.append(f"[c][m]{last}")
    return [*told, "-filter_complex", ";".join(parts), "-an", "-f", "null", "-"]


def _input(path: Path, seconds: float | None, *, ahead: bool = False) -> list[str]:
    told = [word for name, value in guards(path, ahead=ahead).items() for word in (f"-{name}", str(value))]
    # By the file's own clock: FFmpeg would otherwise count from where any of its streams begins.
    seek = [] if seconds is None else ["-seek_timestamp", "1", "-ss", f"{seconds:.6f}"]
    return [*told, *seek, "-i", f"file:{path}"]


def _scores(gauge: Gauge, said: Path) -> list[float]:
    """One number for each picture; none where what was written makes no sense."""
    try:
        text = said.read_text("utf-8")
        if gauge == "ssim":
            return [float(found) for found in SSIM_LINE.findall(text)]
        return [float(frame["metrics"]["vmaf"]) for frame in json.loads(text)["frames"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
