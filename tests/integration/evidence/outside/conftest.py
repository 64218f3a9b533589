"""A log of the test's own with a signer that remembers, and two time-stamp authorities."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.outside import rotating
from evidence.store import StoreSettings
from tests.support.authority import Authority, served
from tests.support.log import log_house
from tests.support.outside import OwnLog


@pytest.fixture
def own_log(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[OwnLog]:
    """A log with keys and no event."""
    house = log_house(database_url, own_custody)
    keys = rotating.make(tmp_path / "log-keys", house.settings.log_origin)
    yield OwnLog(house, keys).with_settings(log_keys_dir=keys.folder, outside_seconds=1.0)
    house.sessions.engine.dispose()


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    """Two authorities under different roots."""
    folder = tmp_path_factory.mktemp("authorities")
    return {name: Authority(folder / name, name=f"TSA {name}") for name in ("north", "south")}


@pytest.fixture
def stamped_log(own_log: OwnLog, authorities: dict[str, Authority], tmp_path: Path) -> Iterator[OwnLog]:
    """The log, with two authorities in its settings that answer."""
    named = []
    with served(authorities["north"]) as north, served(authorities["south"]) as south:
        for name, url in (("north", north), ("south", south)):
            chain = tmp_path / f"{name}.pem"
            chain.write_bytes(authorities[name].chain())
            named.append({"name": name, "url": url, "certificates": chain})
        # As out of the environment: read and checked.
        settings = type(own_log.house.settings).model_validate(
            own_log.house.settings.model_dump() | {"time_authorities": named}
        )
        yield OwnLog(replace(own_log.house, settings=settings), own_log.keys)
    for each in authorities.values():
        each.misbehaves = None
        each.release = threading.Event()
