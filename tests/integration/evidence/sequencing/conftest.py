"""A log of the test's own: database, bucket, keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.bootstrap import House
from evidence.store import StoreSettings
from evidence.tlog.signing import KeyPair
from tests.support.log import log_house, log_keys


@pytest.fixture
def house(database_url: str, own_custody: StoreSettings) -> Iterator[House]:
    """A house whose log is empty."""
    made = log_house(database_url, own_custody)
    yield made
    made.sessions.engine.dispose()


@pytest.fixture
def keys(house: House, tmp_path: Path) -> KeyPair:
    """The keys of that log."""
    return log_keys(house, tmp_path)
