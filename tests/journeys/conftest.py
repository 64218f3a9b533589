"""Fixtures for journeys: a real browser, a house on real servers, and windows on it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from evidence.store import StoreSettings
from tests.support.browser import HOW_TO_GET_IT, Visit, chromium, launched, visiting
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.media import Footage
from tests.support.recordings import Shelf
from tests.support.serving import listening

Window = Callable[..., Visit]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say once, and not once for each test, that there is no browser: skips of one place are counted in one line."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and HOW_TO_GET_IT in report.longrepr[2]:
        report.longrepr = ("tests/journeys", 1, report.longrepr[2])
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of the distribution. Without it these tests are skipped.

    One for each file: Playwright keeps an event loop in this thread, and other tests of the process start their own.
    """
    chromium()
    with sync_playwright() as playwright:
        made = launched(playwright)
        yield made
        made.close()


@pytest.fixture
def world(browser: Browser, database_url: str, store_settings: StoreSettings, tmp_path: Path) -> Iterator[World]:
    """A house of the test's own database. Asks for the browser first: without one there is nothing to build."""
    made = World(database_url, store_settings, tmp_path)
    yield made
    made.close()


@pytest.fixture
def cast(world: World) -> Cast:
    """Everybody, with accounts."""
    return Cast(world)


@pytest.fixture
def shelf(world: World) -> Shelf:
    """Where recordings are laid."""
    return Shelf(world)


@pytest.fixture
def url(world: World, cast: Cast) -> Iterator[str]:
    """The front desk's address."""
    with listening(world.app()) as address:
        yield address


@pytest.fixture
def window(browser: Browser, url: str) -> Iterator[Window]:
    """Open a window, signed in as somebody or as nobody. A complaint of any window fails the test."""
    opened: list[Visit] = []

    def open_one(name: str | None = None, **how: object) -> Visit:
        visit = visiting(browser, url, **how)
        opened.append(visit)
        return visit.sign_in(name) if name else visit

    yield open_one
    complaints = [each for visit in opened for each in visit.complaints]
    for visit in opened:
        visit.page.context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Small true recordings."""
    return Footage(tmp_path_factory.mktemp("footage"))
