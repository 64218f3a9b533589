"""The sides of the pool's measurement: our worker process, and programs that do the work without us.

Ours: `continuity worker` on real PostgreSQL and S3, running before the clock starts, as it does in a station.
Theirs: shell lines under GNU parallel (or `xargs -P` where that is missing), and our planner's commands alone.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil
from sqlalchemy import Select, func, select

from evidence import jobs
from evidence.models import Recording, Rendition
from evidence.vocabulary import Playability, RenditionKind, RenditionState
from tests.benchmarks.pool_films import FFMPEG
from tests.benchmarks.reference import Spent, run, spent_by
from tests.faults.system import REPOSITORY
from tests.support.hosts import environment_of
from tests.support.house import World
from transcode.ffmpeg import TELLING
from transcode.machine import look

CORES = max(1, int(look().cores))
WITHIN = 1800.0
UNSETTLED = (Playability.WAITING, Playability.PREPARING)
OPEN = (RenditionState.WANTED, RenditionState.MAKING)


@dataclass(slots=True)
class Pool:
    """A worker process of this world."""

    world: World
    process: subprocess.Popen[bytes]
    log: Path

    def lives(self) -> None:
        """Fails in the worker's own last words where it has ended."""
        assert self.process.poll() is None, f"the worker ended:\n{self.log.read_text('utf-8', 'replace')[-2000:]}"

    def spent(self) -> float:
        """Processor seconds of the worker and of its children, so far."""
        return spent_by(self.process.pid)

    def await_playable(self) -> None:
        """Wait until every recording plays; fails where one does not."""
        self._until(select(func.count()).select_from(Recording).where(Recording.playability.in_(UNSETTLED)))
        with self.world.house.reading() as session:
            bad = session.scalars(select(Recording).where(Recording.playability != Playability.PLAYABLE)).all()
        assert not bad, [(each.title, each.playability_reason) for each in bad]

    def await_finished(self) -> None:
        """Wait until nothing is wanted any more, pictures and waveforms included."""
        self.await_playable()
        self._until(select(func.count()).select_from(Rendition).where(Rendition.state.in_(OPEN)))

    def _until(self, question: Select[int]) -> None:
        end = time.monotonic() + WITHIN
        # Asking costs the cores that are measured: seldom, by one connection, and without a transaction each time.
        with self.world.house.sessions.engine.connect() as line:
            asking = line.execution_options(isolation_level="AUTOCOMMIT")
            while time.monotonic() < end:
                if not asking.execute(question).scalar_one():
                    return
                self.lives()
                time.sleep(0.25)
        raise AssertionError(f"the pool was not done within {WITHIN:.0f} s")


@contextmanager
def pool(world: World, folder: Path, **settings: str) -> Iterator[Pool]:
    """A worker that has reported, with these settings; stopped at the end, whatever it still has."""
    environment = own_environment(world, folder, **settings)
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "worker"], cwd=REPOSITORY, env=environment, stdout=log, stderr=log
        )
    try:
        found = Pool(world, process, folder / "worker.log")
        _await_report(found)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.terminate()  # the second word: what still runs is not waited for
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def own_environment(world: World, folder: Path, **settings: str) -> dict[str, str]:
    """What a process of this world is told."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CONTINUITY_")}
    own = {"CONTINUITY_TRANSCODE_SCRATCH": str(folder / "scratch")}
    return {**kept, **environment_of(world), **own, **settings}


def _await_report(found: Pool) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with found.world.house.reading() as session:
            lines = [each for host in jobs.hosts(session) for each in host.live]
        if lines and all(lane["worker"] is not None for each in lines for lane in each.lanes):
            return
        found.lives()
        time.sleep(0.1)
    raise AssertionError("the worker did not report")


# --- the others


def runner() -> str:
    """What runs shell lines side by side: GNU parallel, or what stands in for it, which is said once."""
    if shutil.which("parallel"):
        return "GNU parallel"
    sys.stderr.write("GNU parallel is not installed (Debian: parallel): xargs -P runs the same lines\n")
    return "xargs -P"


def side_by_side(lines: Sequence[Sequence[str]], folder: Path, *, at_once: int = CORES) -> Spent:
    """Run commands, so many at once. Raises where one fails."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "lines"
    told.write_text("".join(f"{shlex.join(line)} >/dev/null\n" for line in lines), "utf-8")
    if shutil.which("parallel"):
        return run(["parallel", "--will-cite", "-j", str(at_once), "-a", str(told)])
    words = ["xargs", "-P", str(at_once), "-d", "\n", "-n", "1", "-a", str(told)]
    return run([*words, "bash", "-c", 'eval "$0"'])


def plain_encode(path: Path, output: Path) -> list[str]:
    """FFmpeg with the recipe's own options on a file, whatever is in it, as everybody does it."""
    picture = ["-vf", "scale=-2:'min(720,ih)',format=yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23"]
    picture += ["-profile:v", "high", "-bf", "0", "-g", "25", "-sc_threshold", "0"]
    sound = ["-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-threads", "1"]
    return [FFMPEG, "-nostdin", "-v", "error", "-y", "-threads", "1", "-i", str(path), *picture, *sound, str(output)]


def as_a_line(argv: Sequence[str], master: Path, output: Path) -> list[str]:
    """A rendition's own argument list as a command, on a file that lies on this machine."""
    output.mkdir(parents=True, exist_ok=True)
    told = [each.replace("MASTER", str(master)).replace("OUTPUT", str(output)) for each in argv]
    for option in ("-progress", *(f"-{name}" for name in TELLING)):
        if option in told:
            at = told.index(option)
            told = [*told[:at], *told[at + 2 :]]
    return [FFMPEG, *told]


def argv_of(world: World, recording: UUID) -> list[str]:
    """How the playback copy of a recording was made."""
    with world.house.reading() as session:
        copies = select(Rendition).where(Rendition.recording_id == recording, Rendition.kind == RenditionKind.PLAYBACK)
        return [str(each) for each in session.scalars(copies).one().argv]


def commands_only(world: World, recordings: Sequence[UUID], folder: Path, **settings: str) -> Spent:
    """Our planner's commands for these, without queue, records and custody log; timed by itself once it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.commands_only", str(CORES), *map(str, recordings)],
        cwd=REPOSITORY,
        env=own_environment(world, folder, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
    return Spent(said["wall"], said["cpu"])


def servers_of(world: World) -> float:
    """Processor seconds of the database's and the store's processes so far, where they are children of ours."""
    mine = psutil.Process()
    programs = [each for each in mine.children(recursive=True) if each.name() in ("postgres", "weed")]
    return sum(sum(each.cpu_times()[:2]) for each in programs)
