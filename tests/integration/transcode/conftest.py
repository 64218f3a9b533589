"""Fixtures for the workroom: footage made once a session, and settings with a scratch folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.store import StoreSettings
from tests.support.house import World
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode.settings import TranscodeSettings


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Small true recordings, damage and traps."""
    return Footage(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def settings(tmp_path: Path) -> TranscodeSettings:
    """The defaults, with a scratch folder of the test's own."""
    return TranscodeSettings(scratch=tmp_path / "scratch")


@pytest.fixture
def workroom(
    database_url: str, store_settings: StoreSettings, tmp_path: Path, settings: TranscodeSettings
) -> Iterator[Workroom]:
    """A house with a workroom in it."""
    world = World(database_url, store_settings, tmp_path)
    yield Workroom(world, settings)
    world.close()
