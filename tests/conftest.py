"""Fixtures for all tests: real servers, a fresh database for each test, stores, the shared media."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from evidence import clock
from evidence.embedded import EmbeddedPostgres, EmbeddedS3
from evidence.store import Lock, MasterStore, RenditionStore, StoreSettings
from evidence.store.masters import S3MasterStore
from evidence.store.renditions import S3RenditionStore
from tests.support import servers


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Where the servers of this test process keep their data."""
    with servers.folder_for_servers() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL for the session. Tests that kill a server start their own."""
    with (
        servers.folder_for_servers(servers.place_for_databases()) as folder,
        EmbeddedPostgres(folder / "shared", settings={**servers.QUICK, "max_wal_size": "256MB"}) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def s3_server(servers_folder: Path) -> Iterator[EmbeddedS3]:
    """One S3 server for the session, with its buckets, and room for those of the many tests with a log of their own."""
    with EmbeddedS3(servers_folder / "shared", volumes=20_000) as server:
        yield server


@pytest.fixture(scope="session")
def database_template(postgres_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server, once the database that tests clone has been built by the migrations."""
    servers.build_template(postgres_server)
    return postgres_server


@pytest.fixture
def database_url(database_template: EmbeddedPostgres) -> Iterator[str]:
    """A database of the test's own, with the newest schema and no rows."""
    with servers.fresh_database(database_template) as url:
        yield url


@pytest.fixture(scope="session")
def store_settings(s3_server: EmbeddedS3) -> StoreSettings:
    """The session's buckets. Keys are made of fresh UUIDs, so tests do not meet in them."""
    return s3_server.store_settings()


@pytest.fixture
def own_custody(s3_server: EmbeddedS3, store_settings: StoreSettings) -> StoreSettings:
    """The session's store with a custody bucket of the test's own: a log has the bucket for itself."""
    return servers.with_own_custody(s3_server, store_settings)


@pytest.fixture(scope="session")
def masters(store_settings: StoreSettings) -> MasterStore:
    """The masters of the session's S3 server."""
    return S3MasterStore(store_settings)


@pytest.fixture(scope="session")
def renditions(store_settings: StoreSettings) -> RenditionStore:
    """The renditions of the session's S3 server."""
    return S3RenditionStore(store_settings)


@pytest.fixture
def lock() -> Lock:
    """A lock of one day that an administrator could lift: test data must not outlive their day."""
    return Lock("GOVERNANCE", clock.now() + timedelta(days=1))


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The shared test media, where they are there: CONTINUITY_SHARED, or `shared` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    media = Path(os.environ.get("CONTINUITY_SHARED", beside)) / "media"
    if not media.is_dir():
        pytest.skip("no shared media here (CONTINUITY_SHARED)")
    return media
