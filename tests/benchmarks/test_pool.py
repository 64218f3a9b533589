"""The pool at the limit of the machine: everything side by side in one run, on films made for it.

The shift: 90 % of the footage H.264/AAC in MP4, one film each of HEVC, MPEG-4 ASP in AVI, MPEG-2 TS and MJPEG, one of
PCM and one of AMR. Ours runs from masters in the store to everything playable, by a worker process that is up already.
Against it: plain FFmpeg with the same recipe on every file, as a pool that encodes everything does; our planner's
commands alone (`commands_only.py`); and Unmanic where BENCH_UNMANIC names its program (`unmanic_folder.py`).
Then films that must all be encoded, 1080p to the recipe's 720p, against GNU parallel with the very same argument
lists; and pages meanwhile. Our side fetches masters from the store and puts copies there, on the same cores.
BENCH_POOL_FILMS, _SECONDS, _OTHERS, _OLD, _OLD_SECONDS, _OLD_LINES (1080 or 720), _REQUESTS; BENCH_UNMANIC.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from evidence.jobs import enqueue_all
from evidence.models import Master, Recording
from evidence.store import StoreSettings
from tests.benchmarks.pool_answers import desk, times_of
from tests.benchmarks.pool_films import as_another, old_cameras, shift
from tests.benchmarks.pool_sides import (
    CORES,
    argv_of,
    as_a_line,
    commands_only,
    own_environment,
    plain_encode,
    pool,
    runner,
    side_by_side,
)
from tests.benchmarks.reference import Spent
from tests.benchmarks.sheet import Sheet
from tests.faults.system import REPOSITORY
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.workroom import Workroom
from transcode.examination import write_examination
from transcode.nudges import probe_request
from transcode.plan import Plan, decide
from transcode.probe import examine
from transcode.ranges import ReadAhead
from transcode.settings import TranscodeSettings

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

FILMS = int(os.environ.get("BENCH_POOL_FILMS", "6"))
SECONDS = int(os.environ.get("BENCH_POOL_SECONDS", "135"))
OTHERS = int(os.environ.get("BENCH_POOL_OTHERS", "15"))  # seconds of each other kind
OLD = int(os.environ.get("BENCH_POOL_OLD", "20"))
# Of a real one it is minutes; what a film costs however long it is (its rows, its objects) counts for more here.
OLD_SECONDS = int(os.environ.get("BENCH_POOL_OLD_SECONDS", "150"))
OLD_LINES = os.environ.get("BENCH_POOL_OLD_LINES", "1080")
A_TURN = max(1, OLD // 2)  # films of a side, then of the other; at the end of each a core has nothing to do
REQUESTS = int(os.environ.get("BENCH_POOL_REQUESTS", "2000"))
# The same binary does the same work on both sides. The first copies of a new FFmpeg build are all measured for their
# quality, which is over after twenty; of the others one in ten is, here as everywhere.
SOFTWARE = {"CONTINUITY_TRANSCODE_ENCODER": "software", "CONTINUITY_TRANSCODE_QUALITY_FIRST": "0"}


@pytest.fixture
def workroom(database_url: str, store_settings: StoreSettings, place: Path) -> Iterator[Workroom]:
    """A house on real servers."""
    world = World(database_url, store_settings, place)
    yield Workroom(world, TranscodeSettings(scratch=place / "examining", encoder="software"))
    world.close()


def test_a_shift(workroom: Workroom, room: Callable[[float], Path], sheet: Sheet) -> None:
    place = room(4)
    films = shift(place / "shift", films=FILMS, seconds=SECONDS, others=OTHERS)
    # By turns, as any two sides: ours, our commands alone, and both once more on the same films as other bytes.
    playable, finished, alone = Spent(0, 0), Spent(0, 0), Spent(0, 0)
    for number, some in enumerate((films, as_another(films, place / "again"))):
        turn = _shift_of_ours(workroom, some, place)
        playable, finished = playable + turn.playable, finished + turn.finished
        alone += commands_only(workroom.world, turn.recordings, place / f"alone-{number}", **SOFTWARE)
    output = place / "plain"
    output.mkdir()
    plain = side_by_side([plain_encode(path, output / f"{path.stem}.mp4") for path in films], place / "lines")
    told = {"with": runner(), "films": len(films), "megabytes": sum(each.stat().st_size for each in films) // 10**6}
    every = partial(sheet.add, limit=0.15, **told)
    first, whole, ours = "stored to all playable / FFmpeg on every file", plain.wall, finished.wall / 2
    every(f"a shift, {first}", ours=playable.wall / 2, reference=whole, unit="s")
    every("the same, CPU", ours=playable.cpu / 2, reference=plain.cpu, unit="CPU-s")
    sheet.add("pictures and waveforms too / FFmpeg on every file", ours=ours, reference=whole, unit="s")
    sheet.add("the same, CPU", ours=finished.cpu / 2, reference=plain.cpu, unit="CPU-s")
    sheet.add("all of it / our planner's commands", ours=finished.wall, reference=alone.wall, unit="s", limit=1.05)
    sheet.add("the same, CPU", ours=finished.cpu, reference=alone.cpu, unit="CPU-s", limit=1.05)
    _unmanic(sheet, films, place, ours)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one shift took until everything played, and until pictures and waveforms were there too."""

    playable: Spent
    finished: Spent
    recordings: list[UUID]


def _shift_of_ours(workroom: Workroom, films: list[Path], place: Path) -> _Turn:
    with pool(workroom.world, place, **SOFTWARE) as ours:
        # Now, and not before: after a minute the worker's own round would have them examined.
        recordings = [workroom.keeps(path) for path in films]
        before, began = ours.spent(), time.perf_counter()
        with workroom.house.writing() as session:
            enqueue_all(session, [probe_request(each) for each in recordings])
        ours.await_playable()
        playable = Spent(time.perf_counter() - began, ours.spent() - before)
        ours.await_finished()
        finished = Spent(time.perf_counter() - began, ours.spent() - before)
    return _Turn(playable, finished, sorted(recordings, key=lambda each: workroom.recording(each).duration_ms or 0))


def _unmanic(sheet: Sheet, films: list[Path], place: Path, ours: float) -> None:
    """The same folder; it encodes every file and puts the copy in its place, so it is given copies."""
    program = os.environ.get("BENCH_UNMANIC", "")
    if not program:
        sys.stderr.write("Unmanic was not run: BENCH_UNMANIC names no program (docs/decisions/0011 says how)\n")
        return
    folder = place / "unmanic"
    folder.mkdir()
    for path in films:
        shutil.copyfile(path, folder / path.name)
    words = [sys.executable, "-m", "tests.benchmarks.unmanic_folder", program, str(folder)]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=2400)
    assert done.returncode == 0, done.stderr[-3000:]
    wall = json.loads(done.stdout.splitlines()[-1])["wall"]
    settings = "one worker a core, no watcher, one plugin: every file by the recipe's options, the same FFmpeg"
    sheet.add("all of it / Unmanic on the same folder", ours=ours, reference=wall, unit="s", settings=settings)


def test_films_that_must_be_encoded(workroom: Workroom, room: Callable[[float], Path], sheet: Sheet) -> None:
    place = room(4)
    films = old_cameras(place / "old", count=OLD, seconds=OLD_SECONDS, lines=OLD_LINES)
    mine, theirs, lines = Spent(0, 0), Spent(0, 0), list[list[str]]()
    with pool(workroom.world, place, **SOFTWARE) as ours:
        # By turns: a machine that is slower for a while is slower for both.
        for first in range(0, len(films), A_TURN):
            some = films[first : first + A_TURN]
            recordings = [workroom.keeps(path) for path in some]
            before, began = _examined(workroom, recordings, ours.spent), time.perf_counter()
            ours.await_finished()
            mine += Spent(time.perf_counter() - began, ours.spent() - before)
            lines = [
                as_a_line(argv_of(workroom.world, each), path, place / "theirs" / path.stem)
                for each, path in zip(recordings, some, strict=True)
            ]
            theirs += side_by_side(lines, place / f"lines-{first}")
    case = f"{OLD} films of {OLD_SECONDS} s, {OLD_LINES} lines, all encoded / {runner()} -j {CORES}, the same arguments"
    sheet.add(case, ours=mine.wall, reference=theirs.wall, unit="s", limit=1.05)
    sheet.add("the same, CPU", ours=mine.cpu, reference=theirs.cpu, unit="CPU-s")
    few = lines[: 2 * CORES]
    many = [["0" if before == "-threads:v" else word for before, word in pairwise(["", *line])] for line in few]
    packed = side_by_side(few, place / "few")
    threaded = side_by_side(many, place / "many", at_once=1)
    sheet.add(
        "one thread, an encode a core / all threads, one at a time", ours=packed.wall, reference=threaded.wall, unit="s"
    )
    sheet.add("the same, CPU", ours=packed.cpu, reference=threaded.cpu, unit="CPU-s")


def _examined(workroom: Workroom, recordings: list[UUID], spent: Callable[[], float]) -> float:
    """Examine all here, so that the worker has nothing but encodes; they begin together. What was spent until then."""
    settings, house = workroom.settings, workroom.house
    found = []
    for each in recordings:
        with house.reading() as session:
            master = session.get_one(Master, each)
        ranges = ReadAhead(house.masters.ranges(master.key, version_id=master.version_id))
        found.append((master, examine(ranges, settings)))
    before = spent()
    with house.writing() as session:
        for master, one in found:
            plan = decide(one.facts, one.verdict.condition)
            assert isinstance(plan, Plan)
            assert plan.filters
            write_examination(session, master, one, plan)
    return before


def test_pages_while_the_pool_is_saturated(workroom: Workroom, room: Callable[[float], Path], sheet: Sheet) -> None:
    place = room(4)
    films = old_cameras(place / "old", count=2 * CORES + 2, seconds=OLD_SECONDS, lines=OLD_LINES)
    world = workroom.world
    people = Cast(world)
    with desk(world, people, own_environment(world, place), place) as asked:
        with pool(world, place, **SOFTWARE) as ours:
            times_of(asked, REQUESTS // 10)  # the first of each kind loads templates and plans
            idle = times_of(asked, REQUESTS // 2)
            recordings = [workroom.keeps(path) for path in films]
            before, began = _examined(workroom, recordings, ours.spent), time.perf_counter()
            busy = times_of(asked, REQUESTS)
            cores = (ours.spent() - before) / (time.perf_counter() - began)
            with workroom.house.reading() as session:
                left = sum(session.get_one(Recording, each).playable_at is None for each in recordings)
        # Before and after: neither a machine that grows slower nor a list that grows longer counts for one side alone.
        idle += times_of(asked, REQUESTS // 2)
    assert left, "the pool was done before the pages were: nothing was measured"
    told = {"requests": REQUESTS, "cores_encoding": round(cores, 2), "median_idle_ms": idle.median}
    told["median_busy_ms"] = busy.median
    sheet.add(
        "pages and JSON, p99 while encoding / idle", ours=busy.p99, reference=idle.p99, unit="ms", limit=3, **told
    )
