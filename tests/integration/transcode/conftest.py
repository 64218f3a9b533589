"""Fixtures for the workroom: footage made once a session, and settings with a scratch folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.media import Footage
from transcode.settings import TranscodeSettings


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Small true recordings, damage and traps."""
    return Footage(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def settings(tmp_path: Path) -> TranscodeSettings:
    """The defaults, with a scratch folder of the test's own."""
    return TranscodeSettings(scratch=tmp_path / "scratch")
