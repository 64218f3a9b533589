"""Makes the files of one rendition in a scratch folder and holds them against the master. Knows no database."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeVar

from evidence.jobs import JobStopped
from evidence.vocabulary import Condition
from transcode import child, ffmpeg
from transcode.check import Checked, Compared, Manifests, check
from transcode.child import Command, Listener, Ranges
from transcode.ending import Ending, How
from transcode.errors import MasterChanged, OutputUntrue, RenderFailed
from transcode.hardware import LIBX264, Encoder
from transcode.laps import NOT_COPIED, Laps, laps_of, may_start_again
from transcode.media import MediaFacts
from transcode.plan import Plan, lasting
from transcode.probe import facts_of, insist_on_wall
from transcode.progress import ProgressReader
from transcode.quality.gauge import Pair
from transcode.quality.looking import look
from transcode.ranges import ReadAhead
from transcode.room import bytes_for
from transcode.said import ReadingSaid, Saying, understood
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings
from transcode.storyboard import CUES, POSTER, SHEET, cues
from transcode.timing import FRAMES, frame_table
from transcode.trying import Bench, bench
from transcode.waveform import FILE as WAVEFORM
from transcode.waveform import Blocks, Waveform

MASTER: Final = "master.bin"
OUTPUT: Final = "output"
SaidT = TypeVar("SaidT", bound=Saying)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A master as the store gives it: in ranges for copying, as a stream for everything else."""

    ranges: Ranges
    stream: Callable[[], Iterator[bytes]]
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One rendition to be made. `report` hears the phase, how far it is, from 0 to 1, and FFmpeg's speed.

    `bench`: another than this process's own. `look`: its quality is to be measured where its pictures are encoded.
    `urgent`: it is not to wait until another encode has ended. `early`, `laps`: what was read of the master before it
    is encoded, and where its clock starts again.
    """

    plan: Plan
    facts: MediaFacts
    condition: Condition
    source: Source
    folder: Path
    settings: TranscodeSettings
    stopping: Event = field(default_factory=Event)
    report: Callable[..., None] = lambda *_said: None
    bench: Bench | None = None
    look: bool = False
    urgent: bool = False
    early: ReadingSaid | None = None
    laps: Laps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Files that are true to their master, in the scratch folder, and how they came to be."""

    playback: Path
    checked: Checked
    argv: list[str]
    tool: dict[str, str]
    poster: Path | None = None
    storyboard: Path | None = None
    sheets: tuple[Path, ...] = ()
    waveform: Path | None = None
    frames: Path | None = None
    packets: Manifests | None = None
    used: dict[str, int] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def make(work: Work) -> Made:
    """Fetch, run, check. Every step may be repeated.

    Raises SandboxRefused, RenderFailed and OutputUntrue where no true copy came of it, MasterChanged, ChildBroke,
    JobStopped, and what the store raises.
    """
    insist_on_wall(work.settings)
    return _encoded(work) if work.plan.with_ffmpeg else _copied(work)


def fetch(work: Work) -> Path:
    """The master as a file of our own name. Raises MasterChanged where the bytes are not the master's."""
    digest, done = hashlib.sha256(), 0
    path = work.folder / MASTER
    with path.open("wb") as file:
        for piece in work.source.stream():
            if work.stopping.is_set():
                raise JobStopped("called off while the master was fetched")
            digest.update(piece)
            file.write(piece)
            done += len(piece)
            work.report("fetching the master", done / work.source.size if work.source.size else None)
    if digest.hexdigest() != work.source.sha256:
        raise MasterChanged(expected=work.source.sha256, found=digest.hexdigest())
    return path


def _copied(work: Work) -> Made:
    """PyAV copies packets straight from the store's ranges."""
    flags = ffmpeg.FRAGMENTS if work.plan.fragmented else ffmpeg.INDEX_FIRST
    told = {"streams": streams_of(work.plan), "movflags": flags}
    playback = work.folder / work.plan.file_name
    master = ask(
        work,
        ReadingSaid,
        task="remux",
        phase="copying packets",
        other=playback,
        options=told,
        write=work.plan.limits.file_size,
    )
    if master.lapped:
        raise OutputUntrue((NOT_COPIED,))
    checked, copy, packets = hold_against(work, master, playback, complaints=False)
    checked.ending = master.ended.value
    argv = ["remux", f"streams={','.join(map(str, told['streams']))}", f"movflags={flags}"]
    return Made(
        playback=playback,
        checked=checked,
        argv=argv,
        tool={"name": "pyav", "version": version("av"), "build": "the wheel's own libraries"},
        frames=frames_of(work.folder, copy),
        packets=packets,
    )


def _encoded(work: Work) -> Made:
    """FFmpeg works on a scratch copy: by hardware where there is some, else by software."""
    path, using = fetch(work), work.bench or bench(work.settings)
    if may_start_again(work.facts):
        work = replace(work, early=(early := _tables(work, path)), laps=laps_of(early, streams_of(work.plan)))
    if work.laps:
        if work.laps.start_again and work.plan.picture is not None and not work.plan.filters:
            raise OutputUntrue((NOT_COPIED,))
        plan = replace(_long_enough(work, work.laps), clock=work.laps.clock)
        # Where nobody could lay its laps, FFmpeg mends the clock as it can.
        work = replace(work, plan=plan if plan.clock else replace(plan, limits=replace(plan.limits, ahead=False)))
    return _by_hardware_or_software(work, path, using) if work.plan.filters else _encoded_by(LIBX264, work, path)


def _long_enough(work: Work, laps: Laps) -> Plan:
    """Planned was from the container's length, which is about that of one lap, or counts what lies between them."""
    if not laps.length_ms:
        return work.plan
    return lasting(work.plan, work.facts, laps.length_ms, longest_hours=work.settings.longest_hours)


@contextmanager
def _its_turn(work: Work) -> Iterator[None]:
    """An encode runs when memory carries it and a seat is free; what is before and after it waits for neither."""
    if not work.plan.filters:
        yield
        return
    picture, using = work.facts.pictures[0], work.bench or bench(work.settings)
    work.report("waiting for its turn", None)
    needed = bytes_for(picture.width, picture.height)
    with using.room.of(needed, work.stopping, at_once=work.urgent) as let_in:
        if not let_in:
            raise JobStopped("called off while waiting for its turn")
        yield


def _by_hardware_or_software(work: Work, path: Path, using: Bench) -> Made:
    """Whatever is wrong with what a device made: software is the answer, and the row says why."""
    encoder = using.encoder
    if not encoder.is_hardware:
        return _encoded_by(encoder, work, path)
    try:
        made = _encoded_by(encoder, work, path)
    except (RenderFailed, OutputUntrue) as error:
        because = str(error)
    else:
        using.note(worked=True)
        return made
    shutil.rmtree(work.folder / OUTPUT)
    made = _encoded_by(LIBX264, work, path)
    using.note(worked=False)
    return replace(made, tool={**made.tool, "instead_of": encoder.name, "because": because})


def _encoded_by(encoder: Encoder, work: Work, path: Path) -> Made:
    """Pictures and waveform come out of the same decode."""
    plan, output = work.plan, work.folder / OUTPUT
    length_ms = work.laps.length_ms or None if work.laps else None
    output.mkdir()
    waveform = Waveform(plan.waveform_channels) if plan.waveform_channels else None
    listener = Listener(
        stopping=work.stopping,
        progress=progress_of(work, "encoding" if plan.filters else "copying pictures, encoding sound", length_ms),
        output=Blocks(waveform).take if waveform else None,
    )
    with _its_turn(work):
        ending, argv = ffmpeg.run(plan, path, output, work.settings, listener, encoder)
    ffmpeg.must_be_usable(ending, "making the playback copy")
    if encoder.is_hardware and ending.messages:
        # From software they tell of the master; from a driver nobody knows of what.
        raise RenderFailed("making the playback copy", ending)
    playback = output / plan.file_name
    master = work.early or _tables(work, path)
    decoded_ms = waveform.length_ms if waveform else 0
    complaints = work.laps.complaints(ending.messages) if work.laps else ending.messages
    checked, copy, packets = hold_against(work, master, playback, complaints=bool(complaints), decoded_ms=decoded_ms)
    checked.ending = ending.how.value
    if work.look and plan.filters:
        work.report("looking at the copy's quality", None)
        seeks = work.facts.seeks and not work.laps  # by time it would find another lap's pictures
        pair = Pair(plan=plan, master=path, copy=playback, folder=output)
        checked.quality = look(pair, master, copy, work.settings, work.stopping, seeks=seeks)
        if checked.quality.get("below"):
            checked.remarks.append(f"its quality is below the floor: {checked.quality['below']}")
    if waveform:
        (output / WAVEFORM).write_text(waveform.as_json(), encoding="utf-8")
    sheets = tuple(sorted(output.glob(SHEET.replace("%03d", "*"))))
    return Made(
        playback=playback,
        checked=checked,
        argv=argv,
        tool={**ffmpeg.tool(work.settings).as_facts(), **({"encoder": encoder.name} if plan.filters else {})},
        poster=_there(output / POSTER),
        storyboard=_cues(plan, output) if sheets else None,
        sheets=sheets,
        waveform=_there(output / WAVEFORM),
        frames=frames_of(work.folder, copy),
        packets=packets,
        used=used(ending),
        messages=ending.messages[:20],
    )


def _tables(work: Work, path: Path) -> ReadingSaid:
    """The master's scratch copy read through."""
    told = {"streams": streams_of(work.plan)}
    return ask(work, ReadingSaid, task="tables", phase="checking", path=path, options=told)


def streams_of(plan: Plan) -> list[int]:
    """The numbers of the streams that a plan takes, pictures first."""
    return [*([plan.picture] if plan.picture is not None else []), *plan.sounds]


def used(ending: Ending) -> dict[str, int]:
    """What a child used, for the row: milliseconds and bytes."""
    return {
        "wall_ms": round(ending.seconds * 1000),
        "cpu_ms": round(ending.cpu_seconds * 1000),
        "peak_memory": ending.peak_memory,
    }


def _there(path: Path) -> Path | None:
    return path if path.is_file() and path.stat().st_size else None


def _cues(plan: Plan, output: Path) -> Path | None:
    board = plan.pictures
    if board is None:
        return None
    starts = [round(number * board.interval, 3) for number in range(board.count)]
    path = output / CUES
    end = board.count * board.interval
    path.write_text(cues(starts, end=end, width=board.width, height=board.height), encoding="utf-8")
    return path


def frames_of(folder: Path, copy: ReadingSaid) -> Path | None:
    """The copy's own table, because the copy is what the player steps through."""
    if not copy.ticks:
        return None
    path = folder / FRAMES
    path.write_text(frame_table(copy.ticks, copy.timescale), encoding="utf-8")
    return path


def hold_against(
    work: Work, master: ReadingSaid, playback: Path, *, complaints: bool, decoded_ms: int = 0
) -> tuple[Checked, ReadingSaid, Manifests]:
    """Hold a copy against what was read of its master; the copy read through, and what the packets of both are.

    Raises OutputUntrue where it is not true to it, and what `ask` raises.
    """
    ending = _asked(work, task="tables", phase="checking", path=playback, options={"look": True})
    copy = understood(ending, ReadingSaid, "checking")
    packets = Manifests(master.manifest(), copy.manifest())
    compared = Compared(
        plan=work.plan,
        facts=work.facts,
        condition=work.condition,
        master=work.laps.said if work.laps else master,
        copy=copy,
        output=_looked_at(copy, ending),
        packets=packets,
        decoded_ms=decoded_ms,
        lapped=work.laps.remark if work.laps else "",
        lost=bool(work.laps and not work.laps.moves),
    )
    return check(compared, complaints=complaints), copy, packets


def _looked_at(copy: ReadingSaid, ending: Ending) -> MediaFacts | None:
    """The copy as a look at a master would find it; nothing where it cannot be opened or talks nonsense."""
    try:
        return facts_of(copy.looked_at, ending.messages) if copy.looked_at else None
    except (ValueError, TypeError):
        return None


def read_master(work: Work, *, phase: str) -> tuple[ReadingSaid, bytes]:
    """The master read through, and the child's answer as it came: `understood` reads it again wherever it is kept.

    Raises what `ask` raises.
    """
    ending = _asked(work, task="tables", phase=phase, options={"streams": streams_of(work.plan)})
    return understood(ending, ReadingSaid, phase), ending.output


def ask(work: Work, kind: type[SaidT], *, phase: str, **told: Any) -> SaidT:
    """Let a child read the master (or the file at `path`) through, and believe its answer as far as it checks.

    What may be told stands at `_asked`.
    """
    return understood(_asked(work, phase=phase, **told), kind, phase)


def _asked(  # noqa: PLR0913 - one child, said in full
    work: Work,
    *,
    task: str,
    phase: str,
    path: Path | None = None,
    other: Path | None = None,
    options: dict[str, Any] | None = None,
    write: int = 0,
    beside: tuple[Path, ...] = (),
) -> Ending:
    """`beside`: more files that the child may read."""
    limits, settings = work.plan.limits, work.settings
    told = {"path": str(path or ""), "other": str(other or ""), "folder": str(work.folder), "options": options or {}}
    wall = Wall(
        cpu_seconds=limits.cpu_seconds,
        address_space=settings.child_memory,
        file_size=write,
        may_read=(*((str(path),) if path else ()), *map(str, beside)),
        may_write=(str(work.folder),) if write else (),
        # Whoever waits for a copy of packets waits for seconds; an encode stands back to its very end.
        nice=settings.nice if work.plan.filters else 0,
    )
    command = Command(
        inside=task,
        task={**told, "size": path.stat().st_size if path else work.source.size},
        wall=wall,
        seconds=limits.seconds,
        reads=None if path else ReadAhead(work.source.ranges),
        # A demuxer that hops between far-apart tracks reads some pieces twice.
        read_budget=4 * work.source.size + (64 << 20),
        output_limit=256 << 20,
    )
    ending = child.run(command, Listener(stopping=work.stopping, progress=progress_of(work, phase)))
    if ending.how is How.STOPPED:
        raise JobStopped(f"called off while {phase}")
    return ending


def progress_of(work: Work, phase: str, length_ms: int | None = None) -> Callable[[str], None]:
    """Hears a child's progress lines and reports them. `length_ms`: of what it works on, where not of everything."""
    reader = ProgressReader(work.facts.length_ms if length_ms is None else length_ms, time.monotonic)

    def take(line: str) -> None:
        if reader.take(line):
            work.report(phase, reader.fraction, reader.speed)

    return take
