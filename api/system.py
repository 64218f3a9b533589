"""The embedded default: a PostgreSQL, an S3 server and the secrets of one data folder.

Production names a cluster and a bucket in settings instead; the processes that use them are the same.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence import migrations
from evidence.bootstrap import House, open_house
from evidence.database import for_services
from evidence.embedded import EmbeddedPostgres, EmbeddedS3
from evidence.embedded.errors import EmbeddedError
from evidence.outside.keys import LIST
from evidence.outside.rotating import make
from evidence.settings import EvidenceSettings
from evidence.store import StoreSettings
from evidence.store.errors import StoreError
from evidence.store.probe import probe
from ingest.receipt import ReceiptKey

DATABASE = "continuity"
OUTSIDE = (
    "CONTINUITY_FFMPEG",
    "CONTINUITY_FORCE_NAME",
    "CONTINUITY_LOCK_DAYS",
    "CONTINUITY_CUSTODY_LOCK_DAYS",
    "CONTINUITY_LOG_KEYS_OVERLAP_DAYS",
    "CONTINUITY_WITNESS_POLICY",
    "CONTINUITY_WITNESS_SECONDS",
    "CONTINUITY_TIME_AUTHORITIES",
    "CONTINUITY_TIME_STAMP_MINUTES",
    "CONTINUITY_OUTSIDE_SECONDS",
    "CONTINUITY_OUTSIDE_SILENCE_HOURS",
)
IN_JSON = ("time_authorities",)


@dataclass(slots=True)
class Embedded:
    """The servers of one data folder."""

    data: Path
    postgres: EmbeddedPostgres
    s3: EmbeddedS3

    @classmethod
    def of(cls, data: Path) -> Embedded:
        """The servers that belong to this folder, whether they run or not."""
        folder = data.resolve()
        for name in ("secrets", "run", "logs", "scratch", "dock"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "secrets").chmod(0o700)
        (folder / "run").chmod(0o700)
        return cls(folder, EmbeddedPostgres(folder), EmbeddedS3(folder))

    def start(self) -> None:
        """Start both, bring the schema up to date, and put the store to the proof before anything trusts it."""
        self.postgres.start()
        migrations.upgrade(self.postgres.ensure_database(DATABASE))
        self.s3.start()
        probe(self.store_settings(), mode="GOVERNANCE")
        self.receipt_key()
        self.log_keys()

    def stop(self) -> None:
        """Stop both: first the store, then the database."""
        self.s3.stop()
        self.postgres.stop()

    def look_after(self) -> list[str]:
        """Start again what has ended. Says what happened."""
        happened = []
        for name, server in (("PostgreSQL", self.postgres), ("the S3 server", self.s3)):
            if server.is_running():
                continue
            try:
                server.start()
                happened.append(f"{name} had ended and was started again")
            except (EmbeddedError, StoreError) as trouble:
                # Killed again while it started, say. The next round tries again; nobody else is taken down.
                happened.append(f"{name} had ended, did not start, and is tried again: {trouble}")
        return happened

    def store_settings(self) -> StoreSettings:
        """Where the store is and with which keys."""
        return self.s3.store_settings()

    def receipt_key(self) -> Path:
        """The key that signs receipts, made at the first start."""
        path = self.data / "secrets" / "receipt-key.pem"
        if not path.exists():
            ReceiptKey.make(path)
        return path

    def log_keys(self) -> Path:
        """The folder of the keys that sign the custody log, made at the first start."""
        folder = self.data / "secrets" / "log-keys"
        if not (folder / LIST).exists():
            make(folder, EvidenceSettings.model_fields["log_origin"].default)
        return folder

    def environment(self) -> dict[str, str]:
        """What our processes are told: every setting that the embedded default decides."""
        store = self.store_settings()
        named = {
            "CONTINUITY_DATABASE_URL": for_services(self.postgres.url(DATABASE)),
            "CONTINUITY_S3_ENDPOINT": store.endpoint,
            "CONTINUITY_S3_REGION": store.region,
            "CONTINUITY_S3_MASTERS_BUCKET": store.masters_bucket,
            "CONTINUITY_S3_RENDITIONS_BUCKET": store.renditions_bucket,
            "CONTINUITY_S3_INGEST_KEY": store.ingest.access_key,
            "CONTINUITY_S3_INGEST_SECRET": store.ingest.secret_key,
            "CONTINUITY_S3_READER_KEY": store.reader.access_key,
            "CONTINUITY_S3_READER_SECRET": store.reader.secret_key,
            "CONTINUITY_S3_RENDITIONS_KEY": store.renditions.access_key,
            "CONTINUITY_S3_RENDITIONS_SECRET": store.renditions.secret_key,
            "CONTINUITY_S3_CUSTODY_BUCKET": store.custody_bucket,
            "CONTINUITY_S3_CUSTODY_KEY": store.custody.access_key,
            "CONTINUITY_S3_CUSTODY_SECRET": store.custody.secret_key,
            "CONTINUITY_LOCK_MODE": "GOVERNANCE",
            "CONTINUITY_LOG_KEYS_DIR": str(self.log_keys()),
            "CONTINUITY_INGEST_RECEIPT_KEY_FILE": str(self.receipt_key()),
            "CONTINUITY_TRANSCODE_SCRATCH": str(self.data / "scratch"),
            "CONTINUITY_WEB_METRICS_ON_LOOPBACK": "true",
        }
        if store.local_folder is not None:
            named["CONTINUITY_S3_LOCAL_FOLDER"] = str(store.local_folder)
        return {**named, **{name: os.environ[name] for name in OUTSIDE if name in os.environ}}

    def house(self) -> House:
        """The records room over these servers, for the command line itself."""
        return open_house(settings_from(self.environment()), pool_size=3)


def settings_from(environment: Mapping[str, str]) -> EvidenceSettings:
    """The records room's settings out of an environment that is not this process's own."""
    prefix = "CONTINUITY_"
    known: dict[str, Any] = {name.removeprefix(prefix).lower(): value for name, value in environment.items()}
    known |= {name: json.loads(known[name]) for name in IN_JSON if name in known}
    return EvidenceSettings.model_validate(
        {name: known[name] for name in EvidenceSettings.model_fields if name in known}
    )


def write_private(path: Path, value: Any) -> None:
    """Write JSON so that only its owner can read it, and never half of it."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
    beside.replace(path)


def read_private(path: Path) -> Any:
    """Read such a file back; None where there is none."""
    with suppress(FileNotFoundError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None
