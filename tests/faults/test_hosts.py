"""Two worker hosts with real encodes between them: one is killed or cut off in the middle of a job, again and again.

Each copy must be recorded once, whoever began it, and none may stand still for more than a minute.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import imageio_ffmpeg
import pytest
from sqlalchemy import text

from api import acts
from evidence import jobs
from evidence.access import Asker
from evidence.custody import ledger
from evidence.custody.events import EventType
from evidence.embedded import EmbeddedPostgres
from evidence.jobs import CurrentJob, HostState
from evidence.migrations import upgrade
from evidence.store import StoreSettings
from evidence.vocabulary import RenditionKind, RenditionState, Role
from tests.faults.cables import BRISK, Cable, Door, Host, cables
from tests.faults.conftest import Record
from tests.faults.reckoning import Reckoning
from tests.support.cast import TEST
from tests.support.hosts import environment_of
from tests.support.house import World, until
from tests.support.workroom import Workroom
from transcode.settings import TranscodeSettings

WRITTEN = Path(__file__).resolve().parents[2] / "build" / "hosts.json"
MINUTE = 60.0


@dataclass
class Field:
    """Two hosts, the servers that they work for, and what was seen."""

    world: World
    room: Workroom
    hosts: dict[str, Host]
    master: Path
    pace: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    recordings: list[UUID] = field(default_factory=list)

    @property
    def has_cables(self) -> bool:
        return all(host.cable is not None for host in self.hosts.values())

    def start(self, **pace: float) -> None:
        self.pace = pace
        for host in self.hosts.values():
            host.start(**pace)
        for host in self.hosts.values():
            self.back(host)

    def back(self, host: Host) -> None:
        """Wait until a host is at work."""

        def is_back() -> bool:
            with self.world.house.reading() as session:
                found = {each.host: each for each in jobs.hosts(session)}
            line = found.get(host.name)
            return line is not None and any(
                each.age < 8 and all(lane["worker"] is not None for lane in each.lanes) for each in line.processes
            )

        self.until(is_back, within=90, what=f"{host.name} at work")

    def until(self, look: Callable[[], Any], *, within: float, what: str) -> Any:
        try:
            return until(look, within=within, what=what)
        except AssertionError as error:
            words = "\n".join(f"--- {host.name}\n{host.last_words()}" for host in self.hosts.values())
            raise AssertionError(f"{error}\n{words}") from None

    def another(self) -> UUID:
        """One more recording that must be encoded; its bytes are no other's."""
        path = self.master.with_name(f"CLIP{len(self.recordings):04}.avi")
        ffmpeg("-i", str(self.master), "-c", "copy", "-metadata", f"title={len(self.recordings)}", str(path))
        recording = self.room.keeps(path)
        path.unlink()
        self.room.examines(recording)
        self.recordings.append(recording)
        return recording

    def running(self) -> list[CurrentJob]:
        with self.world.house.reading() as session:
            return [each for each in jobs.running(session) if each.queue.startswith("transcode")]

    def in_the_middle(self, recording: UUID) -> CurrentJob:
        """Wait until the encode of a recording is well under way; where, and which attempt."""

        def look() -> CurrentJob | None:
            mine = {row.job_id for row in self.room.rows(recording)}
            return next((each for each in self.running() if each.id in mine and _is_encoding(each)), None)

        found: CurrentJob = self.until(look, within=120, what="an encode under way")
        return found

    def attempt_of(self, job: int) -> tuple[int, str]:
        with self.world.house.reading() as session:
            words = text("SELECT attempts, status::text FROM procrastinate_jobs WHERE id = :id")
            row = session.execute(words, {"id": job}).one()
        return row.attempts, row.status

    def strike(self, how: str) -> None:
        """Kill or cut off whichever host encodes, see its job go on elsewhere, and set the host right again."""
        job = self.in_the_middle(self.another())
        before, _ = self.attempt_of(job.id)
        victim = self.hosts[str(job.host)]
        if how == "kill -9":
            victim.kill()
        else:
            assert victim.cable is not None
            victim.cable.cut()
        struck = time.monotonic()

        def goes_on() -> bool:
            attempt, status = self.attempt_of(job.id)
            return attempt > before and status in {"doing", "succeeded"}

        self.until(goes_on, within=120, what=f"job {job.id} elsewhere")
        stall = time.monotonic() - struck
        where = next((each.host for each in self.running() if each.id == job.id), "(done)")
        if how == "kill -9":
            victim.start(**self.pace)
        else:
            assert victim.cable is not None
            victim.cable.mend()
        self.rows.append({"how": how, "host": victim.name, "at": job.fraction, "stall_s": stall, "then": where})
        self.back(victim)

    def reckon(self) -> Reckoning:
        """Each copy was recorded once, and nothing waits."""
        found = Reckoning(files=len(self.recordings))
        for recording in self.recordings:
            self.until(partial(self._is_settled, recording), within=240, what=f"every copy of {recording}")
            for row in self.room.rows(recording):
                if row.state is not RenditionState.READY:
                    found.lost.append(f"{row.kind} of {recording}: {row.state}, {row.reason}")
            made = [row.kind for row in self.room.rows(recording) if row.state is RenditionState.READY]
            found.doubled += [f"two {kind} of {recording}" for kind in set(made) if made.count(kind) > 1]
            with self.world.house.reading() as session:
                ledger.check_subject(session, recording)
                said = [line for line in ledger.history(session, recording) if line.type is EventType.RENDITION_MADE]
            if len(said) != len(made):
                found.doubled.append(f"{len(said)} records of {len(made)} copies of {recording}")
        found.stuck += [f"job {each.id} still runs" for each in self.running()]
        return found

    def _is_settled(self, recording: UUID) -> bool:
        rows = self.room.rows(recording)
        open_ = (RenditionState.WANTED, RenditionState.MAKING)
        return any(row.kind is RenditionKind.PLAYBACK for row in rows) and all(row.state not in open_ for row in rows)

    def write(self, record: Record, reckoning: Reckoning) -> None:
        """Print the longest stall; write the table down."""
        for how in sorted({row["how"] for row in self.rows}):
            stalls = [row["stall_s"] for row in self.rows if row["how"] == how]
            record(f"worker host: {how} mid-job", reckoning, moments=len(stalls), seconds=max(stalls))
            print(f"{how}: {len(stalls)} times, longest stall {max(stalls):.1f} s")  # noqa: T201 - asked for
        WRITTEN.parent.mkdir(parents=True, exist_ok=True)
        found = {
            "namespaces": self.has_cables,
            "longest_stall_s": max(row["stall_s"] for row in self.rows),
            "files": reckoning.files,
            "lost": len(reckoning.lost),
            "doubled": len(reckoning.doubled),
            "strikes": self.rows,
        }
        WRITTEN.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def _is_encoding(job: CurrentJob) -> bool:
    """FFmpeg itself has said how far it is, and how fast: the master is fetched, and nothing is stored yet."""
    return job.speed is not None and (job.fraction or 0) > 0.05


def ffmpeg(*words: str) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-y", "-nostdin", "-loglevel", "error", *words], check=True)


@pytest.fixture
def seconds() -> int:
    """How long the film in each master is."""
    return 40


@pytest.fixture
def master(tmp_path_factory: pytest.TempPathFactory, seconds: int) -> Path:
    """A film that no browser plays, long enough to be struck in the middle."""
    path = tmp_path_factory.mktemp("masters") / "master.avi"
    source = f"testsrc2=size=1280x720:rate=25:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "mpeg4", "-q:v", "6", "-tag:v", "XVID", str(path))
    return path


@pytest.fixture
def laid() -> Iterator[list[Cable]]:
    made = cables(2)
    yield made
    for each in made:
        each.take_up()


@pytest.fixture
def server(servers_folder: Path, tmp_path: Path, laid: list[Cable]) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that also listens at the near end of each cable."""
    listen = ",".join(["127.0.0.1", *(each.near for each in laid)])
    with EmbeddedPostgres(
        servers_folder / tmp_path.name, settings={"listen_addresses": listen, "shared_buffers": "64MB"}
    ) as made:
        rules = made.home / "cluster" / "pg_hba.conf"
        lines = [f"host all all {each.far}/32 scram-sha-256" for each in laid]
        rules.write_text("\n".join([rules.read_text(), *lines, ""]))
        assert made.pid is not None
        os.kill(made.pid, signal.SIGHUP)
        upgrade(made.ensure_database("hosts"))
        yield made


@pytest.fixture
def fields(
    server: EmbeddedPostgres, store_settings: StoreSettings, laid: list[Cable], master: Path, tmp_path: Path
) -> Iterator[Field]:
    world = World(server.url("hosts"), store_settings, tmp_path)
    made = Field(world, Workroom(world, TranscodeSettings(scratch=tmp_path / "scratch")), {}, master)
    doors = []
    store_port = int(store_settings.endpoint.rpartition(":")[2])
    for number, name in enumerate(("north", "south")):
        said = environment_of(world) | {"CONTINUITY_TRANSCODE_SLOTS": "2"}
        cable = laid[number] if laid else None
        if cable is not None:
            doors.append(Door(cable.near, store_port))
            said["CONTINUITY_S3_ENDPOINT"] = f"http://{cable.near}:{doors[-1].port}"
            said["CONTINUITY_DATABASE_URL"] = world.database_url.replace("127.0.0.1", cable.near)
        made.hosts[name] = Host(name, cable, said, tmp_path)
    yield made
    for host in made.hosts.values():
        host.stop()
    for door in doors:
        door.close()
    world.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_hosts_are_killed_and_cut_off_ten_times_each(fields: Field, record: Record) -> None:
    """At the pace that `continuity worker` has."""
    fields.start()
    for _ in range(10):
        fields.strike("kill -9")
        if fields.has_cables:
            fields.strike("network cut")
    reckoning = fields.reckon()
    fields.write(record, reckoning)
    assert max(row["stall_s"] for row in fields.rows) < MINUTE


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [12])
def test_one_kill_and_one_cut_briefly(fields: Field) -> None:
    """The same at a brisk pace, once each, with short films."""
    fields.start(**BRISK)
    fields.strike("kill -9")
    if fields.has_cables:
        fields.strike("network cut")
    reckoning = fields.reckon()
    assert reckoning.is_clean, reckoning.in_words()
    assert max(row["stall_s"] for row in fields.rows) < MINUTE


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_cancelling_ends_the_encoder_and_draining_moves_the_work(fields: Field) -> None:
    """Real encoders: gone within seconds of the word; the file still comes to its copy when asked for again."""
    fields.start(**BRISK)
    job = fields.in_the_middle(fields.another())
    host = fields.hosts[str(job.host)]
    encoders = fields.until(host.encoders, within=60, what="an encoder at work")
    with fields.world.house.writing() as session:
        acts.cancel_job(session, job.id, by=TEST)
    began = time.monotonic()
    fields.until(lambda: not any(each.is_running() for each in encoders), within=10, what="the end of the encoder")
    assert time.monotonic() - began < 10
    fields.until(lambda: fields.attempt_of(job.id)[1] == "aborted", within=10, what="a job that is stopped")
    with fields.world.house.writing() as session:
        acts.retry_job(session, job.id, asker=Asker(Role.ADMINISTRATOR), by=TEST)
    again = fields.in_the_middle(fields.recordings[0])
    with fields.world.house.writing() as session:
        acts.drain_host(session, str(again.host), hand_back=True, by=TEST)

    def moved() -> bool:
        found = next((each for each in fields.running() if each.id == job.id), None)
        return found is not None and found.host not in (None, again.host)

    fields.until(moved, within=20, what="the encode on the other host")
    with fields.world.house.reading() as looking:
        states = {each.host: each.state for each in jobs.hosts(looking)}
    assert states[str(again.host)] is HostState.DRAINED
    assert fields.reckon().is_clean
