"""Fixtures for the front desk: a house on real servers, everybody with an account, a shelf to lay recordings on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from evidence.store import StoreSettings
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.recordings import Shelf

Visitor = Callable[[str], TestClient]


@pytest.fixture
def world(database_url: str, store_settings: StoreSettings, tmp_path: Path) -> Iterator[World]:
    """A house of the test's own database."""
    made = World(database_url, store_settings, tmp_path)
    yield made
    made.close()


@pytest.fixture
def app(world: World) -> FastAPI:
    """The front desk."""
    return world.app()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Somebody who is not signed in. Errors of the application come as answers, as over a network."""
    with TestClient(app, base_url="https://testserver", raise_server_exceptions=False) as speaking:
        yield speaking


@pytest.fixture
def cast(world: World) -> Cast:
    """Everybody, with accounts."""
    return Cast(world)


@pytest.fixture
def shelf(world: World) -> Shelf:
    """Where recordings are laid."""
    return Shelf(world)


@pytest.fixture
def as_(app: FastAPI, client: TestClient, cast: Cast) -> Visitor:
    """Somebody who has signed in with a browser of their own: `as_("officer")`."""

    def visit(name: str) -> TestClient:
        browser = TestClient(app, base_url="https://testserver", raise_server_exceptions=False)
        return cast.already_signed_in(browser, name)

    return visit
