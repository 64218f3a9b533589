"""Settings of the records room, from `CONTINUITY_*` in the environment or from files.

A secret may stand in a file named like its variable inside the folder that CONTINUITY_SECRETS_DIR names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from evidence.errors import SettingsRefused


def secrets_folder() -> Path | None:
    """The folder that holds secrets as files, where one is named."""
    named = os.environ.get("CONTINUITY_SECRETS_DIR")
    return Path(named) if named else None


class EvidenceSettings(BaseSettings):
    """Where records and masters are kept, and the promises that the store must make."""

    model_config = SettingsConfigDict(env_prefix="CONTINUITY_", extra="ignore")

    database_url: SecretStr = Field(description="PostgreSQL 15 or newer, as postgresql://user:password@host:port/name")
    s3_endpoint: str = Field(description="S3 endpoint that this process uses, as http(s)://host:port")
    s3_public_endpoint: str = Field(default="", description="S3 endpoint as docks reach it; empty: the same")
    s3_region: str = Field(default="us-east-1", description="Region named in signatures")
    s3_masters_bucket: str = Field(default="masters", description="Bucket with versions and Object Lock")
    s3_renditions_bucket: str = Field(default="renditions", description="Bucket for what can be made again")
    s3_ingest_key: str = Field(description="Access key that may put and lock masters, and never delete")
    s3_ingest_secret: SecretStr = Field(description="Its secret")
    s3_reader_key: str = Field(description="Access key that may only read")
    s3_reader_secret: SecretStr = Field(description="Its secret")
    s3_renditions_key: str = Field(description="Access key that may write and delete renditions only")
    s3_renditions_secret: SecretStr = Field(description="Its secret")
    s3_disposer_key: str = Field(
        default="", description="Access key that may delete after a lock's end; named, the start-up proof tries it too"
    )
    s3_disposer_secret: SecretStr = Field(default=SecretStr(""), description="Its secret")
    s3_local_folder: Path | None = Field(
        default=None,
        description="Folder of the store's data where the store runs on this machine: flushed to disk before a receipt",
    )
    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = Field(
        default="COMPLIANCE", description="Object Lock mode; the embedded default sets GOVERNANCE"
    )
    lock_days: int = Field(default=31, ge=1, le=36500, description="Days from verified intake to the first lock date")
    force_name: str = Field(default="Continuity", max_length=60, description="The force's name, shown on each page")
    log_origin: str = Field(
        default="custody.demonstration.example/main", description="Name of the custody log; never reused"
    )

    @classmethod
    def read(cls) -> EvidenceSettings:
        """Read and check. Raises SettingsRefused with a sentence that names the variable."""
        try:
            return cls(_secrets_dir=secrets_folder())
        except ValidationError as error:
            raise SettingsRefused(in_words(error, prefix="CONTINUITY_")) from error


def in_words(error: ValidationError, *, prefix: str) -> str:
    """Pydantic's findings as sentences that name the environment variable."""
    lines = [f"{prefix}{'_'.join(str(part) for part in each['loc']).upper()}: {each['msg']}" for each in error.errors()]
    return "; ".join(lines)
