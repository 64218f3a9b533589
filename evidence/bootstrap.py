"""Puts the records room together: settings, database sessions, stores. Decides nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from evidence.database import ReadSession, Sessions, WriteSession, open_engine
from evidence.settings import EvidenceSettings
from evidence.store import CustodyStore, MasterStore, RenditionStore, StoreKey, StoreSettings
from evidence.store.custody import S3CustodyStore
from evidence.store.masters import S3MasterStore
from evidence.store.renditions import S3RenditionStore


@dataclass(frozen=True, slots=True)
class House:
    """What a room is handed: where records are, where masters, renditions and the custody log's objects are."""

    settings: EvidenceSettings
    sessions: Sessions
    masters: MasterStore
    renditions: RenditionStore
    custody: CustodyStore

    def reading(self) -> AbstractContextManager[ReadSession]:
        """A session that is rolled back at its end."""
        return self.sessions.reading(witness_policy=self.settings.witness_policy)

    def writing(self) -> AbstractContextManager[WriteSession]:
        """A session committed once, when the block ends without an exception."""
        return self.sessions.writing()


def store_settings(settings: EvidenceSettings) -> StoreSettings:
    """The store's address and keys as the store's own door wants them."""
    return StoreSettings(
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        region=settings.s3_region,
        masters_bucket=settings.s3_masters_bucket,
        renditions_bucket=settings.s3_renditions_bucket,
        custody_bucket=settings.s3_custody_bucket,
        custody_lock_days=settings.custody_lock_days,
        ingest=StoreKey(settings.s3_ingest_key, settings.s3_ingest_secret.get_secret_value()),
        reader=StoreKey(settings.s3_reader_key, settings.s3_reader_secret.get_secret_value()),
        renditions=StoreKey(settings.s3_renditions_key, settings.s3_renditions_secret.get_secret_value()),
        custody=StoreKey(settings.s3_custody_key, settings.s3_custody_secret.get_secret_value()),
        disposer=_disposer(settings),
        local_folder=settings.s3_local_folder,
    )


def _disposer(settings: EvidenceSettings) -> StoreKey | None:
    if not settings.s3_disposer_key:
        return None
    return StoreKey(settings.s3_disposer_key, settings.s3_disposer_secret.get_secret_value())


def open_house(settings: EvidenceSettings, *, pool_size: int = 10) -> House:
    """Open the records room. Nothing is connected until it is asked for."""
    engine = open_engine(settings.database_url.get_secret_value(), pool_size=pool_size)
    store = store_settings(settings)
    return House(
        settings=settings,
        sessions=Sessions(engine, log_origin=settings.log_origin),
        masters=S3MasterStore(store),
        renditions=S3RenditionStore(store),
        custody=S3CustodyStore(store),
    )
