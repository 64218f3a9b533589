"""Worker hosts at the desk: who may cancel, drain and resume, on pages, by the JSON API and by command."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.cli import app as commands
from evidence import jobs
from evidence.custody.events import SYSTEM
from evidence.custody.ledger import history
from evidence.identifiers import new_id
from evidence.jobs import JobRequest, JobState
from evidence.models import Recording, Rendition, Segment
from evidence.vocabulary import Playability, RenditionKind, RenditionMethod, RenditionState, Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast
from tests.support.hosts import Stage, environment_of
from tests.support.house import World
from tests.support.recordings import Shelf
from transcode.sweep import nudge_renditions


@pytest.fixture
def stage(world: World) -> Stage:
    """A host called `bench-1` that runs one job, and one that waits."""
    return Stage(world)


def wanted(world: World, shelf: Shelf) -> tuple[UUID, int]:
    """A recording whose copy for playing is wanted, and the job that is to make it."""
    shelf.recording(b"x", playability=Playability.PREPARING)
    with world.house.writing() as session:
        recording = session.scalars(select(Recording)).one()
        row = Rendition(
            id=new_id(), recording_id=recording.id, master_sha256="0" * 64, kind=RenditionKind.PLAYBACK, recipe="r/1",
            method=RenditionMethod.TRANSCODE, why="MPEG-4 does not play in browsers",
        )  # fmt: skip
        session.add(row)
        request = JobRequest(task="transcode.render", args={"rendition": str(row.id)}, queue="transcode")
        row.job_id = jobs.enqueue(session, request)
        session.execute(text("UPDATE rendition SET asked_at = now() - interval '1 hour'"))
        return recording.id, row.job_id


def last_sentence(world: World, subject: UUID) -> str:
    with world.house.reading() as session:
        return history(session, subject)[-1].sentence


def test_a_cancelled_copy_waits_for_a_person_and_not_for_the_sweep(world: World, shelf: Shelf, as_: Visitor) -> None:
    recording, job = wanted(world, shelf)
    supervisor = as_("supervisor")
    assert f"Job {job} is cancelled" in supervisor.post(f"/jobs/{job}/cancel").text
    assert last_sentence(world, recording) == "Rhys Bevan (1907) cancelled transcode.render"
    with world.house.writing() as session:
        row = session.scalars(select(Rendition)).one()
        assert (row.state, row.reason) == (RenditionState.FAILED, "cancelled by Rhys Bevan (1907)")
        assert session.get_one(Recording, recording).playability is Playability.FAILED
        assert nudge_renditions(session) == 0
    assert "Cancelled by Rhys Bevan (1907)" in supervisor.get("/status").text
    assert supervisor.post(f"/jobs/{job}/cancel").status_code == 409
    assert f"Job {job} is tried again." in supervisor.post(f"/jobs/{job}/retry").text
    assert last_sentence(world, recording) == "Rhys Bevan (1907) asked again for transcode.render"
    with world.house.reading() as session:
        row = session.scalars(select(Rendition)).one()
        assert (row.state, row.reason, row.job_id) == (RenditionState.WANTED, None, job)
        assert session.get_one(Recording, recording).playability is Playability.PREPARING
        assert jobs.status(session, [job])[job].state is JobState.WAITING
    assert "Cancelled by" not in supervisor.get("/status").text


def test_asking_again_on_the_recordings_page_lays_the_cancelled_job_to_rest(
    world: World, shelf: Shelf, as_: Visitor
) -> None:
    _, job = wanted(world, shelf)
    supervisor = as_("supervisor")
    supervisor.post(f"/jobs/{job}/cancel")
    assert supervisor.post("/recordings/R0000001/retry").status_code == 200
    with world.house.reading() as session:
        row = session.scalars(select(Rendition)).one()
        assert row.state is RenditionState.WANTED
        assert row.job_id not in (None, job)
        assert jobs.status(session, [job])[job].state is JobState.CANCELLED
        assert jobs.cancelled(session) == []


def test_a_job_that_is_still_stopping_is_laid_to_rest_as_well(world: World, shelf: Shelf, as_: Visitor) -> None:
    _, job = wanted(world, shelf)
    with world.house.writing() as session:
        session.execute(text("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = :id"), {"id": job})
    supervisor = as_("supervisor")
    page = supervisor.get("/recordings/R0000001").text
    assert "Being made" in page, "the table of copies says what the headline says"
    supervisor.post(f"/jobs/{job}/cancel")
    assert "still stopping" in supervisor.get("/status").text
    assert supervisor.post("/recordings/R0000001/retry").status_code == 200
    with world.house.writing() as session:
        session.execute(text("UPDATE procrastinate_jobs SET status = 'aborted' WHERE id = :id"), {"id": job})
    with world.house.reading() as session:
        assert jobs.cancelled(session) == []


def test_a_cancelled_part_is_laid_to_rest_with_the_copy_that_is_asked_for_again(
    world: World, shelf: Shelf, as_: Visitor
) -> None:
    wanted(world, shelf)
    with world.house.writing() as session:
        row = session.scalars(select(Rendition)).one()
        part = Segment(id=new_id(), rendition_id=row.id, number=1, first_us=0, end_us=9, frames=1)
        session.add(part)
        row.state, row.facts = RenditionState.MAKING, {"parts": {"of": 1}}
        request = JobRequest(task="transcode.segment", args={"segment": str(part.id)}, queue="transcode_urgent")
        part.job_id = job = jobs.enqueue(session, request)
    supervisor = as_("supervisor")
    supervisor.post(f"/jobs/{job}/cancel")
    page = supervisor.get("/status").text
    assert "Making a part of a copy" in page
    assert '<a class="govuk-link" href="/recordings/R0000001">R0000001</a>' in page
    assert "transcode.segment" not in page
    assert "segment=" not in page
    assert supervisor.post("/recordings/R0000001/retry").status_code == 200
    with world.house.reading() as session:
        assert jobs.cancelled(session) == []


def test_intake_of_evidence_is_never_cancelled(world: World, client: TestClient, cast: Cast, as_: Visitor) -> None:
    with world.house.writing() as session:
        job = jobs.enqueue(session, JobRequest(task="ingest.verify", args={"arrival": "x"}, queue="verify"))
    answer = client.post(f"/api/v1/jobs/{job}/cancel", headers=cast.token(Role.ADMINISTRATOR))
    assert answer.status_code == 403
    assert "never cancelled" in answer.json()["detail"]
    refused = as_("administrator").post(f"/jobs/{job}/cancel")
    assert refused.status_code == 403
    assert "never cancelled" in refused.text
    with world.house.reading() as session:
        assert jobs.status(session, [job])[job].state is JobState.WAITING


def test_an_administrator_drains_and_resumes_on_the_page(world: World, stage: Stage, as_: Visitor) -> None:
    administrator = as_("administrator")
    page = administrator.get("/status").text
    assert "bench-1" in page
    assert "2.5 × real time" in page
    assert "Copies for playing: 2" in page
    assert "Making a copy for playing" in page
    assert "transcode.render" not in page
    assert "h264_nvenc encoded 30 pictures in 0.3 s" in page
    assert "Encodes at once: one for each of 2 cores" in page
    assert "bench-1 takes no new jobs" in administrator.post("/hosts/drain", data={"host": "bench-1"}).text
    assert last_sentence(world, SYSTEM) == (
        "Shabnam Iqbal let the worker host bench-1 take no new work (finishes what it has)"
    )
    page = administrator.get("/status").text
    assert "Draining" in page
    assert "Every host that takes this queue is drained: resume bench-1." in page
    administrator.post("/hosts/drain", data={"host": "bench-1", "now": "yes"})
    assert "handed back by Shabnam Iqbal" in administrator.get("/status").text
    assert "bench-1 takes jobs again." in administrator.post("/hosts/resume", data={"host": "bench-1"}).text
    assert administrator.post("/hosts/resume", data={"host": "bench-1"}).status_code == 409
    assert administrator.post("/hosts/drain", data={"host": "nobody"}).status_code == 404


def test_others_see_hosts_and_a_supervisor_may_only_cancel(stage: Stage, as_: Visitor) -> None:
    for name, may_cancel in (("officer", False), ("supervisor", True)):
        browser = as_(name)
        page = browser.get("/status").text
        assert "bench-1" in page
        assert (f"/jobs/{stage.running}/cancel" in page) is may_cancel
        assert "/hosts/drain" not in page
        for what in ("drain", "resume"):
            assert browser.post(f"/hosts/{what}", data={"host": "bench-1"}).status_code == 403
    assert as_("officer").post(f"/jobs/{stage.running}/cancel").status_code == 403


def test_a_form_of_another_site_drains_and_cancels_nothing(stage: Stage, as_: Visitor) -> None:
    administrator = as_("administrator")
    administrator.headers["Sec-Fetch-Site"] = "cross-site"
    assert administrator.post("/hosts/drain", data={"host": "bench-1"}).status_code == 403
    assert administrator.post(f"/jobs/{stage.running}/cancel").status_code == 403


def test_the_json_api_says_and_does_the_same(stage: Stage, client: TestClient, cast: Cast) -> None:
    chief, other = cast.token(Role.ADMINISTRATOR), cast.token(Role.SUPERVISOR)
    [host] = client.get("/api/v1/hosts", headers=other).json()
    assert (host["host"], host["state"], host["slots"]) == ("bench-1", "working", {"transcode": 2})
    [job] = host["jobs"]
    assert (job["id"], job["fraction"], job["speed"]) == (stage.running, 0.25, 2.5)
    assert host["room_because"][0].startswith("one for each of 2 cores")
    assert host["encodes_with"] == ["h264_nvenc: h264_nvenc encoded 30 pictures in 0.3 s"]
    assert client.post("/api/v1/hosts/bench-1/drain", json={"now": False}, headers=other).status_code == 403
    assert client.post("/api/v1/hosts/bench-1/drain", json={"now": True}, headers=chief).status_code == 200
    [host] = client.get("/api/v1/hosts", headers=other).json()
    assert (host["state"], host["drained"]["now"]) == ("draining", True)
    assert client.post("/api/v1/hosts/bench-1/resume", headers=chief).status_code == 200
    assert client.post("/api/v1/hosts/bench-1/resume", headers=chief).status_code == 409
    assert client.post("/api/v1/hosts/nobody/drain", json={}, headers=chief).status_code == 404
    assert client.post(f"/api/v1/jobs/{stage.running}/cancel", headers=other).status_code == 200
    said = client.get(f"/api/v1/jobs/{stage.running}", headers=other).json()
    assert (said["state"], said["cancelled_by"]) == ("running", "the program “test supervisor”")
    assert client.post(f"/api/v1/jobs/{stage.running}/retry", headers=other).status_code == 409


def test_measurements_name_each_host(stage: Stage, client: TestClient, cast: Cast) -> None:
    said = client.get("/metrics", headers=cast.token(Role.ADMINISTRATOR)).text
    for line in ("slots", "jobs", "speed", "drained", "heard_seconds"):
        assert f'continuity_host_{line}{{host="bench-1"}}' in said


def test_the_command_line_does_the_same(world: World, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # A command's process ends and gives its connections back; here the test's own house does.
    monkeypatch.setattr("api.standing.open_house", lambda *_, **__: world.house)
    for name, value in environment_of(world).items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> str:
        done = CliRunner().invoke(commands, words)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    [host] = [json.loads(line) for line in run("host", "list", "--json").splitlines()]
    assert (host["host"], host["state"], host["jobs"]) == ("bench-1", "working", [stage.running])
    run("host", "drain", "bench-1", "--now")
    assert "draining by command line" in run("host", "list")
    run("host", "resume", "bench-1")
    run("job", "cancel", str(stage.waiting))
    rows = [json.loads(line) for line in run("job", "list", "--json").splitlines()]
    assert {row["id"]: row["state"] for row in rows} == {stage.running: "running", stage.waiting: "cancelled"}
    run("job", "retry", str(stage.waiting))
    assert "cancelled" not in run("job", "list")
    refused = CliRunner().invoke(commands, ["host", "resume", "bench-1"])
    assert "not drained" in str(refused.exception)
