"""What each version of a recipe was measured to give, as the repository keeps it, and the floor that it must keep.

One file for each version: `playback-2.json`. It is written by `make quality`. The fingerprint is of everything that
decides how pictures are encoded: a recipe that was altered without a new version has no record, and fails the build.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from transcode.ffmpeg import PICTURE_RECIPE, Tool
from transcode.hardware import LIBX264
from transcode.plan import EIGHT_BIT_420, SHORT_SIDE
from transcode.quality.gauge import Gauge

FOLDER: Final = Path(__file__).parent


class Floor(BaseModel):
    """The least that is good enough, as a mean over a case's pictures and for the worst picture of all."""

    model_config = ConfigDict(frozen=True)

    mean: float
    least: float


class Case(BaseModel):
    """One kind of footage, measured."""

    model_config = ConfigDict(frozen=True)

    case: str
    frames: int = Field(gt=0)
    mean: float
    least: float


class Measurement(BaseModel):
    """All cases, by one gauge on one build of the tool. `build`: the first of the SHA-256 of how it was built."""

    model_config = ConfigDict(frozen=True)

    tool: str
    build: str
    gauge: Gauge
    cases: tuple[Case, ...]


class Record(BaseModel):
    """One version of a recipe. `encodes_as` names another whose encoding it uses unchanged."""

    model_config = ConfigDict(frozen=True)

    recipe: str
    encodes_as: str = ""
    fingerprint: str = ""
    floors: dict[Gauge, Floor] = {}
    measured: tuple[Measurement, ...] = ()


class NoRecord(LookupError):
    """A version of a recipe that nobody has measured."""


def record_of(recipe: str, folder: Path = FOLDER) -> Record:
    """The record of a version, followed to the one whose encoding it uses. Raises NoRecord."""
    path = folder / f"{recipe}.json"
    if not path.is_file():
        raise NoRecord(f"{recipe} was never measured: run `make quality`, and keep {path.name} with the change")
    found = Record.model_validate_json(path.read_text("utf-8"))
    return record_of(found.encodes_as, folder) if found.encodes_as else found


def floor_of(recipe: str, gauge: Gauge) -> Floor | None:
    """What a copy by this recipe must keep; nothing where the recipe has no floor for this gauge."""
    try:
        return record_of(recipe).floors.get(gauge)
    except NoRecord:
        return None


def fingerprint() -> str:
    """Of how pictures are encoded now."""
    said = json.dumps([dict(LIBX264.options), PICTURE_RECIPE, SHORT_SIDE, EIGHT_BIT_420], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def build_of(tool: Tool) -> str:
    """A short name for how a tool was built."""
    return hashlib.sha256(tool.build.encode()).hexdigest()[:16]


def faults(record: Record, now: str) -> list[str]:
    """What is wrong with a record, in words; nothing where its recipe may be used. `now`: the fingerprint of today."""
    found = []
    if record.fingerprint != now:
        found.append(f"{record.recipe} is not encoded as it was measured: give it a new version, and measure that")
    if not record.measured:
        found.append(f"{record.recipe} has no measurement")
    for measured in record.measured:
        floor = record.floors.get(measured.gauge)
        if floor is None:
            found.append(f"{record.recipe} has no floor for {measured.gauge}")
            continue
        found += [f"{record.recipe}, {each.case}: {said}" for each in measured.cases if (said := below(each, floor))]
    return found


def below(found: Case, floor: Floor) -> str:
    """In words, how far it is below the floor; empty where it is not."""
    if found.mean < floor.mean:
        return f"{found.mean:.4g} on average, the floor is {floor.mean:.4g}"
    return f"one picture of {found.least:.4g}, the floor is {floor.least:.4g}" if found.least < floor.least else ""
