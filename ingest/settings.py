"""Settings of the intake room, from `CONTINUITY_INGEST_*`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from evidence.errors import SettingsRefused
from evidence.settings import in_words, secrets_folder


class IngestSettings(BaseSettings):
    """How arrivals are taken in and receipted."""

    model_config = SettingsConfigDict(env_prefix="CONTINUITY_INGEST_", extra="forbid")

    receipt_key_file: Path = Field(
        description="Ed25519 private key (PEM) that signs receipts; readable by its owner only"
    )
    token_seconds: int = Field(default=900, ge=60, le=3600, description="Life of an agent's bearer token, in seconds")
    url_seconds: int = Field(default=3600, ge=60, le=43200, description="Life of a presigned part URL, in seconds")
    code_hours: int = Field(default=24, ge=1, le=168, description="Life of an enrolment code, in hours")
    clock_alarm_seconds: int = Field(default=60, ge=1, description="Clock offset from which an incident is opened")
    silent_after_seconds: int = Field(default=180, ge=10, description="Silence after which a dock is shown as silent")
    gone_after_seconds: int = Field(
        default=20,
        ge=1,
        description="Time after which a file that left a docked device without a receipt is an incident, in seconds",
    )
    sidecar_mapping: Path | None = Field(default=None, description="TOML file that maps other metadata layouts")
    time_zone: str = Field(default="Europe/London", description="Zone of cameras that state local time")

    @classmethod
    def read(cls) -> IngestSettings:
        """Read and check. Raises SettingsRefused with a sentence that names the variable."""
        try:
            return cls(_secrets_dir=secrets_folder())
        except ValidationError as error:
            raise SettingsRefused(in_words(error, prefix="CONTINUITY_INGEST_")) from error
