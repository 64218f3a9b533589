"""Measures a recipe on footage that is hard and typical, all of it made here: `python -m tests.support.quality`.

What is drawn stands for what a body-worn camera meets: a run, a dark street with a sensor's noise, faces and cloth
(fine and soft detail without an edge), a burned-in clock, fields instead of frames, a tall HEVC picture, a rate that
wavers. Each becomes a copy by the product's own path, and every picture of that is held against its master.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Final

import imageio_ffmpeg
import reportlab

from transcode import ffmpeg
from transcode.making import Made, Source, Work, make
from transcode.plan import Plan, fallback
from transcode.probe import examine
from transcode.quality.gauge import Gauge, Pair, Reading, gauge_of, measure
from transcode.quality.records import FOLDER, Case, Measurement, Record, build_of, fingerprint
from transcode.quality.samples import whole
from transcode.ranges import FileRanges
from transcode.settings import TranscodeSettings

FONT: Final = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
FINE: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "10", "-pix_fmt", "yuv420p", "-bf", "0")
HEVC: Final = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "18", "-x265-params", "log-level=none")
ZOOM: Final = "mandelbrot=s=1280x720:r=25:start_scale=0.4:end_scale=0.2,trim=duration=2,gblur=1.2"
NIGHT: Final = "gradients=s=1280x720:r=25:d=2:c0=0x08080c:c1=0x2a2a34:c2=0x101410:n=3:speed=0.02:seed=7"
CLOCK: Final = f"drawtext=fontfile={FONT}:fontsize=36:fontcolor=white:box=1:boxcolor=black@0.5:x=40:y=40"
STAMP: Final = f"{CLOCK}:text='2026-11-26 22\\:14\\:%{{n}} CAM 04417'"

FOOTAGE: Final[Mapping[str, tuple[str, ...]]] = {
    "motion.mp4": ("-i", "testsrc2=s=1920x1080:r=30:d=2,scroll=h=0.013:v=0.006", *FINE),
    "night-noise.mp4": ("-i", f"{NIGHT},noise=alls=14:allf=t:all_seed=7", *FINE),
    "faces-like.mp4": ("-i", ZOOM, *FINE),
    "burned-in-time.mp4": ("-i", f"mandelbrot=s=1920x1080:r=25,trim=duration=2,{STAMP}", *FINE),
    "interlaced.ts": (
        "-i", "testsrc2=s=720x576:r=50:d=2,scroll=h=0.004,tinterlace=interleave_top",
        "-c:v", "mpeg2video", "-q:v", "3", "-flags", "+ildct+ilme",
    ),
    "hevc-1440p.mp4": (
        "-i", "testsrc2=s=2560x1440:r=30:d=1,scroll=h=0.004,noise=alls=6:allf=t:all_seed=7",
        *HEVC, "-pix_fmt", "yuv420p",
    ),
    "wavering-rate.mp4": (
        "-i", "testsrc2=s=1280x720:r=30:d=2,select='not(between(mod(n,20),5,11))'", "-fps_mode", "passthrough", *FINE,
    ),
}  # fmt: skip
TIME: Final = 300
"""CPU seconds for measuring one case."""


def film(folder: Path, name: str) -> Path:
    """One case's master, made when it is first asked for."""
    path = folder / name
    if not path.exists():
        told = ["-nostdin", "-v", "error", "-y", "-bitexact", "-f", "lavfi", *FOOTAGE[name], str(path)]
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *told], check=True, timeout=TIME, capture_output=True)
    return path


def copied(path: Path, folder: Path, settings: TranscodeSettings) -> tuple[Plan, Made]:
    """A playback copy by the product's own path, encoded whether it needs that or not."""
    folder.mkdir(parents=True)
    body = path.read_bytes()
    with FileRanges(path) as ranges:
        found = examine(ranges, settings)
        assert found.facts is not None, found.verdict.sentence
        plan = fallback(found.facts, "it is measured")
        source = Source(
            ranges=ranges, stream=lambda: iter([body]), sha256=hashlib.sha256(body).hexdigest(), size=len(body)
        )
        work = Work(
            plan=plan,
            facts=found.facts,
            condition=found.verdict.condition,
            source=source,
            folder=folder,
            settings=settings,
        )
        return plan, make(work)


def measured(path: Path, folder: Path, settings: TranscodeSettings, gauge: Gauge | None = None) -> Reading:
    """Every picture of a copy of this master, held against it."""
    plan, made = copied(path, folder, settings)
    pair = Pair(plan=plan, master=path, copy=made.playback, folder=folder)
    frames = made.checked.agreement.copy_frames
    reading, ending = measure(pair, whole(frames), settings, cpu_seconds=TIME, stopping=Event(), gauge=gauge)
    assert reading is not None, f"{path.name}: {ending.in_words()}; {frames} pictures"
    return reading


def measurement(folder: Path, settings: TranscodeSettings, gauge: Gauge) -> Measurement:
    """All cases on this machine's FFmpeg, by one gauge."""
    tool = ffmpeg.tool(settings)
    cases = []
    for name in FOOTAGE:
        case = name.partition(".")[0]
        read = measured(film(folder, name), folder / gauge / case, settings, gauge)
        cases.append(Case(case=case, frames=read.frames, mean=round(read.mean, 4), least=round(read.least, 4)))
        print(f"{case:16} {gauge} {read.mean:8.4f} on average, {read.least:8.4f} the worst of {read.frames}")  # noqa: T201 - a program speaks by printing
    return Measurement(tool=tool.version, build=build_of(tool), gauge=gauge, cases=tuple(cases))


def written(record: Record, new: Measurement) -> Record:
    """The record with this measurement in the place of an older one on the same build."""
    others = [each for each in record.measured if (each.build, each.gauge) != (new.build, new.gauge)]
    return record.model_copy(update={"measured": (*others, new), "fingerprint": fingerprint()})


def main(recipe: str) -> None:
    """Measure, and write the record of one recipe. Floors are people's: they are kept as they stand."""
    path = FOLDER / f"{recipe}.json"
    record = Record.model_validate_json(path.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        settings = TranscodeSettings(scratch=Path(folder) / "scratch")
        # SSIM too, for an FFmpeg without libvmaf: its copies are held against the same record.
        for gauge in {gauge_of(ffmpeg.tool(settings), settings): None, "ssim": None}:
            record = written(record, measurement(Path(folder), settings, gauge))
    path.write_text(json.dumps(record.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.name}")  # noqa: T201 - as above


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["playback-2"]))
