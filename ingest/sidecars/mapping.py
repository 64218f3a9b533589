"""How a force says where the fields of its own sidecars are: a small TOML table per layout. Pure.

Interview recorders' makers publish no layouts, so none is built in but our own invented example. The words
are checked strictly when the settings are read; a mapping that cannot work is refused there, not at 3 a.m.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from evidence.vocabulary import RecordingKind
from ingest.stated import ZoneSource

Words = Annotated[str, Field(min_length=1, max_length=200)]
Path = Annotated[str, Field(min_length=1, max_length=200)]
Format = Literal["xml", "json", "csv"]

_STEP = r"[A-Za-z_][\w.-]*(?:\[@[A-Za-z_][\w.-]*='[^'\]/]*'\])?"
_PATH_SHAPES: Final = {
    "xml": (
        re.compile(rf"(?:{_STEP}(?:/{_STEP})*)(?:/@[A-Za-z_][\w.-]*)?|@[A-Za-z_][\w.-]*", re.ASCII),
        "Name/Other/@attribute",
    ),
    "json": (re.compile(r"[^.\[\]]+(?:\[\d{0,4}\])?(?:\.[^.\[\]]+(?:\[\d{0,4}\])?)*"), "name.other[0].more"),
    "csv": (re.compile(r"[^\r\n]+"), "Column heading"),
}


class MappingRefused(ValueError):
    """A mapping cannot work; each problem says which one, where, and what belongs there."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class FieldPaths(BaseModel):
    """Where each field is: a path in XML or JSON, a column heading in CSV. All may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    make: Path | None = None
    model: Path | None = None
    serial: Path | None = None
    officer: Path | None = None
    officer_id: Path | None = None
    started: Path | None = None
    stopped: Path | None = None
    title: Path | None = None
    reference: Path | None = None
    custody_reference: Path | None = None
    interview_type: Path | None = None
    category: Path | None = None
    note: Path | None = None
    channels: Path | None = None

    def given(self) -> dict[str, str]:
        """The fields that have a path."""
        return {name: path for name, path in self.model_dump().items() if path is not None}


class SidecarMapping(BaseModel):
    """One layout of sidecar and where its fields are.

    `files` are name patterns (`*.xml`); `root` is the outermost element, for XML; `times` are strptime forms,
    ISO 8601 when there are none; `zone` says what a time without one means; `row` is the column that names the
    recording, for CSV with a row for each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Words
    format: Format
    files: Annotated[tuple[Words, ...], Field(strict=False, min_length=1, max_length=20)]
    root: Words | None = None
    describes: Annotated[RecordingKind, Field(strict=False)] = RecordingKind.OTHER
    times: Annotated[tuple[Words, ...], Field(strict=False, max_length=10)] = ()
    zone: Literal["local", "utc"] = "local"
    row: Words | None = None
    fields: FieldPaths

    @field_validator("times")
    @classmethod
    def _times_can_be_read(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        sample = datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)
        for form in forms:
            try:
                back = datetime.strptime(sample.strftime(form), form)  # noqa: DTZ007 - only the form is tried
            except ValueError as error:
                raise ValueError(f"“{form}” is no form of time: {error}") from error
            if back.replace(second=9, tzinfo=UTC) != sample:
                raise ValueError(f"“{form}” must give year, month, day, hour and minute")
        return forms

    @model_validator(mode="after")
    def _parts_fit_the_format(self) -> Self:
        shape, example = _PATH_SHAPES[self.format]
        paths = self.fields.given()
        if not paths:
            raise ValueError("fields: give at least one")
        for name, path in paths.items():
            if shape.fullmatch(path) is None:
                raise ValueError(f"fields.{name}: “{path}” is no {self.format} path; write it like {example}")
        if self.root and self.format != "xml":
            raise ValueError("root: only XML has an outermost element")
        if self.row and self.format != "csv":
            raise ValueError("row: only CSV has rows")
        return self

    def is_for(self, file: str) -> bool:
        """Whether a file's name fits one of the patterns, whatever its case."""
        return any(fnmatch.fnmatchcase(file.lower(), pattern.lower()) for pattern in self.files)

    @property
    def zone_source(self) -> ZoneSource:
        """What a time without a zone means here."""
        return ZoneSource.UTC if self.zone == "utc" else ZoneSource.LOCAL


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    mapping: list[SidecarMapping]


def mappings_from_toml(text: str) -> tuple[SidecarMapping, ...]:
    """Read the tables `[[mapping]]` of a TOML text. Raises MappingRefused with every problem in it."""
    try:
        document = _Document.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingRefused((f"not TOML: {error}",)) from error
    except ValidationError as error:
        raise MappingRefused(tuple(_problem(dict(found)) for found in error.errors())) from error
    names = [mapping.name for mapping in document.mapping]
    if len(set(names)) != len(names):
        raise MappingRefused(("two mappings have the same name",))
    return tuple(document.mapping)


def _problem(found: dict[str, object]) -> str:
    where = found.get("loc")
    steps = (
        [str(step + 1) if isinstance(step, int) else str(step) for step in where] if isinstance(where, tuple) else []
    )
    return f"{' '.join(steps) or 'mapping'}: {found.get('msg')}"


# The invented layout of the demonstration and of docs/sidecars.md.
INTERVIEW_EXAMPLE: Final = """\
[[mapping]]
name = "interview"
format = "xml"
files = ["*.xml"]
root = "Interview"
describes = "interview"
zone = "local"

[mapping.fields]
interview_type = "Type"
reference = "Reference"
custody_reference = "Custody"
officer_id = "Present/Person[@role='Interviewer']/@collar"
started = "Start"
stopped = "End"
channels = "Channels/Channel"
"""
EXAMPLES: Final = mappings_from_toml(INTERVIEW_EXAMPLE)
