"""Runs FFmpeg on a plan: builds the graph, the argument list and the wall, and knows the tool it runs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import ffmpeg
import imageio_ffmpeg

from evidence.jobs import JobStopped
from transcode import child, sandbox
from transcode.child import PROGRESS, Command, Listener
from transcode.ending import Ending, How
from transcode.errors import ChildBroke, RenderFailed, SettingsRefused
from transcode.hardware import LIBX264, Encoder
from transcode.inside.guards import (
    FORMATS,
    MAX_PIXELS,
    MAX_STREAMS,
    READ_AHEAD_BYTES,
    READ_AHEAD_MICROSECONDS,
    SHORT,
    kind_of_short,
)
from transcode.plan import Plan
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings
from transcode.storyboard import ACROSS, DOWN, POSTER, POSTER_HEIGHT, SHEET
from transcode.waveform import FORMAT, RATE

FRAGMENTS: Final = "+frag_keyframe+empty_moov+default_base_moof+global_sidx+delay_moov"
"""delay_moov: without it the sound's run-in (1,024 samples, 128 ms at 8 kHz) moves every frame but the first."""
INDEX_FIRST: Final = "+faststart"
PATIENCE: Final = 4
"""Wall seconds for each that the plan allows: slots share the cores, and the rest of the host goes first."""
HARDWARE_FILES: Final = 256
"""Descriptors that a driver opens beside the encode's own."""
GUARDS: Final = {
    "format_whitelist": FORMATS,
    "protocol_whitelist": "file",
    "max_pixels": MAX_PIXELS,
    "max_streams": MAX_STREAMS,
    "threads": 1,
}
AHEAD: Final = {"probesize": READ_AHEAD_BYTES, "analyzeduration": READ_AHEAD_MICROSECONDS}
PICTURE_RECIPE: Final = {
    "bf": 0,
    "g": 25,
    # The encoder's own clock would round each time to the frame rate: frames stay where the master has them.
    "enc_time_base:v": "demux",
}
TELLING: Final = {"stats_enc_post:v:0": f"pipe:{PROGRESS}", "stats_enc_post_fmt:v:0": "at={t}"}
"""`-progress` is silent until every output has begun, and the storyboard's begins with its first full sheet."""
SOUND_RECIPE: Final = {"c:a": "aac", "b:a": "128k"}
NO_LABELS: Final = {"map_metadata": -1, "map_chapters": -1}
DRAWN: Final = {**NO_LABELS, "c:a": "pcm_s16le", "avoid_negative_ts": "disabled", "f": FORMAT}
"""Samples for a waveform, each block at the time at which the copy has it, and no label of the master before them."""


@dataclass(frozen=True, slots=True)
class Tool:
    """The program that makes renditions, as every rendition's row names it."""

    path: str
    version: str
    build: str

    def as_facts(self) -> dict[str, str]:
        """For the row: what and which build, not where it lies."""
        return {"name": "ffmpeg", "version": self.version, "build": self.build}


def tool(settings: TranscodeSettings) -> Tool:
    """The FFmpeg that the settings name. Raises SettingsRefused where it does not run."""
    path = settings.ffmpeg or imageio_ffmpeg.get_ffmpeg_exe()
    found = Path(path).resolve()
    if not found.is_file():
        raise SettingsRefused(f"CONTINUITY_FFMPEG: there is no file {path}")
    return _asked(str(found), found.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _asked(path: str, _changed: int) -> Tool:
    wall = Wall(cpu_seconds=10, address_space=2 << 30, file_size=0, may_run=programs(path))
    ending = child.run(Command(argv=(path, "-hide_banner", "-version"), wall=wall, seconds=20))
    lines = ending.output.decode(errors="replace").splitlines()
    if not ending.usable or not lines or not lines[0].startswith("ffmpeg version"):
        raise SettingsRefused(f"CONTINUITY_FFMPEG: {path} is not an FFmpeg that runs here: {ending.in_words()}")
    build = next((line for line in lines if line.startswith("configuration:")), "")
    return Tool(path, lines[0].split()[2], build.removeprefix("configuration:").strip()[:4000])


def programs(path: str) -> tuple[str, ...]:
    """What must be readable and runnable for the program at `path`."""
    return (path, *sandbox.SYSTEM_FOLDERS, *sandbox.SYSTEM_FILES)


def run(
    plan: Plan,
    source: Path,
    folder: Path,
    settings: TranscodeSettings,
    listener: Listener,
    encoder: Encoder = LIBX264,
) -> tuple[Ending, list[str]]:
    """Carry out a plan on a scratch file. The ending, and the argument list as the row names it.

    Files go into `folder`, samples for the waveform to `listener.output`. Raises nothing for what FFmpeg does.
    """
    using = tool(settings)
    told = arguments(plan, source, folder, encoder)
    wall = Wall(
        cpu_seconds=plan.limits.cpu_seconds,
        address_space=settings.encoder_memory,
        file_size=plan.limits.file_size,
        may_read=(str(source),),
        may_write=(str(folder),),
        may_run=programs(using.path),
        nice=settings.nice,
    )
    wall = opened_for(encoder, wall) if plan.filters else wall
    # Its processor seconds are limited apart: whoever stands back may be kept waiting by others for long.
    seconds = min(plan.limits.seconds * PATIENCE, settings.longest_hours * 3600)
    ending = child.run(Command(argv=(using.path, *told), wall=wall, seconds=seconds), listener)
    return ending, _without_places(told, source, folder)


def opened_for(encoder: Encoder, wall: Wall) -> Wall:
    """The wall with a door to the encoder's device, where it has one."""
    if not encoder.is_hardware:
        return wall
    return replace(
        wall,
        may_use=encoder.devices,
        may_read=(*wall.may_read, *encoder.reads),
        address_space=max(wall.address_space, encoder.address_space),
        open_files=max(wall.open_files, HARDWARE_FILES),
    )


def arguments(plan: Plan, source: Path, folder: Path, encoder: Encoder = LIBX264) -> list[str]:
    """FFmpeg's arguments for a plan, without the program."""
    # Its own plain name and the protocol spelt out: nothing in a name can be read as an option or a protocol.
    master = ffmpeg.input(f"file:{source}", **guards(source, ahead=plan.limits.ahead), **_clock(plan))
    outputs = _outputs(plan, master, f"file:{folder}/", encoder)
    whole = outputs[0] if len(outputs) == 1 else ffmpeg.merge_outputs(*outputs)
    whole = whole.global_args("-hide_banner", "-nostdin", "-loglevel", "error", "-y")
    told = list(whole.global_args("-progress", f"pipe:{PROGRESS}").compile(cmd="ffmpeg"))[1:]
    return [*encoder.before, *told] if plan.filters else told


def guards(master: Path, *, ahead: bool) -> dict[str, object]:
    """With what FFmpeg opens a master; with the name of its kind, where it is too short for FFmpeg to know it.

    `ahead`: one of its tracks begins late, and is looked for as far on as the examination looked.
    """
    kind = None
    if master.is_file():
        with master.open("rb") as file:
            kind = kind_of_short(file.read(SHORT))
    return {**GUARDS, **(AHEAD if ahead else {}), **({"f": kind} if kind else {})}


def _clock(plan: Plan) -> dict[str, str | None]:
    """Times as the plan moves them; FFmpeg, which would mend a clock in its own way, is to leave them alone. So it is
    where a track begins late or pictures are few: it would take the way back from much sound for another clock.
    """
    moved: dict[str, str | None] = {f"bsf:{index}": told for index, told in plan.clock}
    if moved:
        return {"copyts": None, **moved}
    return {"copyts": None, "start_at_zero": None} if plan.limits.ahead else {}


def _outputs(plan: Plan, master: Any, folder: str, encoder: Encoder) -> list[Any]:
    """The playback file, and in the same decode the pictures and the samples that the plan asks for."""
    pictures, more = _pictures(plan, master, folder)
    sounds, samples = _sounds(plan, master)
    options: dict[str, Any] = {**NO_LABELS, "movflags": FRAGMENTS if plan.fragmented else INDEX_FIRST}
    if pictures and plan.filters:
        for name, told in encoder.filters:
            pictures = [_filtered(pictures[0], name, told)]
        options |= {**encoder.options, **PICTURE_RECIPE, "fps_mode": "passthrough", **TELLING}
    elif pictures:
        options |= {"c:v": "copy"}
    if sounds:
        options |= SOUND_RECIPE
    playback = ffmpeg.output(*pictures, *sounds, folder + plan.file_name, format="mp4", **options)
    return [playback, *more, *samples]


def _pictures(plan: Plan, master: Any, folder: str) -> tuple[list[Any], list[Any]]:
    if plan.picture is None:
        return [], []
    stream = master[str(plan.picture)]
    if not plan.filters:
        return [stream], []
    for name, told in plan.filters:
        stream = _filtered(stream, name, told)
    if plan.pictures is None:
        return [stream], []
    board = plan.pictures
    parts = stream.filter_multi_output("split", 3)
    sheet = parts[1].filter("fps", f"1/{board.interval}", eof_action="pass").filter("scale", board.width, board.height)
    sheet = sheet.filter("setsar", 1).filter("tile", f"{ACROSS}x{DOWN}")
    poster = parts[2].filter("scale", board.poster_width, POSTER_HEIGHT).filter("setsar", 1).filter("thumbnail", 50)
    return [parts[0]], [
        # No more of them than are spoken of: where a clock starts again, the times between may be any.
        ffmpeg.output(
            sheet, folder + SHEET, format="image2", **{"q:v": 5, "fps_mode": "passthrough", "frames:v": board.sheets}
        ),
        # Without a rate of the pictures, FFmpeg would have to repeat it thousands of times to fill up to its time.
        ffmpeg.output(
            poster,
            folder + POSTER,
            format="image2",
            **{"q:v": 3, "fps_mode": "passthrough", "frames:v": 1, "update": 1},
        ),
    ]


def _sounds(plan: Plan, master: Any) -> tuple[list[Any], list[Any]]:
    """Each sound track, and the first one's samples on standard output where a waveform is wanted."""
    streams = []
    for index in plan.sounds:
        stream = master[str(index)]
        for told in (words for number, words in plan.sound_filters if number == index):
            stream = _filtered(stream, *told.split("=", 1))
        streams.append(stream)
    if not streams or not plan.waveform_channels:
        return streams, []
    parts = streams[0].filter_multi_output("asplit", 2)
    streams[0] = parts[0]
    # The protocol list guards inputs; standard output is ours.
    samples = ffmpeg.output(parts[1], "pipe:1", ac=plan.waveform_channels, ar=RATE, **DRAWN)
    return streams, [samples]


def _filtered(stream: Any, name: str, told: str) -> Any:
    """A filter with its arguments as FFmpeg's own documentation writes them."""
    if not told:
        return stream.filter(name)
    named = [each.split("=", 1) for each in told.split(":")]
    if all(len(each) == 2 for each in named):
        return stream.filter(name, **dict(named))
    return stream.filter(name, *told.split(":"))


def _without_places(told: Sequence[str], source: Path, folder: Path) -> list[str]:
    """The argument list for the row: the same work, without the names of scratch files."""
    return [each.replace(str(source), "MASTER").replace(str(folder), "OUTPUT") for each in told]


def must_be_usable(ending: Ending, doing: str) -> None:
    """Raise RenderFailed where FFmpeg did not end by itself and well, ChildBroke where it never began, JobStopped."""
    if ending.how is How.STOPPED:
        raise JobStopped(f"called off while {doing}")
    if ending.how is How.NO_WALL:
        raise ChildBroke(doing, ending)
    if not ending.usable:
        raise RenderFailed(doing, ending)
