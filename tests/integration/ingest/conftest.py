"""Fixtures for the intake room: a house on real servers and a dock that speaks the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from evidence.store import StoreSettings
from tests.support.dock import Dock
from tests.support.house import World


@pytest.fixture
def world(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[World]:
    """A house of the test's own database and custody bucket."""
    made = World(database_url, own_custody, tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    """The front desk, spoken to in this process."""
    with TestClient(world.app(), base_url="https://testserver") as speaking:
        yield speaking


@pytest.fixture
def dock(world: World, client: TestClient) -> Dock:
    """An enrolled dock."""
    return Dock(world, client).enrol()
