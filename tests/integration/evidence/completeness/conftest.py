"""A world whose bucket holds nothing but its own, and an administrator of the store who may take things away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence import clock
from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreKey, StoreSettings
from evidence.store.s3 import connect
from tests.support.house import World
from tests.support.log import enter_keys, log_keys
from tests.support.recordings import Shelf


@pytest.fixture(scope="module")
def own_s3(servers_folder: Path) -> Iterator[EmbeddedS3]:
    """A store that no other test fills."""
    with EmbeddedS3(servers_folder / "counted") as server:
        yield server


@pytest.fixture
def kept(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[World]:
    """A house with a log of its own, whose keys are entered."""
    made = World(database_url, own_custody, tmp_path)
    enter_keys(made.house, log_keys(made.house, tmp_path))
    yield made
    made.close()


def sequence(world: World) -> None:
    """All that waits gets its number, and a checkpoint is published."""
    Sequencer(world.house, log_keys(world.house, world.folder)).lead_once()


class Vandal:
    """One with the store's master key, who goes round the application."""

    def __init__(self, server: EmbeddedS3) -> None:
        keys = server.credentials(Identity.ADMIN)
        self.bucket = server.store_settings().masters_bucket
        key = StoreKey(keys.access_key, keys.secret_key)
        self.client: Any = connect(server.endpoint, key=key, region="us-east-1")

    def versions(self) -> list[tuple[str, str]]:
        """Everything in the bucket."""
        page = self.client.list_object_versions(Bucket=self.bucket)
        return [
            (each["Key"], each["VersionId"]) for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, [])
        ]

    def remove(self, key: str, version: str) -> None:
        """Take one version away, lock or no lock."""
        self.client.delete_object(Bucket=self.bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)

    def put(self, key: str, body: bytes) -> str:
        """Put something there; its version."""
        return str(self.client.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"])

    def shorten(self, key: str, version: str) -> None:
        """Let a lock end within the hour."""
        until = {"Mode": "GOVERNANCE", "RetainUntilDate": clock.now() + timedelta(hours=1)}
        self.client.put_object_retention(
            Bucket=self.bucket, Key=key, VersionId=version, Retention=until, BypassGovernanceRetention=True
        )

    def hide(self, key: str) -> None:
        """Put a delete mark over it."""
        self.client.delete_object(Bucket=self.bucket, Key=key)


@pytest.fixture
def vandal(own_s3: EmbeddedS3) -> Vandal:
    """The bucket is empty when the test begins."""
    found = Vandal(own_s3)
    for key, version in found.versions():
        found.remove(key, version)
    return found


@pytest.fixture
def world(database_url: str, own_s3: EmbeddedS3, tmp_path: Path) -> Iterator[World]:
    """A house on a database of its own and that store."""
    made = World(database_url, own_s3.store_settings(), tmp_path)
    yield made
    made.close()


@pytest.fixture
def shelf(world: World) -> Shelf:
    """Where recordings are laid."""
    return Shelf(world)
