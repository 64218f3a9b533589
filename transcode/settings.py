"""Settings of the workroom, from `CONTINUITY_TRANSCODE_*` and `CONTINUITY_FFMPEG` in the environment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from transcode.errors import SettingsRefused

GIB = 1 << 30


class TranscodeSettings(BaseSettings):
    """Where work is done and what a child may use. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix="CONTINUITY_TRANSCODE_", extra="ignore", populate_by_name=True)

    ffmpeg: str = Field(
        default="", validation_alias="CONTINUITY_FFMPEG", description="FFmpeg to run; empty: the one of imageio-ffmpeg"
    )
    scratch: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"continuity-scratch-{os.geteuid()}",
        description="Folder to work in; needs room for the largest master that must be re-encoded, twice",
    )
    slots: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Encodes at once in one worker process; empty: one for each core that it may use, as far as "
        "memory carries them. The status page says how many and why",
    )
    nice: int = Field(
        default=15,
        ge=0,
        le=19,
        description="How far encodes, clips, storyboards and quality checks stand back behind pages and intake on the "
        "same host, from 0 (not at all) to 19",
    )
    encoder: Literal["auto", "software", "nvenc", "qsv", "vaapi"] = Field(
        default="auto",
        description="Hardware that may encode: auto tries each at start and takes the first that works; software is "
        "the answer wherever it does not",
    )
    sandbox: Literal["required", "best"] = Field(
        default="best",
        description="required: without Landlock or seccomp no media is opened; best: what is missing is said",
    )
    child_memory: int = Field(
        default=3 * GIB // 2, ge=GIB // 2, description="Address space of a probing or copying child, in bytes"
    )
    encoder_memory: int = Field(default=3 * GIB, ge=GIB, description="Address space of an encoding child, in bytes")
    probe_seconds: float = Field(default=20, ge=1, le=600, description="Longest examination of a master, in seconds")
    probe_bytes: int = Field(
        default=256 << 20, ge=1 << 20, description="Most bytes of a master that an examination may ask for"
    )
    longest_hours: float = Field(default=12, gt=0, description="Longest time that one rendition may take, in hours")
    parts_from_minutes: float = Field(
        default=10,
        gt=0,
        description="Urgent recordings whose pictures must be encoded and that last as long are cut and made in parts "
        "by many workers, in minutes",
    )
    part_seconds: float = Field(
        default=60, ge=4, le=3600, description="Length of such a part in seconds; shorter where many workers are free"
    )
    quality_one_in: int = Field(
        default=10,
        ge=0,
        description="Of so many encoded copies one is held against its master for quality; 0: none is",
    )
    quality_first: int = Field(
        default=20,
        ge=0,
        le=1000,
        description="Encoded copies of each new recipe and FFmpeg build that are all measured",
    )
    quality_seconds: int = Field(
        default=20, ge=2, le=600, description="Most CPU seconds that measuring one copy may take, in seconds"
    )
    check_seconds: float = Field(
        default=120,
        ge=0,
        description="Masters that play as they are and are no longer than this are decoded whole once, to find damage",
    )

    @classmethod
    def read(cls) -> TranscodeSettings:
        """Read and check. Raises SettingsRefused with a sentence that names the setting."""
        try:
            return cls()
        except ValidationError as error:
            said = "; ".join(f"{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())
            raise SettingsRefused(said) from error
