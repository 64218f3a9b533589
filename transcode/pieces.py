"""The parts of a copy as files: cut out of the master, encoded, looked at, put together; and all of its sound.

Knows no database. Parts are always encoded in software: the decoder of a player is set up once for all of them, so
they must come from one encoder, whatever the host that makes each has besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from transcode import child, ffmpeg
from transcode.child import PROGRESS, Command, Listener
from transcode.ending import Ending
from transcode.errors import OutputUntrue
from transcode.hardware import LIBX264
from transcode.inside.guards import MAX_PIXELS, MAX_STREAMS
from transcode.making import Work, ask, fetch, progress_of, used
from transcode.plan import Plan
from transcode.said import CutSaid, JoinedSaid
from transcode.sandbox import Wall
from transcode.segments import Cut
from transcode.waveform import FILE as WAVEFORM
from transcode.waveform import RATE, Blocks, Waveform

PART: Final = "part.nut"
PIECE: Final = "piece.nut"
SOUND: Final = "sound.mp4"
PARTS_FORMAT: Final = "nut"
QUIET: Final = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-progress", f"pipe:{PROGRESS}")


@dataclass(frozen=True, slots=True)
class Part:
    """One part that is there, and what making it took."""

    path: Path
    argv: list[str]
    used: dict[str, int]
    config: str = ""
    waveform: Path | None = None
    decoded_ms: int = 0


def make_part(work: Work, cut: Cut, base: Fraction) -> Part:
    """Cut the packets out of the master's ranges, encode them, and see that every picture is there at its time.

    Raises RenderFailed, OutputUntrue, ChildBroke, JobStopped, and what the store raises.
    """
    picture = work.plan.picture
    piece, path = work.folder / PIECE, work.folder / PART
    options = {"stream": picture, "begin": cut.begin, "first": cut.first, "end": cut.end}
    room = 2 * work.source.size + (64 << 20)
    told = ask(work, CutSaid, task="cut", phase="fetching a part", other=piece, options=options, write=room)
    wanted = sorted(told.ticks)
    if len(wanted) != cut.frames:
        raise OutputUntrue((f"part {cut.number} has {len(wanted)} pictures in the master, {cut.frames} were surveyed",))
    arguments = _encoding(work.plan, cut, piece, path)
    ending = _run(work, arguments, piece, "encoding a part", length_ms=int((wanted[-1] - wanted[0]) * base * 1000))
    seen = ask(
        work, CutSaid, task="look", phase="checking a part", path=path, options={"base": _pair(base)}
    )  # fmt: skip
    if list(seen.ticks) != wanted:
        raise OutputUntrue((_difference(cut, wanted, seen.ticks),))
    if ending.messages:
        raise OutputUntrue((f"part {cut.number} decodes with errors: {ending.messages[0]}",))
    return Part(path, _plainly(arguments, work), used(ending), config=seen.config)


def make_sound(work: Work, *, start_us: int) -> Part:
    """Encode all sound tracks at once, from the whole master, whose digest is checked on the way.

    Raises what `make_part` raises, and MasterChanged.
    """
    master = fetch(work)
    path = work.folder / SOUND
    waveform = Waveform(work.plan.waveform_channels) if work.plan.waveform_channels else None
    arguments = _sounding(work.plan, master, path, start_us)
    ending = _run(work, arguments, master, "encoding the sound", taking=waveform)
    if ending.messages:
        raise OutputUntrue((f"its sound decodes with errors: {ending.messages[0]}",))
    drawn = work.folder / WAVEFORM if waveform else None
    if waveform and drawn:
        drawn.write_text(waveform.as_json(), encoding="utf-8")
    decoded_ms = waveform.length_ms if waveform else 0
    return Part(path, _plainly(arguments, work), used(ending), waveform=drawn, decoded_ms=decoded_ms)


def put_together(
    work: Work, parts: Sequence[Path], sound: Path | None, *, base: Fraction, start_us: int, until_us: int | None = None
) -> Path:
    """The parts and the sound as one file of the recipe; `until_us`: no sound after this. Raises what `ask` raises."""
    path = work.folder / work.plan.file_name
    told = {
        "parts": [str(each) for each in parts],
        "sound": str(sound or ""),
        "base": _pair(base),
        "start_us": start_us,
        "until_us": until_us,
        "movflags": ffmpeg.FRAGMENTS,
    }
    beside = (*parts[1:], *((sound,) if sound else ()))
    ask(
        work, JoinedSaid, task="join", phase="putting the parts together", path=parts[0], other=path, options=told,
        write=work.plan.limits.file_size, beside=beside,
    )  # fmt: skip
    return path


def _run(
    work: Work,
    arguments: list[str],
    source: Path,
    phase: str,
    *,
    taking: Waveform | None = None,
    length_ms: int | None = None,
) -> Ending:
    using, limits = ffmpeg.tool(work.settings), work.plan.limits
    wall = Wall(
        cpu_seconds=limits.cpu_seconds,
        address_space=work.settings.encoder_memory,
        file_size=limits.file_size,
        may_read=(str(source),),
        may_write=(str(work.folder),),
        may_run=ffmpeg.programs(using.path),
        nice=work.settings.nice,
    )
    heard = progress_of(work, phase, length_ms)
    listener = Listener(stopping=work.stopping, progress=heard, output=Blocks(taking).take if taking else None)
    ending = child.run(Command(argv=(using.path, *arguments), wall=wall, seconds=limits.seconds), listener)
    ffmpeg.must_be_usable(ending, phase)
    return ending


def _encoding(plan: Plan, cut: Cut, piece: Path, path: Path) -> list[str]:
    """The recipe for one part. Pictures are counted off where the filter that looks at neighbours has done its work."""
    trim = f"trim=start_frame={cut.skip}:end_frame={cut.skip + cut.frames}"
    filters = [f"{name}={told}" for name, told in plan.filters]
    place = 1 if filters and filters[0].startswith("yadif") else 0
    chain = ",".join([*filters[:place], trim, *filters[place:]])
    guards = {**ffmpeg.GUARDS, "format_whitelist": PARTS_FORMAT, "max_pixels": MAX_PIXELS, "max_streams": MAX_STREAMS}
    told = {**ffmpeg.NO_LABELS, **LIBX264.options, **ffmpeg.PICTURE_RECIPE}
    told |= {"fps_mode": "passthrough", "f": PARTS_FORMAT}
    return [
        *QUIET, "-copyts", *_options(guards), "-i", f"file:{piece}", "-map", "0:v:0", "-vf", chain, *_options(told),
        f"file:{path}",
    ]  # fmt: skip


def _sounding(plan: Plan, master: Path, path: Path, start_us: int) -> list[str]:
    """The recipe for the sound alone, at the times that it has beside the pictures; and samples for its drawing."""
    filters = {index: ",".join(told for number, told in plan.sound_filters if number == index) for index in plan.sounds}
    each = [word for index in plan.sounds for word in ("-map", f"0:{index}")]
    for place, index in enumerate(plan.sounds):
        each += [f"-filter:a:{place}", filters[index]] if filters[index] else []
    told = {**ffmpeg.NO_LABELS, **ffmpeg.SOUND_RECIPE, "movflags": ffmpeg.FRAGMENTS, "f": "mp4"}
    guards = ffmpeg.guards(master, ahead=plan.limits.ahead)
    drawing: list[str] = []
    if plan.waveform_channels:
        first = plan.sounds[0]
        drawing = ["-map", f"0:{first}", *(("-filter:a:0", filters[first]) if filters[first] else ())]
        drawing += ["-ac", str(plan.waveform_channels), "-ar", str(RATE), *_options(ffmpeg.DRAWN)]
        drawing += ["-output_ts_offset", f"{-start_us}us", "pipe:1"]
    return [
        *QUIET, "-copyts", *_options(guards), "-i", f"file:{master}", *each, *_options(told),
        "-output_ts_offset", f"{-start_us}us", f"file:{path}", *drawing,
    ]  # fmt: skip


def _options(told: dict[str, Any]) -> list[str]:
    return [word for name, value in told.items() for word in (f"-{name}", str(value))]


def _plainly(arguments: Sequence[str], work: Work) -> list[str]:
    """The argument list for the row: without the names of scratch files."""
    return [each.replace(str(work.folder), "SCRATCH") for each in arguments]


def _pair(base: Fraction) -> list[int]:
    return [base.numerator, base.denominator]


def _difference(cut: Cut, wanted: Sequence[int], seen: Sequence[int]) -> str:
    if len(seen) != len(wanted):
        return f"part {cut.number} came out with {len(seen)} pictures, the master has {len(wanted)} there"
    wrong = sum(a != b for a, b in zip(wanted, seen, strict=True))
    return f"{wrong} pictures of part {cut.number} came out at other times than the master's"
