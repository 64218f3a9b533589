"""How children ended and what copies were measured at: on the status page, for monitoring, and on the recording."""

from __future__ import annotations

from datetime import timedelta

from fastapi.testclient import TestClient
from sqlalchemy import select

from evidence import clock
from evidence.models import ChildEnding, Rendition
from evidence.vocabulary import HowEnded, Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.recordings import Shelf

MEASURED = {
    "tool": "9.0.2", "build": "0123456789abcdef", "gauge": "vmaf", "frames": 24, "mean": 71.26, "least": 60.5,
    "floor": 84.0, "below": "71.26 on average, the floor is 84", "cpu_ms": 900,
}  # fmt: skip


def write(world: World, *, task: str, ending: HowEnded, count: int, hours: int = 0) -> None:
    with world.house.writing() as session:
        hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
        session.add(ChildEnding(hour=hour, host="bench-1", task=task, ending=ending, count=count))


def test_an_operator_can_count_how_children_ended(world: World, client: TestClient, cast: Cast, as_: Visitor) -> None:
    assert "How children ended lately" not in as_("supervisor").get("/status").text
    write(world, task="probe", ending=HowEnded.CLEAN, count=1200)
    write(world, task="ffmpeg", ending=HowEnded.CPU_LIMIT, count=3)
    write(world, task="probe", ending=HowEnded.CPU_LIMIT, count=1, hours=2)
    write(world, task="probe", ending=HowEnded.SIGNAL, count=9, hours=30)
    for number, task in enumerate(("cut", "join", "look", "clips")):
        write(world, task=task, ending=HowEnded.WITH_MESSAGES, count=40 + number)
    page = as_("supervisor").get("/status").text
    assert "How children ended lately" in page
    assert "encoding 3, examining 1" in page
    assert "1,200" in page
    assert "cutting clips 43, cutting out parts 40, putting parts together 41, checking parts 42" in page
    assert not [word for word in HowEnded if f">{word.value}<" in page]
    assert "Fell over" not in page
    said = client.get("/metrics", headers=cast.token(Role.ADMINISTRATOR)).text
    assert 'continuity_child_endings{ending="cpu_limit",task="ffmpeg"} 3.0' in said


def test_a_copy_below_the_floor_is_shown_and_counted(
    world: World, shelf: Shelf, client: TestClient, cast: Cast, as_: Visitor
) -> None:
    shelf.playing(b"film")
    with world.house.writing() as session:
        for row in session.scalars(select(Rendition)):
            row.facts = {**row.facts, "quality": MEASURED, "ending": "with_messages"}
    page = as_("supervisor").get("/status").text
    assert "Quality of copies" in page
    assert "below 84" in page
    page = as_("supervisor").get("/recordings/R0000001").text
    assert "VMAF 71.26 on average over 24 pictures" in page
    assert "Below the floor" in page
    assert "The child that made it: ended, with messages about the file" in page
    said = client.get("/metrics", headers=cast.token(Role.ADMINISTRATOR)).text
    assert 'continuity_quality_below_floor{build="0123456789abcdef",gauge="vmaf",recipe=' in said
    told = client.get("/api/v1/recordings/R0000001", headers=cast.token(Role.ADMINISTRATOR)).json()
    assert told["renditions"][0]["quality"]["mean"] == 71.26
    assert told["renditions"][0]["ending"] == "with_messages"


def test_children_that_were_lost_with_their_worker_are_told(world: World, as_: Visitor) -> None:
    write(world, task="transcode.render", ending=HowEnded.LOST, count=2)
    page = as_("officer").get("/status").text
    assert "Lost with its worker" in page
    assert "a job that makes a copy 2" in page
