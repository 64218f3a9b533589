"""One long urgent recording on two worker hosts, each pinned to a core of its own, against one such host.

Both make the copy in parts. Beside them stands one host that may use the whole machine and makes the copy in one piece.
BENCH_URGENT_MINUTES, BENCH_URGENT_SIZE.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import imageio_ffmpeg
import pytest
from sqlalchemy import select

from evidence import jobs
from evidence.custody.events import Actor
from evidence.models import PartialCopy
from evidence.store import StoreSettings
from evidence.vocabulary import Playability, RenditionKind, UrgencyReason
from tests.benchmarks.sheet import Sheet
from tests.faults.cables import Host
from tests.support.hosts import environment_of
from tests.support.house import World, until
from tests.support.workroom import Workroom
from transcode import raising
from transcode.settings import TranscodeSettings

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

MINUTES = float(os.environ.get("BENCH_URGENT_MINUTES", "10"))
SIZE = os.environ.get("BENCH_URGENT_SIZE", "640x360")
SCENE_SECONDS = 20
LIMIT = 0.6
LOOKING = 0.5  # seconds between looks: whoever asks all the time takes the hosts' cores away


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took, in seconds: until the beginning could be watched, until the whole could."""

    wall: float
    beginning: float | None
    parts: int
    frames: int
    master_frames: int


def film(folder: Path) -> Path:
    """A film of a codec that no browser plays: some seconds encoded, then repeated by copying."""
    scene, whole = folder / "scene.avi", folder / "urgent.avi"
    source = f"testsrc2=s={SIZE}:r=25:d={SCENE_SECONDS},noise=alls=12:allf=t"
    ffmpeg(
        "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", f"sine=440:r=48000:d={SCENE_SECONDS}",
        "-c:v", "mpeg4", "-vtag", "XVID", "-q:v", "5", "-g", "50", "-c:a", "mp2", str(scene),
    )  # fmt: skip
    repeat = max(0, round(MINUTES * 60 / SCENE_SECONDS) - 1)
    ffmpeg("-stream_loop", str(repeat), "-i", str(scene), "-c", "copy", str(whole))
    return whole


def another(path: Path, number: int) -> Path:
    """The same film as other bytes: no run finds anything of the one before it."""
    made = path.with_name(f"urgent-{number}.avi")
    ffmpeg("-i", str(path), "-c", "copy", "-metadata", f"title={number}", str(made))
    return made


def ffmpeg(*words: str) -> None:
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-nostdin", "-loglevel", "error", *words], check=True, timeout=600
    )


def plainly(path: Path, cores: list[int]) -> float:
    """Seconds for a minute of the film encoded by plain FFmpeg, once on each of these cores at the same time."""
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-threads", "1", "-t", "60", "-i", str(path)]
    words += ["-an", "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-f", "null", "-"]
    began, running = time.monotonic(), []
    for core in cores:
        with pinned(core):
            running.append(subprocess.Popen(words))
    assert all(each.wait(600) == 0 for each in running)
    return time.monotonic() - began


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Whatever is started in the block, and all that it starts, stays on this core."""
    mine = os.sched_getaffinity(0)
    try:
        if core is not None:
            os.sched_setaffinity(0, {core})
        yield
    finally:
        os.sched_setaffinity(0, mine)


class Scene:
    """Servers on the whole machine, and the hosts of one run."""

    def __init__(self, world: World, path: Path) -> None:
        self.world, self.path, self.runs = world, path, 0
        self.room = Workroom(world, TranscodeSettings(scratch=world.folder / "scratch"))

    def measure(self, cores: list[int | None], *, in_parts: bool) -> Run:
        """Make one copy on hosts that are up already."""
        self.runs += 1
        least = MINUTES / 2 if in_parts else 100_000
        said = {"CONTINUITY_TRANSCODE_SLOTS": "1", "CONTINUITY_TRANSCODE_PARTS_FROM_MINUTES": str(least)}
        hosts = []
        for number, core in enumerate(cores):
            host = Host(f"host-{self.runs}-{number}", None, environment_of(self.world) | said, self.world.folder)
            with pinned(core):
                host.start()
            hosts.append(host)
        try:
            until(lambda: self._are_up(hosts), within=120, what="every host at work")
            return self._copy()
        finally:
            for host in hosts:
                host.stop()

    def _are_up(self, hosts: list[Host]) -> bool:
        with self.world.house.reading() as session:
            found = {each.host: each for each in jobs.hosts(session)}
        return all(
            host.name in found
            and any(all(lane["worker"] is not None for lane in each.lanes) for each in found[host.name].processes)
            for host in hosts
        )

    def _copy(self) -> Run:
        path = another(self.path, self.runs)
        recording = self.room.keeps(path)
        path.unlink()
        with self.world.house.writing() as session:
            raising.set_urgency(
                session, recording, UrgencyReason.CUSTODY, until=None, note="", by=Actor.system("bench")
            )
        began = time.monotonic()
        self.room.examines(recording)
        beginning: list[float] = []

        def plays() -> bool:
            time.sleep(LOOKING)
            if not beginning and self._begins(recording):
                beginning.append(time.monotonic() - began)
            return self.room.recording(recording).playability is Playability.PLAYABLE

        until(plays, within=1800, what="a copy that plays")
        wall = time.monotonic() - began
        made = next(row for row in self.room.rows(recording) if row.kind is RenditionKind.PLAYBACK)
        told = made.facts.get("made_in", {})
        return Run(
            wall,
            beginning[0] if beginning else None,
            int(told.get("parts", 1)),
            int(made.facts["frames"]),
            int(made.facts["master_frames"]),
        )

    def _begins(self, recording: UUID) -> bool:
        ids = [row.id for row in self.room.rows(recording)]
        with self.world.house.reading() as session:
            return session.scalars(select(PartialCopy.id).where(PartialCopy.rendition_id.in_(ids))).first() is not None


@pytest.fixture
def scene(database_url: str, store_settings: StoreSettings, place: Path) -> Iterator[Scene]:
    """A world of its own, with the film."""
    world = World(database_url, store_settings, place)
    yield Scene(world, film(place))
    world.close()


def test_two_hosts_make_one_copy_in_little_more_than_half_the_time(scene: Scene, sheet: Sheet) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.fail("this needs two cores: a host is pinned to each")
    first, second = cores[:2]
    alone = scene.measure([first], in_parts=True)
    both = scene.measure([first, second], in_parts=True)
    one, two = plainly(scene.path, [first]), plainly(scene.path, [first, second])
    whole = scene.measure([None], in_parts=False)
    for run in (alone, both, whole):
        assert run.frames == run.master_frames > 0
    assert both.parts > 1
    assert alone.parts > 1
    assert whole.parts == 1
    minutes = f"{MINUTES:g} min of {SIZE}"
    sheet.add(
        f"{minutes}, two hosts of one core each / one", ours=both.wall, reference=alone.wall, unit="s", limit=LIMIT,
        parts=both.parts, frames=both.frames, master_frames=both.master_frames,
    )  # fmt: skip
    # Cores that share a cache, or strangers' work: below this no two hosts can come here.
    case = "plain FFmpeg on both cores, for each film / on one: what the machine gives two hosts"
    sheet.add(case, ours=two / 2, reference=one, unit="s")
    sheet.add(f"{minutes}, two hosts / one unpinned host, in one piece", ours=both.wall, reference=whole.wall, unit="s")
    if both.beginning is not None:
        case = f"{minutes}, until the beginning can be watched / the whole"
        sheet.add(case, ours=both.beginning, reference=both.wall, unit="s")
