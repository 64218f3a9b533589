"""An agent at a dock: devices come and go, files grow, the server goes away, processes are killed."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evidence.outside import rotating
from evidence.outside.keys import LogKeys
from evidence.sequencing.sequencer import Sequencer
from ingest.agent import status
from ingest.agent.account import account_of
from ingest.agent.settings import Dock, Kind, Release
from tests.integration.ingest.agent.bench import Bench, kill
from tests.support.house import until
from tests.support.log import QUICK, sequencing

MIB = 1 << 20


@contextmanager
def sequenced(bench: Bench) -> Iterator[None]:
    """The log gets its order and its checkpoints while the block lasts."""
    house, folder = bench.desk.world.house, bench.folder / "log-keys"
    keys = LogKeys(folder) if folder.exists() else rotating.make(folder, house.settings.log_origin)
    rotating.enter(house, keys)
    with sequencing(Sequencer(house, keys, QUICK)) as raised:
        yield
    assert not raised


def test_a_file_put_into_the_dock_is_receipted_and_kept(bench: Bench) -> None:
    with bench.desk.world.working(), bench.running():
        until(lambda: status.read(bench.settings.state), what="the agent")
        path = bench.put("DCIM/clip.mp4", b"clip", old=False)
        line = bench.await_state("DCIM/clip.mp4", "receipted")
        until(lambda: not account_of(bench.settings.state).gaps, what="the receipt in the journal")
    assert line.size == 4
    assert path.read_bytes() == b"clip"
    (session,) = bench.sessions()
    assert (session.bay, session.device_label, session.closed_at) == ("cam-1", "cam-1", None)
    assert abs(session.clock_offset_ms or 0) < 5000
    assert session.clock_round_trip_ms is not None


def test_loose_files_and_several_devices_at_once(bench: Bench) -> None:
    for device in ("cam-1", "cam-2", ""):
        bench.put("clip.mp4", os.fsencode(device) + b"!", device=device)
    (bench.dock / "empty").mkdir()
    with bench.desk.world.working(), bench.running():
        until(lambda: len(bench.masters()) == 3, what="three masters")
        until(lambda: len(bench.sessions()) == 4, what="four sessions")
    assert {session.device_label for session in bench.sessions()} == {"cam-1", "cam-2", "dock", "empty"}


def test_a_growing_file_waits_and_is_taken_whole(bench: Bench) -> None:
    with bench.desk.world.working(), bench.running():
        path = bench.put("clip.mp4", b"", old=False)
        body = b""
        for _ in range(12):
            body += os.urandom(1000)
            path.write_bytes(body)
            threading.Event().wait(0.1)
        bench.await_state("clip.mp4", "receipted")
    assert [master.sha256 for master in bench.masters()] == [hashlib.sha256(body).hexdigest()]


def test_a_file_that_is_held_open_for_writing_waits_with_the_reason(bench: Bench) -> None:
    with bench.desk.world.working(), bench.running():
        path = bench.put("clip.mp4", b"begun", old=False)
        with path.open("ab") as recorder:
            until(lambda: [one for one in bench.listed("clip.mp4") if "still writing" in str(one.reason)], what="why")
            recorder.write(b" and done")
        bench.await_state("clip.mp4", "receipted")
    assert [master.size for master in bench.masters()] == [14]


def test_a_device_unplugged_half_way_goes_on_where_it_stopped(bench: Bench) -> None:
    body = os.urandom(64 * MIB)
    bench.put("clip.mp4", body)
    device, pocket = bench.dock / "cam-1", bench.folder / "pocket"
    with bench.desk.world.working(), bench.running(bandwidth_mib_per_second=24.0):
        until(lambda: any(line.bytes_sent > 20 * MIB for line in bench.listed("clip.mp4")), what="half of it")
        device.rename(pocket)
        with (pocket / "clip.mp4").open("r+b") as file:
            file.truncate(40 * MIB)  # what is left behind its handle breaks off
        until(lambda: bench.sessions()[0].closed_at, what="the end of the session")
    (line,) = bench.listed("clip.mp4")
    assert line.state == "gone"
    assert bench.sessions()[0].closed_because == "The device was unplugged. 1 file had not been taken."
    assert [incident.kind.value for incident in bench.open_incidents()] == ["not_stored"]
    (pocket / "clip.mp4").write_bytes(body)
    os.utime(pocket / "clip.mp4", (1_700_000_000, 1_700_000_000))
    pocket.rename(device)
    with bench.desk.world.working(), bench.running():
        bench.await_state("clip.mp4", "receipted")
    assert len(bench.sessions()) == 2
    assert [master.sha256 for master in bench.masters()] == [hashlib.sha256(body).hexdigest()]
    assert bench.open_incidents() == []


def test_killed_at_any_moment_everything_arrives_once(bench: Bench) -> None:
    bodies = {f"clip-{number}.mp4": os.urandom(40 * MIB + number) for number in range(3)}
    for name, body in bodies.items():
        bench.put(name, body)
    with bench.desk.world.working():
        for seconds in (0.7, 1.1, 1.6, 2.3):
            process = bench.start_process(CONTINUITY_AGENT_BANDWIDTH_MIB_PER_SECOND="60")
            threading.Event().wait(seconds)
            kill(process)
        process = bench.start_process()
        try:
            for name in bodies:
                bench.await_state(name, "receipted", within=60)
        finally:
            process.terminate()
            assert process.wait(20) == 0
    assert {master.sha256 for master in bench.masters()} == {hashlib.sha256(b).hexdigest() for b in bodies.values()}
    assert len(bench.masters()) == len(bench.arrivals()) == 3
    assert len([session for session in bench.sessions() if session.closed_at is None]) == 1


def test_memory_does_not_grow_with_files_or_their_size(bench: Bench) -> None:
    for number in range(8):
        (bench.put(f"clip-{number}.mp4", b"")).write_bytes(os.urandom(MIB) * (20 + 10 * number))
    with bench.desk.world.working():
        process = bench.start_process()
        try:
            for number in range(8):
                bench.await_state(f"clip-{number}.mp4", "receipted", within=90)
            said = until(lambda: status.read(bench.settings.state), what="the status")
        finally:
            process.terminate()
            assert process.wait(20) == 0
    assert said["pid"] == process.pid
    assert said["peak_memory_bytes"] < 128 * MIB


def test_the_server_goes_away_and_comes_back(bench: Bench) -> None:
    with bench.desk.world.working(), bench.running():
        bench.put("first.mp4", b"first")
        bench.await_state("first.mp4", "receipted")
        bench.desk.close()
        bench.put("second.mp4", os.urandom(20 * MIB))
        until(lambda: (status.read(bench.settings.state) or {}).get("away"), what="the reason in the status")
        bench.desk.open()
        bench.await_state("second.mp4", "receipted", within=60)
    assert len(bench.masters()) == 2


def test_two_agents_on_one_folder_make_one_recording(bench: Bench, tmp_path: Path) -> None:
    other = Bench(bench.desk, bench.folder, state="other-agent")
    other.enrol("Dock 2")
    bench.put("clip.mp4", os.urandom(20 * MIB))
    with bench.desk.world.working(), bench.running(), other.running():
        until(lambda: [a.state.value for a in bench.arrivals()] == ["receipted"] * 2, what="two receipts")
    assert len(bench.masters()) == 1


@pytest.mark.parametrize("release", [Release.DELETE, Release.MOVE])
def test_a_source_is_let_go_only_after_its_receipt(bench: Bench, release: Release) -> None:
    path = bench.put("clip.mp4", b"clip")
    away = bench.folder / "away" if release is Release.MOVE else None
    with bench.running(release=release, released_to=away):
        bench.await_state("clip.mp4", "checking")
        assert path.exists()
        with bench.desk.world.working():
            bench.await_state("clip.mp4", "receipted")
            until(lambda: bench.unproven() == 1, what="a receipt without its proof")
            assert path.exists(), "it went before the log held its receipt"
            with sequenced(bench):
                until(lambda: not path.exists(), what="the end of the source")
                until(lambda: bench.arrivals()[0].released_at, what="word of the release")
    (arrival,) = bench.arrivals()
    assert arrival.released_how == ("moved" if away else "deleted")
    if away:
        (moved,) = [found for found in away.rglob("*") if found.is_file()]
        assert (moved.name, moved.read_bytes()) == ("clip.mp4", b"clip")


def test_a_source_that_changed_after_its_receipt_is_not_let_go(bench: Bench) -> None:
    with bench.desk.world.working(), bench.running():
        path = bench.put("clip.mp4", b"clip")
        bench.await_state("clip.mp4", "receipted")
    path.write_bytes(b"klip")
    with bench.desk.world.working(), sequenced(bench), bench.running(release=Release.DELETE):
        until(lambda: not path.exists(), what="the end of the source")
    assert {master.size for master in bench.masters()} == {4}
    assert len(bench.masters()) == 2


def test_an_interview_goes_before_a_shift_of_patrols(bench: Bench) -> None:
    suite = bench.folder / "suite"
    (suite / "room-1").mkdir(parents=True)
    for number in range(20):
        bench.put(f"patrol-{number:02}.mp4", os.urandom(2 * MIB))
    docks = (Dock(bench.dock), Dock(suite, Kind.SUITE))
    with bench.desk.world.working(), bench.running(docks=docks, concurrent_files=1, bandwidth_mib_per_second=10.0):
        bench.await_state("patrol-00.mp4", "receipted")
        (suite / "room-1" / "interview.wav").write_bytes(b"RIFF")
        bench.await_state("interview.wav", "receipted")
        assert any(line.state == "waiting" for n in range(20) for line in bench.listed(f"patrol-{n:02}.mp4"))


def test_a_revoked_agent_ends_and_says_why(bench: Bench) -> None:
    from evidence.custody.events import Actor
    from ingest import enrolment

    with bench.running() as codes:
        bench.put("clip.mp4", b"clip")
        bench.await_state("clip.mp4", "checking")
        agent_id = bench.arrivals()[0].agent_id
        with bench.desk.world.house.writing() as session:
            enrolment.revoke(session, agent_id, by=Actor.system("test"))
        until(lambda: codes, what="the end of the agent")
    assert codes == [4]
