"""The wall in a real browser: it follows the docks, reads out what matters, and says when it is out of date."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from sqlalchemy import update

from evidence.models import ListedFile
from evidence.notices import tell_wall
from evidence.vocabulary import ListedState
from tests.journeys.conftest import Window
from tests.support.browser import visiting, wait_for
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.recordings import Shelf
from tests.support.serving import listening

pytestmark = pytest.mark.browser


def test_a_bay_turns_green_by_itself_and_is_read_out_once(world: World, window: Window, shelf: Shelf) -> None:
    docking = shelf.docking("1", [(ListedState.SENDING, 100, 43)])
    page = window("officer").open("/docks")
    assert "Uploading 43 %" in page.inner_text("[data-bay]")
    assert page.inner_text("[data-wall-says]") == ""
    with world.house.writing() as session:
        session.execute(update(ListedFile).values(bytes_sent=80))
        tell_wall(session, docking)
    wait_for(page, "document.querySelector('[data-bay]').innerText.includes('80 %')")
    # A percentage is seen and not heard.
    assert page.inner_text("[data-wall-says]") == ""
    with world.house.writing() as session:
        session.execute(update(ListedFile).values(state=ListedState.RECEIPTED))
        tell_wall(session, docking)
    page.wait_for_selector(".c-bay--safe")
    wait_for(page, "document.querySelector('[data-wall-says]').textContent !== ''")
    assert page.inner_text("[data-wall-says]") == "Dock 1, 1: Safe to remove."


def test_the_focus_stays_where_it_was_while_the_wall_changes(world: World, window: Window, shelf: Shelf) -> None:
    docking = shelf.docking("1", [(ListedState.SENDING, 100, 43)])
    page = window("officer").open("/docks")
    page.focus("text=All incidents")
    with world.house.writing() as session:
        session.execute(update(ListedFile).values(state=ListedState.RECEIPTED))
        tell_wall(session, docking)
    page.wait_for_selector(".c-bay--safe")
    assert page.evaluate("document.activeElement.textContent") == "All incidents"


def test_a_wall_that_hears_nothing_for_ten_seconds_goes_grey_and_says_so(
    world: World, cast: Cast, browser: Browser, shelf: Shelf
) -> None:
    shelf.docking("1", [(ListedState.RECEIPTED, 5, 5)])
    with listening(world.app()) as url:
        visit = visiting(browser, url).sign_in("officer")
        page = visit.open("/docks")
        wait_for(page, "document.querySelector('[data-wall-age]').textContent === 'now'")
        assert not page.locator(".c-stale-word").is_visible()
    page.wait_for_selector(".c-is-stale", timeout=20_000)
    assert "Not up to date" in page.inner_text(".c-stale-word")
    assert page.inner_text("[data-wall-says]") == "This page is not up to date."
    assert not page.locator(".c-live__fresh").is_visible()
    visit.page.context.close()
