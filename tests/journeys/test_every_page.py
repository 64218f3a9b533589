"""Every page, in a real browser: no accessibility fault, no complaint, narrow screens, no JavaScript."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, text

from evidence import jobs
from evidence.incidents import Trouble, open_incident
from evidence.models import Incident, Person
from evidence.vocabulary import IncidentKind, ListedState, Playability, RecordingKind
from tests.journeys.conftest import Window
from tests.support.browser import Visit
from tests.support.cast import PASSWORD, TEST
from tests.support.hosts import Stage
from tests.support.house import World
from tests.support.media import Footage
from tests.support.recordings import SOUND, Shelf

pytestmark = pytest.mark.browser

NARROW = {"width": 320, "height": 640}
LONG = "20261123_041209_4821_a_name_without_any_place_to_break_it_" + "x" * 120

OVERDUE = "INSERT INTO periodic_run VALUES ('jobs.age', '*/1 * * * *', now() - interval '3 hours')"


@pytest.fixture
def furnished(world: World, shelf: Shelf, footage: Footage) -> dict[str, list[str]]:
    """One of everything that pages show; the pages for each role."""
    video = shelf.playing(footage.of("plain.mp4").read_bytes(), title=LONG, officer="4821")
    shelf.add_frames(video, frames=50, step=512, timescale=12800)
    sound = shelf.playing(
        footage.of("speech.m4a").read_bytes(), content_type="audio/mp4", streams=[SOUND], kind=RecordingKind.INTERVIEW
    )
    aside = shelf.recording(b"x", quarantine="The file ends early.", playability=Playability.UNPLAYABLE)
    failed = shelf.recording(b"y", playability=Playability.FAILED)
    waiting = shelf.recording(b"z", playability=Playability.WAITING)
    for bay, state in enumerate(ListedState, start=1):
        shelf.docking(str(bay), [(ListedState.RECEIPTED, 9, 9), (state, 10**9, 10**8)])
    shelf.docking("empty", [])
    shelf.docking("out", [(ListedState.GONE, 9, 0)], closed=True)
    trouble = Trouble(
        kind=IncidentKind.NOT_STORED, subject="x", reason=f"{LONG} has not been stored.", advice="Dock it again.",
        agent_id=shelf.agent,
    )  # fmt: skip
    stage = Stage(world)
    with world.house.writing() as session:
        jobs.cancel(session, stage.waiting, by=LONG)
        jobs.drain_host(session, "bench-1", hand_back=False, by=LONG)
        open_incident(session, trouble, by=TEST)
        session.execute(text(OVERDUE))
    with world.house.reading() as session:
        incident = session.scalars(select(Incident.id)).one()
        person = session.scalars(select(Person.id).limit(1)).first()
    recordings = [f"/recordings/{each}" for each in (video, sound, aside, failed, waiting)]
    everybody = ["/docks", "/incidents", f"/incidents/{incident}", "/recordings", *recordings, "/status", "/account"]
    return {
        "nobody": ["/sign-in", "/accessibility"],
        "supervisor": [
            *everybody,
            f"{recordings[0]}/history",
            f"{recordings[0]}/continuity",
            "/quarantine",
            "/api",
            "/account/password",
            "/nothing",
        ],
        "administrator": [
            "/people",
            f"/people/{person}",
            "/agents",
            "/tokens",
            "/status",
            recordings[0],
            "/docks/wall",
        ],
    }


def settled(visit: Visit, path: str) -> None:
    """Open a page and let what it fetches come."""
    visit.open(path)
    visit.page.wait_for_load_state("load")


@pytest.mark.parametrize("role", ["nobody", "supervisor", "administrator"])
def test_no_page_stands_in_anybodys_way(window: Window, furnished: dict[str, list[str]], role: str) -> None:
    visit = window(None if role == "nobody" else role)
    faults = {}
    for path in furnished[role]:
        settled(visit, path)
        if found := visit.accessibility_faults():
            faults[path] = found
        assert visit.page.locator("h1").count() == 1, path
    # The browser itself reports that /nothing was not found: that is what was asked for.
    visit.complaints[:] = [each for each in visit.complaints if "404" not in each]
    assert faults == {}


@pytest.mark.parametrize("role", ["nobody", "supervisor", "administrator"])
def test_every_page_fits_a_screen_of_320_pixels(window: Window, furnished: dict[str, list[str]], role: str) -> None:
    visit = window(None if role == "nobody" else role, viewport=NARROW)
    wide = {}
    for path in furnished[role]:
        settled(visit, path)
        if (width := visit.width()) > NARROW["width"]:
            wide[path] = width
    visit.complaints[:] = [each for each in visit.complaints if "404" not in each]
    assert wide == {}


def test_faults_in_forms_are_named_at_the_top_and_take_the_focus(window: Window, url: str) -> None:
    visit = window()
    visit.open("/sign-in")
    visit.page.click("main form button >> text=Sign in")
    # The answer is there before its script has run.
    visit.page.wait_for_selector(".govuk-error-summary:focus")
    assert visit.accessibility_faults() == []
    assert visit.page.title().startswith("Error: Sign in")
    visit.complaints[:] = [each for each in visit.complaints if "422" not in each]


def test_the_first_thing_a_keyboard_reaches_leads_past_the_navigation(
    window: Window, furnished: dict[str, list[str]]
) -> None:
    visit = window("supervisor")
    settled(visit, "/recordings")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"


def test_everything_but_playing_works_without_javascript(window: Window, url: str, shelf: Shelf) -> None:
    wanted = shelf.recording(b"1", title="Doorstep, Mill Lane")
    shelf.recording(b"2", title="Traffic stop, A46")
    page = window(java_script_enabled=False).page
    page.goto(f"{url}/sign-in")
    page.fill("#name", "supervisor")
    page.fill("#password", PASSWORD)
    page.click("main form button[type=submit] >> text=Sign in")
    page.click("nav >> text=Recordings")
    page.fill("#text", "mill")
    page.click("text=Search >> nth=-1")
    assert page.locator(".c-item").count() == 1
    page.click(".c-item__title a")
    assert wanted in page.title()
    page.click("text=History")
    assert "This history holds together" in page.inner_text("main")
    page.click("text=Sign out")
    assert re.search(r"/sign-in$", page.url)
