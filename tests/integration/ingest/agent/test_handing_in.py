"""Files handed in by name, over the real front desk, into the real store, to their receipts."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from ingest.agent.errors import NotEnrolled, StateInUse
from ingest.agent.holding import holding
from ingest.agent.once import Event, Looked, ingest_once
from ingest.agent.settings import Settings, changed
from tests.integration.ingest.agent.bench import Bench

ODD = ["--help.mp4", "-rf", "line\nbreak.mp4", "not-utf8-\udcff.mp4", "concat:a.mp4", "x" * 251 + ".mp4", "q'\".mp4"]


def test_files_of_every_size_get_their_receipts(bench: Bench) -> None:
    bodies = {
        "empty.mp4": b"",
        "one.mp4": b"x",
        "small.mp4": os.urandom(200_000),
        "one-part.mp4": os.urandom(16 << 20),
        "parts.mp4": os.urandom((33 << 20) + 17),
    }
    for name, body in bodies.items():
        bench.put(name, body)
    events: list[Event] = []
    with bench.desk.world.working():
        results = ingest_once([bench.dock / "cam-1"], bench.settings, events.append)
    found = {result.name: result for result in results}
    assert found.keys() == bodies.keys()
    for name, body in bodies.items():
        assert (found[name].state, found[name].reason) == ("receipted", None)
        assert found[name].sha256 == hashlib.sha256(body).hexdigest()
        assert found[name].recording_id
    assert max(event.bytes_sent for event in events if event.name == "parts.mp4") == len(bodies["parts.mp4"])
    assert {master.sha256 for master in bench.masters()} == {result.sha256 for result in results}
    assert [session.closed_because for session in bench.sessions()] == [
        "Everything that was handed in has been dealt with."
    ]
    assert bench.open_incidents() == []


def test_odd_names_things_that_are_no_files_and_names_that_are_not_there(bench: Bench) -> None:
    paths = [bench.put(name, os.fsencode(name)) for name in ODD]
    (bench.dock / "cam-1" / "link.mp4").symlink_to("/etc/passwd")
    os.mkfifo(bench.dock / "cam-1" / "pipe.mp4")
    handed_in = [*paths, bench.dock / "cam-1" / "link.mp4", bench.dock / "cam-1" / "pipe.mp4", Path("/nowhere/x.mp4")]
    with bench.desk.world.working():
        results = ingest_once(handed_in, bench.settings)
    found = {result.name: result for result in results}
    assert len(found) == len(ODD) + 3
    for name in ODD:
        body = os.fsencode(name)
        (result,) = [one for one in results if one.sha256 == hashlib.sha256(body).hexdigest()]
        assert result.state == "receipted"
    assert (found["link.mp4"].state, found["pipe.mp4"].state) == ("refused", "refused")
    assert "link" in str(found["link.mp4"].reason)
    assert (found["x.mp4"].state, found["x.mp4"].reason) == ("gone", "There is no file or folder of this name.")
    assert len(bench.masters()) == len(ODD)


def test_handing_in_twice_gives_one_recording(bench: Bench) -> None:
    bench.put("small.mp4", b"small")
    bench.put("parts.mp4", os.urandom(17 << 20))
    with bench.desk.world.working():
        first = ingest_once([bench.dock / "cam-1"], bench.settings)
        again = ingest_once([bench.dock / "cam-1"], bench.settings)
        forgetful = changed(bench.settings, state=bench.folder / "other-agent")
        bench.settings = forgetful
        bench.enrol("Dock 2")
        elsewhere = ingest_once([bench.dock / "cam-1"], forgetful)
    ids = [{result.name: result.recording_id for result in results} for results in (first, again, elsewhere)]
    assert ids[0] == ids[1] == ids[2]
    assert len(bench.masters()) == 2
    assert len(bench.arrivals()) == 4  # one for each agent and file


def test_the_same_name_and_time_with_other_bytes_is_another_recording(bench: Bench) -> None:
    bodies = [os.urandom(17 << 20), os.urandom(17 << 20)]
    with bench.desk.world.working():
        results = []
        for body in bodies:
            path = bench.put("clip.mp4", body)
            results += ingest_once([path], bench.settings)
            path.unlink()
    assert [result.state for result in results] == ["receipted", "receipted"]
    assert [result.sha256 for result in results] == [hashlib.sha256(body).hexdigest() for body in bodies]
    assert len({result.recording_id for result in results}) == 2


def test_with_nobody_to_verify_it_says_what_it_waits_for(bench: Bench) -> None:
    bench.put("clip.mp4", b"clip")
    (result,) = ingest_once([bench.dock / "cam-1"], changed(bench.settings, patience_seconds=6))
    assert result.state == "checking"


def test_with_the_server_away_it_says_so(bench: Bench) -> None:
    bench.put("clip.mp4", b"clip")
    bench.desk.close()
    (result,) = ingest_once([bench.dock / "cam-1"], changed(bench.settings, patience_seconds=2))
    assert result.state in {"waiting", "listed"}
    bench.desk.open()
    with bench.desk.world.working():
        (result,) = ingest_once([bench.dock / "cam-1"], bench.settings)
    assert result.state == "receipted"


def test_it_stops_when_told(bench: Bench) -> None:
    bench.put("clip.mp4", b"clip")
    stop = threading.Event()
    stop.set()
    (result,) = ingest_once([bench.dock / "cam-1"], bench.settings, stop=stop)
    assert result.state != "receipted"


def test_one_agent_for_each_state_folder(bench: Bench) -> None:
    with holding(bench.settings.state), pytest.raises(StateInUse):
        ingest_once([bench.dock], bench.settings)


def test_a_stranger_is_told_to_enrol(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled, match="enrol"):
        ingest_once([tmp_path], Settings(server="http://127.0.0.1:1", state=tmp_path / "state"))


def test_why_earlier_receipts_could_not_be_asked_about_is_told_at_once(bench: Bench) -> None:
    bench.put("clip.mp4", b"clip")
    with bench.desk.world.working():
        ingest_once([bench.dock / "cam-1"], bench.settings)
    with bench.desk.world.house.writing() as session:
        session.execute(text("UPDATE agent SET public_key = sha256(public_key)"))  # as where a restored copy knows none
    looked: list[Looked] = []
    bench.put("second.mp4", b"second")
    impatient = changed(bench.settings, patience_seconds=2)
    results = ingest_once([bench.dock / "cam-1"], impatient, on_looked=looked.append)
    assert "enrol it again" in str(looked[0].away)
    assert "receipted" not in {one.state for one in results if one.name == "second.mp4"}
