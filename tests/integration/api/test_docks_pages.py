"""The wall as people see it: live, by receipts, on a screen of its own; incidents and who closes them."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import Client, RemoteProtocolError
from sqlalchemy import update
from starlette.testclient import TestClient

from api.authentication import COOKIE
from api.displays import DISPLAY_COOKIE
from evidence import clock
from evidence.incidents import Trouble, open_incident
from evidence.models import Agent, ApiToken, DockingSession, ListedFile, SignedIn
from evidence.notices import tell_wall
from evidence.vocabulary import AgentKind, IncidentKind, ListedState
from ingest.reconcile import mark_silent
from tests.integration.api.conftest import Visitor
from tests.support.cast import TEST
from tests.support.house import World, until
from tests.support.recordings import Shelf
from tests.support.serving import listening

GB = 10**9


def bays(page: str) -> dict[str, str]:
    """What each bay says, by its name."""
    return {name.split(", ")[1]: said for name, said in re.findall(r'data-bay="([^"]+)" data-said="([^"]+)"', page)}


@pytest.fixture
def trouble(world: World, shelf: Shelf) -> str:
    """An open incident of the dock; its id."""
    with world.house.writing() as session:
        made = open_incident(
            session,
            Trouble(
                kind=IncidentKind.NOT_STORED, subject="x", reason="CLIP0001.MP4 has not been stored.",
                advice="Dock the camera again.", agent_id=shelf.agent,
            ),
            by=TEST,
        )  # fmt: skip
    return str(made)


def test_the_wall_says_of_each_bay_what_may_be_done(as_: Visitor, shelf: Shelf) -> None:
    shelf.docking("1", [(ListedState.RECEIPTED, GB, GB)] * 2)
    shelf.docking("2", [(ListedState.RECEIPTED, GB, GB), (ListedState.SENDING, GB, GB // 2)])
    shelf.docking("3", [(ListedState.CHECKING, GB, GB)])
    shelf.docking("10", [])
    shelf.docking("4", [(ListedState.GONE, GB, 0)], closed=True)
    page = as_("officer").get("/docks").text
    assert bays(page) == {
        "1": "Safe to remove", "2": "Uploading", "3": "Checking", "4": "Taken out too early", "10": "Nothing on it",
    }  # fmt: skip
    assert list(bays(page)) == ["1", "2", "3", "4", "10"]
    assert "Uploading 75 %" in page


def test_files_handed_in_by_name_are_no_camera_that_fell_silent(world: World, as_: Visitor, shelf: Shelf) -> None:
    workstation = Shelf(world)
    with world.house.writing() as session:
        told = {"kind": AgentKind.WORKSTATION, "name": "Handed in on the command line"}
        session.execute(update(Agent).where(Agent.id == workstation.agent).values(**told))
    workstation.docking("Handed in on the command line", [(ListedState.RECEIPTED, GB, GB)] * 2)
    left = workstation.docking("Handed in on the command line", [(ListedState.SENDING, GB, 0)])
    with world.house.writing() as session:
        session.execute(update(DockingSession).values(kind=AgentKind.WORKSTATION))
    supervisor = as_("supervisor")
    page = supervisor.get("/docks").text
    assert 'data-handed-in="Handed in on the command line" data-said="Being taken in"' in page
    assert page.count("Handed in on the command line") == 2, "the attribute and the words"
    assert bays(page) == {}
    hour_ago = clock.now() - timedelta(hours=1)
    with world.house.writing() as session:
        session.execute(update(Agent).where(Agent.id == workstation.agent).values(seen_at=hour_ago))
        session.execute(update(DockingSession).values(seen_at=hour_ago))
    page = supervisor.get("/docks").text
    assert "2 of 3 files stored and checked. 1 file not stored." in page
    assert "Silent for" not in page
    assert "Do not remove" not in page
    assert mark_silent(world.house, after=timedelta(minutes=3)) == 0
    with world.house.writing() as session:
        session.execute(update(ListedFile).where(ListedFile.session_id == left).values(state=ListedState.RECEIPTED))
        session.execute(update(Agent).where(Agent.id == shelf.agent).values(seen_at=clock.now()))
    assert 'data-said="All stored"' in supervisor.get("/docks").text


def test_only_the_newest_device_of_a_bay_is_on_the_wall(as_: Visitor, shelf: Shelf) -> None:
    shelf.docking("1", [(ListedState.RECEIPTED, GB, GB)], closed=True)
    shelf.docking("1", [(ListedState.WAITING, GB, 0)])
    assert bays(as_("officer").get("/docks").text) == {"1": "Waiting"}


def test_a_change_reaches_an_open_page_and_stopping_does_not_wait_for_it(
    world: World, app: FastAPI, as_: Visitor, shelf: Shelf
) -> None:
    docking = shelf.docking("1", [(ListedState.SENDING, GB, GB)])
    cookie = as_("officer").cookies[COOKIE]
    said: list[str] = []

    def read(url: str) -> None:
        with (
            Client(timeout=30) as reader,
            reader.stream("GET", f"{url}/docks/events", headers={"Cookie": f"{COOKIE}={cookie}"}) as stream,
        ):
            assert stream.headers["content-type"].startswith("text/event-stream")
            # The server that stops breaks the stream off; a page then connects again by itself.
            with suppress(RemoteProtocolError):
                said.extend(stream.iter_lines())

    with listening(app) as url:
        reader = threading.Thread(target=read, args=[url])
        reader.start()
        until(lambda: any('data-said="Uploading' in line for line in said), what="the first look")
        with world.house.writing() as session:
            session.execute(update(ListedFile).values(state=ListedState.RECEIPTED))
            tell_wall(session, docking)
        until(lambda: any('data-said="Safe' in line for line in said), within=3, what="the change")
    reader.join(10)
    assert not reader.is_alive()


def test_the_live_page_ends_when_the_sign_in_does(world: World, app: FastAPI, as_: Visitor, shelf: Shelf) -> None:
    docking = shelf.docking("1", [(ListedState.SENDING, GB, GB)])
    cookie = as_("officer").cookies[COOKIE]
    ended = threading.Event()

    def read(url: str) -> None:
        with (
            Client(timeout=60) as reader,
            reader.stream("GET", f"{url}/docks/events", headers={"Cookie": f"{COOKIE}={cookie}"}) as stream,
        ):
            for _ in stream.iter_lines():
                continue
        ended.set()

    with listening(app) as url:
        reader = threading.Thread(target=read, args=[url])
        reader.start()
        with world.house.writing() as session:
            session.execute(update(SignedIn).values(ended_at=SignedIn.started_at))

        def look() -> bool:
            with world.house.writing() as session:
                tell_wall(session, docking)
            return ended.wait(0.5)

        until(look, within=20, what="the end of the live page")
        reader.join(10)


def test_a_screen_on_the_wall_sees_the_wall_and_nothing_else(as_: Visitor, shelf: Shelf) -> None:
    shelf.docking("1", [(ListedState.RECEIPTED, GB, GB)])
    screen = as_("administrator")
    page = screen.post("/docks/display")
    assert page.url.path == "/docks/wall"
    assert bays(page.text) == {"1": "Safe to remove"}
    assert "Sign out" not in page.text
    assert COOKIE not in screen.cookies
    for path in ("/docks", "/recordings", "/status", "/people", "/account"):
        assert screen.get(path, follow_redirects=False).headers["location"].startswith("/sign-in")


def test_a_screens_secret_is_no_token_and_can_be_revoked(
    world: World, client: TestClient, as_: Visitor, shelf: Shelf
) -> None:
    screen = as_("administrator")
    screen.post("/docks/display")
    text = screen.cookies[DISPLAY_COOKIE]
    assert client.get("/api/v1/docks", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert client.get("/docks/wall", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    with world.house.writing() as session:
        session.execute(update(ApiToken).values(revoked_at=ApiToken.created_at))
    assert screen.get("/docks/wall", follow_redirects=False).status_code == 303


def test_only_an_administrator_makes_a_screen(as_: Visitor) -> None:
    assert as_("officer").post("/docks/display").status_code == 403
    assert as_("supervisor").post("/docks/display").status_code == 403


def test_an_open_incident_is_on_the_wall_with_what_to_do(as_: Visitor, trouble: str) -> None:
    page = as_("officer").get("/docks").text
    assert "CLIP0001.MP4 has not been stored." in page
    assert "Dock the camera again." in page
    assert f"/incidents/{trouble}" in page


def test_a_supervisor_closes_an_incident_with_a_note(as_: Visitor, trouble: str) -> None:
    supervisor = as_("supervisor")
    assert supervisor.post(f"/incidents/{trouble}/close", data={"note": " "}).status_code == 422
    closed = supervisor.post(f"/incidents/{trouble}/close", data={"note": "Found on the second camera."})
    assert "The incident is closed." in closed.text
    assert "CLIP0001.MP4" not in supervisor.get("/docks").text
    assert "Rhys Bevan: Found on the second camera." in supervisor.get("/incidents?closed=true").text
    again = supervisor.post(f"/incidents/{trouble}/close", data={"note": "Found on the second camera."})
    assert again.status_code == 409


def test_others_may_not_close_incidents(as_: Visitor, trouble: str) -> None:
    for name in ("officer", "administrator"):
        browser = as_(name)
        assert "Close incident" not in browser.get(f"/incidents/{trouble}").text
        assert browser.post(f"/incidents/{trouble}/close", data={"note": "It is fine now."}).status_code == 403
