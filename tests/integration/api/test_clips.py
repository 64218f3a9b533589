"""Clips at the desk: asked for once, seen by those who may watch, and never taken out without a record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from evidence.custody.ledger import history
from evidence.jobs import Lane
from evidence.models import Clip, Recording, Rendition
from evidence.vocabulary import Playability, RenditionKind
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast
from tests.support.house import World, until
from tests.support.media import Footage
from tests.support.recordings import SOUND, VIDEO, Shelf
from transcode import tasks
from transcode.repair import RECIPE
from transcode.settings import TranscodeSettings

FILM = ({**VIDEO, "index": 0, "pixel_format": "yuv420p", "decoded": True}, {**SOUND, "index": 1, "decoded": True})
FRAMES = 90


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return Footage(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def reference(shelf: Shelf, footage: Footage) -> str:
    """Three seconds of film with sound, and the table of its frames."""
    made = shelf.playing(footage.of("ntsc.mp4").read_bytes(), streams=FILM)
    shelf.add_frames(made, frames=FRAMES, step=1001, timescale=30000)
    return made


@pytest.fixture
def supervisor(as_: Visitor) -> TestClient:
    return as_("supervisor")


def told(world: World, reference: str) -> list[tuple[str, str]]:
    """What the log says of clips of a recording: each event and its sentence."""
    with world.house.reading() as session:
        subject = session.scalars(select(Recording.id).where(Recording.number == int(reference[1:]))).one()
        lines = history(session, subject)
    return [(line.type.value, line.sentence) for line in lines if line.type.value.startswith("clip.")]


@contextmanager
def cutting(world: World, folder: Path) -> Iterator[None]:
    """A worker that makes clips while the block lasts."""
    settings = TranscodeSettings(scratch=folder / "scratch")
    with world.working(tasks.tasks(world.house, settings), [Lane(("clips",), 1)]):
        yield


def settled(client: TestClient, address: str) -> dict[str, Any]:
    """The clip, once it is made or given up."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(address).json()
        return found if found["state"] in ("ready", "failed") else None

    return until(look, within=60, what="the clip")


def test_a_clip_is_asked_for_made_and_taken_out(
    world: World, supervisor: TestClient, reference: str, tmp_path: Path
) -> None:
    asked = supervisor.post(f"/api/v1/recordings/{reference}/clips", json={"start": 11, "end": 45})
    assert asked.status_code == 201, asked.text
    address = asked.headers["location"]
    assert asked.json()["state"] == "wanted"
    with cutting(world, tmp_path):
        found = settled(supervisor, address)
    assert found["state"] == "ready", found["reason"]
    assert found["facts"]["pictures"]["copied"] == 23
    assert found["file_name"].startswith(f"{reference}_clip_frames-12-45_")
    got = supervisor.get(found["file"])
    assert hashlib.sha256(got.content).hexdigest() == found["sha256"]
    assert got.headers["content-disposition"] == f'attachment; filename="{found["file_name"]}"'
    part = supervisor.get(found["file"], headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, got.content[100:200])
    supervisor.get(found["file"], headers={"Range": "bytes=200-299"})
    supervisor.get(found["file"])
    events = [name for name, _ in told(world, reference)]
    # Two whole files, and two pieces within one hour that are one taking.
    assert events == ["clip.requested", "clip.made", *["clip.downloaded"] * 3]
    assert told(world, reference)[2][1] == f"Rhys Bevan (1907) took out the clip {found['id']}"


def test_what_was_noticed_of_a_clip_stands_beside_it(
    world: World, supervisor: TestClient, reference: str, tmp_path: Path
) -> None:
    asked = supervisor.post(f"/api/v1/recordings/{reference}/clips", json={"start": 11, "end": 45})
    with cutting(world, tmp_path):
        found = settled(supervisor, asked.headers["location"])
    noticed = "where sound could not be decoded, there is silence"
    with world.house.writing() as session:
        session.execute(update(Clip).values(facts=found["facts"] | {"remarks": [noticed]}))
    assert f"W{noticed[1:]}<" in supervisor.get(f"/recordings/{reference}/clips").text


def test_the_same_again_is_the_clip_that_there_is(world: World, supervisor: TestClient, reference: str) -> None:
    wish = {"start": 11, "end": 45, "write_time": True, "write_reference": True}
    first = supervisor.post(f"/api/v1/recordings/{reference}/clips", json=wish)
    again = supervisor.post(f"/api/v1/recordings/{reference}/clips", json=wish)
    other = supervisor.post(f"/api/v1/recordings/{reference}/clips", json={**wish, "end": 46})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert first.json()["recipe"]["burn"]["reference"] == reference
    assert [name for name, _ in told(world, reference)] == ["clip.requested"] * 2


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"start": 45, "end": 45}, "out point must lie after"),
        ({"start": 10, "end": 91}, "90 frames"),
        ({"start": 10, "end": 12, "unit": "microsecond"}, "only sound in microseconds"),
        ({"start": 10, "end": 12, "kind": "still"}, "still picture is one frame"),
        ({"start": 0, "end": 3 * 10**11, "kind": "sound", "unit": "microsecond"}, "120 minutes"),
        ({"start": 10, "end": 12, "sounds": [7]}, "no sound track 7"),
        ({"start": 10, "end": 12, "write_collar": True}, "No officer"),
        ({"start": 10, "end": 12, "write_reference": True, "reference": "bad\u202ename"}, "printable"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    world: World, supervisor: TestClient, reference: str, wish: dict[str, Any], words: str
) -> None:
    answer = supervisor.post(f"/api/v1/recordings/{reference}/clips", json=wish)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert told(world, reference) == []


def test_places_are_numbers_and_nothing_like_numbers(supervisor: TestClient, reference: str) -> None:
    for wrong in ({"start": True}, {"start": "0"}, {"end": "4"}, {"end": 4.0}, {"sounds": ["1"]}, {"sounds": [True]}):
        answer = supervisor.post(f"/api/v1/recordings/{reference}/clips", json={"start": 0, "end": 4, **wrong})
        assert answer.status_code in (400, 422), (wrong, answer.text)


def test_a_repaired_copy_is_no_master_to_cut_from(world: World, supervisor: TestClient, reference: str) -> None:
    assert "data-cutting" in supervisor.get(f"/recordings/{reference}").text
    with world.house.writing() as session:
        session.execute(update(Rendition).where(Rendition.kind == RenditionKind.PLAYBACK).values(recipe=RECIPE))
    answer = supervisor.post(f"/api/v1/recordings/{reference}/clips", json={"start": 0, "end": 4})
    assert answer.status_code == 400
    assert "cannot be opened" in answer.json()["detail"]
    page = supervisor.get(f"/recordings/{reference}").text
    assert "data-cutting" not in page
    assert "no clips are cut out of it" in page


def test_a_master_that_cannot_be_opened_is_not_said_to_be_waited_for(supervisor: TestClient, shelf: Shelf) -> None:
    cut_off = shelf.recording(b"no index was written", quarantine="It was cut off.", playability=Playability.UNPLAYABLE)
    answer = supervisor.post(f"/api/v1/recordings/{cut_off}/clips", json={"start": 0, "end": 5})
    assert answer.status_code == 400
    assert "cannot be opened" in answer.json()["detail"]
    assert "Wait" not in answer.json()["detail"]


def test_who_may_watch_may_clip_and_nobody_else(
    world: World, as_: Visitor, cast: Cast, reference: str, supervisor: TestClient
) -> None:
    with world.house.writing() as session:
        session.execute(update(Recording).values(officer_id=cast.ids["officer"]))
    clip = supervisor.post(f"/api/v1/recordings/{reference}/clips", json={"start": 1, "end": 9}).json()["id"]
    wish = {"start": 1, "end": 9, "write_collar": True}
    asks = {
        name: as_(name).post(f"/api/v1/recordings/{reference}/clips", json=wish)
        for name in ("officer", "stranger", "administrator")
    }
    assert [each.status_code for each in asks.values()] == [201, 404, 403]
    assert asks["officer"].json()["recipe"]["burn"]["collar"] == "4821"
    for path in (f"/api/v1/clips/{clip}", f"/api/v1/clips/{clip}/file", f"/clips/{clip}/file"):
        assert as_("stranger").get(path).status_code == 404
        assert as_("administrator").get(path).status_code == 403
    assert as_("stranger").post(f"/api/v1/clips/{clip}/retry").status_code == 404
    assert as_("administrator").get(f"/recordings/{reference}/clips").status_code == 403
    assert "clip.downloaded" not in [name for name, _ in told(world, reference)]


def test_a_clip_that_cannot_be_made_says_why_and_is_tried_again_by_a_person(
    world: World, supervisor: TestClient, shelf: Shelf, footage: Footage, tmp_path: Path
) -> None:
    # No table of frames is known here: the workroom is the first to count them.
    reference = shelf.playing(footage.of("ntsc.mp4").read_bytes(), streams=FILM)
    asked = supervisor.post(f"/api/v1/recordings/{reference}/clips", json={"start": 80, "end": 95})
    address = asked.headers["location"]
    assert supervisor.post(f"{address}/retry").status_code == 409
    with cutting(world, tmp_path):
        found = settled(supervisor, address)
        assert found["reason"] == "the recording has 90 pictures, and 80 up to 95 are not all among them"
        assert supervisor.get(f"{address}/file").status_code == 404
        assert "has 90 pictures" in supervisor.get(f"/recordings/{reference}/clips").text
        assert supervisor.post(f"{address}/retry").json()["state"] == "wanted"
        settled(supervisor, address)
    events = [name for name, _ in told(world, reference)]
    assert events == ["clip.requested", "clip.failed"] * 2


def test_clips_come_in_pages_and_the_page_asks_for_them_by_form(
    world: World, supervisor: TestClient, reference: str
) -> None:
    for last in ("20", "21", "22"):
        form = {"kind": "clip", "first": "12", "last": last, "sound": "yes"}
        assert supervisor.post(f"/recordings/{reference}/clips", data=form, follow_redirects=False).status_code == 303
    still = {"kind": "still", "shown": "7"}
    told_back = supervisor.post(f"/recordings/{reference}/clips", data=still, headers={"HX-Request": "true"})
    assert "Still picture is being made." in told_back.text
    wrong = supervisor.post(f"/recordings/{reference}/clips", data={"first": "9"}, headers={"HX-Request": "true"})
    assert "Set where the clip ends." in wrong.text
    page = supervisor.get(f"/api/v1/recordings/{reference}/clips?limit=3").json()
    assert [(each["recipe"]["start"], each["recipe"]["end"]) for each in page["items"]] == [(6, 7), (11, 22), (11, 21)]
    rest = supervisor.get(page["next"]).json()
    assert [each["recipe"]["end"] for each in rest["items"]] == [20]
    with world.house.reading() as session:
        assert len(session.scalars(select(Clip)).all()) == 4


def test_the_description_of_the_api_has_clips(supervisor: TestClient) -> None:
    paths = json.loads(supervisor.get("/api/v1/openapi.json").text)["paths"]
    assert {"get", "post"} <= set(paths["/api/v1/recordings/{name}/clips"])
    assert set(paths["/api/v1/clips/{clip}/file"]) == {"get"}
