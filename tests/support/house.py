"""The world a test speaks to: one house on real servers, its front desk, and workers that run in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI

from api.app import create_app
from api.settings import WebSettings
from evidence.bootstrap import House
from evidence.database import Sessions, open_engine
from evidence.jobs import Lane, TaskSpec
from evidence.jobs.crew import Pace
from evidence.jobs.periodic import QUEUE as SWEEPS
from evidence.jobs.worker import run_worker
from evidence.settings import EvidenceSettings
from evidence.store import StoreSettings
from evidence.store.custody import S3CustodyStore
from evidence.store.masters import S3MasterStore
from evidence.store.renditions import S3RenditionStore
from ingest import tasks as ingest_tasks
from ingest.receipt import ReceiptKey
from ingest.settings import IngestSettings

QUICK = Pace(beat=0.5, stall=4.0, poll=0.3, progress=0.2, drain=20.0, stop=5.0)
Found = TypeVar("Found")


def settings_of(database_url: str, store: StoreSettings) -> EvidenceSettings:
    """The records room's settings for a test's own database and the session's store."""
    return EvidenceSettings.model_validate(
        {
            "database_url": database_url,
            "s3_endpoint": store.endpoint,
            "s3_region": store.region,
            "s3_masters_bucket": store.masters_bucket,
            "s3_renditions_bucket": store.renditions_bucket,
            "s3_ingest_key": store.ingest.access_key,
            "s3_ingest_secret": store.ingest.secret_key,
            "s3_reader_key": store.reader.access_key,
            "s3_reader_secret": store.reader.secret_key,
            "s3_renditions_key": store.renditions.access_key,
            "s3_renditions_secret": store.renditions.secret_key,
            "s3_custody_bucket": store.custody_bucket,
            "s3_custody_key": store.custody.access_key,
            "s3_custody_secret": store.custody.secret_key,
            "custody_lock_days": 1,
            "lock_mode": "GOVERNANCE",
            "lock_days": 1,
        }
    )


def stores_of(store: StoreSettings) -> tuple[S3MasterStore, S3RenditionStore, S3CustodyStore]:
    """The three stores of a house. Their clients keep nothing of a test, so that the tests of a process share them."""
    masters, renditions = _media_stores(replace(store, custody=store.reader, custody_bucket=""))
    return masters, renditions, _custody_store(store)


@lru_cache(maxsize=8)
def _media_stores(store: StoreSettings) -> tuple[S3MasterStore, S3RenditionStore]:
    return S3MasterStore(store), S3RenditionStore(store)


@lru_cache(maxsize=8)
def _custody_store(store: StoreSettings) -> S3CustodyStore:
    return S3CustodyStore(store)


class World:
    """A house, with what a test needs to speak to it."""

    def __init__(self, database_url: str, store: StoreSettings, folder: Path) -> None:
        self.settings = settings_of(database_url, store)
        self.database_url = database_url
        self.folder = folder
        engine = open_engine(database_url, pool_size=10)
        sessions = Sessions(engine, log_origin=self.settings.log_origin)
        self.house = House(self.settings, sessions, *stores_of(store))
        key = folder / "receipt-key.pem"
        self.key = ReceiptKey.load(key) if key.exists() else ReceiptKey.make(key)
        self.ingest = IngestSettings(receipt_key_file=key)

    def app(self, *, web: WebSettings | None = None) -> FastAPI:
        """The front desk over this house."""
        return create_app(self.house, web=web or WebSettings(), ingest=self.ingest)

    def close(self) -> None:
        """Give the database its connections back."""
        self.house.sessions.engine.dispose()

    @contextmanager
    def working(self, more: Sequence[TaskSpec] = (), lanes: Sequence[Lane] = ()) -> Iterator[None]:
        """Workers run while the block lasts: intake always, and whatever tasks are given beside it."""
        stop, failed = threading.Event(), []
        used = [Lane(("verify",), 2), Lane((SWEEPS,), 1), *lanes]

        def run() -> None:
            try:
                run_worker(
                    self.database_url,
                    [*ingest_tasks.tasks(self.house, self.ingest), *more],
                    used,
                    stop=stop,
                    pace=QUICK,
                )
            except BaseException as error:  # noqa: BLE001 - told to the test, below
                failed.append(error)

        thread = threading.Thread(target=run, name="worker of the test")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
        assert not failed, failed
        assert not thread.is_alive(), "the worker did not stop"


def until(look: Callable[[], Found | None], *, within: float = 30, what: str = "it") -> Found:
    """Wait for something to be so, and give it back. Fails in words when it does not come about in time."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := look():
            return found
        threading.Event().wait(0.05)
    raise AssertionError(f"{what} did not come about within {within} s")
