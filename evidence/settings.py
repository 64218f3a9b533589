"""Settings of the records room, from `CONTINUITY_*` in the environment or from files.

A secret may stand in a file named like its variable inside the folder that CONTINUITY_SECRETS_DIR names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from evidence.errors import SettingsRefused


def secrets_folder() -> Path | None:
    """The folder that holds secrets as files, where one is named."""
    named = os.environ.get("CONTINUITY_SECRETS_DIR")
    return Path(named) if named else None


class TimeAuthority(BaseModel):
    """A time-stamp authority: a name of ours for it, where it is asked, and a PEM file of its certificate and chain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,39}$")
    url: str = Field(pattern=r"^https?://[!-~]+$")
    certificates: Path


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
    s3_custody_bucket: str = Field(default="custody", description="Bucket with versions and Object Lock for the log")
    s3_custody_key: str = Field(description="Access key that may write and lock the custody log, and not remove it")
    s3_custody_secret: SecretStr = Field(description="Its secret")
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
    custody_lock_days: int = Field(
        default=3653,
        ge=1,
        le=36500,
        description="Days for which objects of the custody log are locked, always in COMPLIANCE mode: they can be "
        "lengthened and never shortened",
    )
    host_name: str = Field(
        default="", pattern=r"^[!-~]{0,100}$", description="Name of this worker host on pages; empty: the machine's own"
    )
    force_name: str = Field(default="Continuity", max_length=60, description="The force's name, shown on each page")
    log_origin: str = Field(
        default="custody.demonstration.example/main", description="Name of the custody log; never reused"
    )
    log_keys_dir: Path | None = Field(
        default=None, description="Folder of the log's private keys and of what was last signed with them"
    )
    log_keys_overlap_days: int = Field(
        default=30, ge=1, le=3650, description="Days for which an old log key signs beside the one that replaces it"
    )
    log_pkcs11_module: Path | None = Field(
        default=None, description="PKCS#11 library of the device that holds log keys, where one does"
    )
    log_pkcs11_token: str = Field(default="", description="Label of the token in that device")
    log_pkcs11_pin: SecretStr = Field(default=SecretStr(""), description="PIN of that token")
    witness_policy: Path | None = Field(
        default=None,
        description="Policy file (C2SP tlog-policy) with the log's witnesses and their addresses. Every process that"
        " hands out proofs needs it: a proof carries the signatures of these witnesses that hold, and no others",
    )
    witness_seconds: int = Field(
        default=60, ge=1, le=3600, description="Seconds between two requests to witnesses while events arrive"
    )
    time_authorities: list[TimeAuthority] = Field(
        default=[],
        description='Time-stamp authorities, as JSON: `[{"name": …, "url": …, "certificates": file}]`; two or more, '
        "under different roots",
    )
    time_stamp_minutes: int = Field(default=60, ge=1, le=1440, description="Minutes between two time-stamps")
    outside_seconds: float = Field(
        default=10, gt=0, le=120, description="Seconds that a witness or an authority has for its answer"
    )
    outside_silence_hours: float = Field(
        default=3, gt=0, le=168, description="Hours without a witness's signature or a time-stamp before an incident"
    )
    clip_minutes: int = Field(
        default=120, ge=1, le=1440, description="Longest clip, or sound alone, that may be cut out of a recording"
    )
    census_locks: int = Field(
        default=200, ge=0, le=1_000_000, description="Masters, drawn by lot, whose lock each census asks for"
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
