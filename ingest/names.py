"""What a file's name says, and how to show a name safely. Pure; begin with `facts_from_name`.

Names are hints, never facts: anyone may have renamed the file. The name's bytes are kept as they came beside
everything read from them. Shapes marked `sourced` were found in a maker's document or a public program; the
others are common knowledge that a force may find to be otherwise (docs/sidecars.md lists both).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from evidence.vocabulary import RecordingKind
from ingest.camera_names import AXIS_CLIP, AXIS_CONTAINER, AXIS_REJECTED, CAMERAS, STAMP, Camera
from ingest.display import shown, shown_text
from ingest.findings import Finding, FindingCode, FindingList
from ingest.stated import LONDON, Precision, StatedTime, ZoneSource, stated_reading

# Longer than any file system's name; a longer one is kept and shown, but not read for hints.
READABLE_NAME: Final = 255
READABLE_FOLDERS: Final = 32

__all__ = ["NameFacts", "axis_container", "facts_from_name", "shown", "shown_text"]

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TEXT_HINTS: Final = ("serial", "officer", "officer_id", "reference", "view")
_NUMBER_HINTS: Final = ("segment", "chapter", "channel", "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFacts:
    """What a name claims. Every value but `name` is a hint.

    `pattern` names the shape that was recognised; `sourced` says whether a public source describes it.
    `stated` is when the recording began, `trigger` when the button of an Axis camera was pressed.
    """

    name: bytes
    shown: str
    pattern: str | None = None
    sourced: bool = False
    kind: RecordingKind = RecordingKind.OTHER
    make: str | None = None
    model: str | None = None
    serial: str | None = None
    officer: str | None = None
    officer_id: str | None = None
    reference: str | None = None
    stated: StatedTime | None = None
    trigger: StatedTime | None = None
    segment: int | None = None
    chapter: int | None = None
    channel: int | None = None
    number: int | None = None
    clip: str | None = None
    view: str | None = None
    important: bool = False
    findings: tuple[Finding, ...] = ()


def facts_from_name(relative_name: bytes, *, force_zone: tzinfo = LONDON) -> NameFacts:
    """Read the hints in a name relative to its device, `/` between folders. Never raises.

    `force_zone` is the zone in which cameras keep the time where they write local time.
    """
    findings = FindingList()
    facts = NameFacts(name=relative_name, shown=shown(relative_name))
    _note_odd_characters(relative_name, facts.shown, findings)
    *folders, file = relative_name.rstrip(b"/").split(b"/")
    if len(file) <= READABLE_NAME and len(folders) <= READABLE_FOLDERS:
        above = [_letters(folder) for folder in folders]
        reader = _NameReader(facts, findings, force_zone)
        facts = reader.axis(above, _letters(file)) or reader.camera(above, _letters(file))
    return replace(facts, findings=findings.settled())


def axis_container(folder: str) -> bool:
    """Whether a folder is one Axis recording, taken or rejected."""
    return bool(AXIS_CONTAINER.fullmatch(folder) or AXIS_REJECTED.fullmatch(folder))


@dataclass(frozen=True, slots=True)
class _NameReader:
    """Carries what every reading of one name needs."""

    facts: NameFacts
    findings: FindingList
    force_zone: tzinfo

    def axis(self, folders: list[str], file: str) -> NameFacts | None:
        """Read a file in an Axis recording's folder; None where there is no such folder above it."""
        if not folders or not axis_container(folders[-1]):
            return None
        facts = replace(self.facts, pattern="axis", sourced=True, make="Axis", kind=RecordingKind.BODY_WORN)
        folder = AXIS_CONTAINER.fullmatch(folders[-1])
        if folder:
            facts = replace(
                facts,
                serial=folder["serial"],
                officer_id=folder["officer_id"],
                trigger=self.time(folder, ZoneSource.UTC),
            )
        else:
            self.findings.add(
                FindingCode.REJECTED_BY_SOURCE, "the Axis system set this recording apart as rejected content"
            )
        clip = AXIS_CLIP.fullmatch(file)
        if clip:
            facts = replace(facts, stated=self.time(clip, ZoneSource.UTC), clip=clip["clip"])
        return facts

    def camera(self, folders: list[str], file: str) -> NameFacts:
        """Read by the first shape that fits; failing all, look for a time anywhere in the name."""
        path = "/".join(folders)
        for camera in CAMERAS:
            match = camera.shape.fullmatch(file)
            if match and (camera.folder is None or camera.folder.fullmatch(path)):
                return self.by_shape(camera, match)
        stamp = STAMP.search(file)
        if stamp is None:
            return self.facts
        return replace(self.facts, pattern="stamp", stated=self.time(stamp, ZoneSource.UNKNOWN))

    def by_shape(self, camera: Camera, match: re.Match[str]) -> NameFacts:
        """Fill in what one camera's shape found."""
        groups = {name: value for name, value in match.groupdict().items() if value}
        facts = replace(
            self.facts,
            pattern=camera.pattern,
            sourced=camera.sourced,
            kind=camera.kind,
            make=camera.make,
            model=groups["model"].replace("_", " ") if "model" in groups else camera.model,
            clip=groups["clip"].strip("_") if "clip" in groups else None,
            important="important" in groups,
            stated=self.time(match, camera.zone) if "Y" in groups else None,
        )
        hints: dict[str, Any] = {hint: shown_text(groups[hint]) for hint in _TEXT_HINTS if hint in groups}
        hints |= {hint: int(groups[hint]) for hint in _NUMBER_HINTS if hint in groups}
        return replace(facts, **hints)

    def time(self, match: re.Match[str], zone: ZoneSource) -> StatedTime | None:
        """Read the time groups of a match; figures that no clock shows become a finding."""
        groups = {name: value for name, value in match.groupdict().items() if value}
        if "Y" not in groups:
            return None
        text = _time_text(match)
        stated = None
        reading = _reading(groups)
        if reading:
            stated = stated_reading(
                text,
                reading,
                zone=ZoneSource.STATED if "zulu" in groups else zone,
                force_zone=self.force_zone,
                precision=Precision.SECOND if "s" in groups else Precision.MINUTE,
            )
        if stated is None:
            self.findings.add(
                FindingCode.TIME_IMPOSSIBLE, f"the name says “{text}”, which is no time a set clock shows"
            )
        elif stated.doubt:
            self.findings.add(FindingCode.TIME_DOUBTFUL, f"the name says “{text}”: {stated.doubt}")
        return stated


def _reading(groups: dict[str, str]) -> datetime | None:
    month = groups.get("M") or _month_number(groups.get("mon", ""))
    year = int(groups["Y"]) + (2000 if len(groups["Y"]) == len("26") else 0)
    try:
        return datetime(
            year,
            int(month),
            int(groups["D"]),
            int(groups["h"]),
            int(groups["m"]),
            int(groups.get("s", 0)),
            tzinfo=UTC,
        )
    except ValueError:
        return None


def _month_number(letters: str) -> int:
    return _MONTHS.index(letters.lower()) + 1 if letters.lower() in _MONTHS else 0


def _time_text(match: re.Match[str]) -> str:
    spans = [match.span(group) for group in match.groupdict() if len(group) == 1 or group in {"mon", "zulu"}]
    met = [span for span in spans if span != (-1, -1)]
    return match.string[min(start for start, _ in met) : max(end for _, end in met)]


def _letters(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _note_odd_characters(name: bytes, display: str, findings: FindingList) -> None:
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        findings.add(FindingCode.NAME_NOT_UTF8, f"the name is not UTF-8 text; its bytes are shown as {display[:120]}")
        return
    if shown_text(text) != text:
        findings.add(
            FindingCode.NAME_HIDES_CHARACTERS,
            f"the name has characters that hide or reorder text; they are written out in {display[:120]}",
        )
