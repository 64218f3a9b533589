"""Motorola V300 and WatchGuard exports, and any other WebVTT. Pure.

Source: the public reader JonGerhardson/buddycop, for the keys it uses; real files may hold more. The `.json`
gives the moments, the `.vtt` the officer and places; the two are paired by position in their lists.
"""

from __future__ import annotations

import re
from typing import Final

from evidence.vocabulary import RecordingKind
from ingest.findings import FindingCode
from ingest.sidecars.guarded_json import guarded_json_text, guarded_object
from ingest.sidecars.kinds import SidecarKind
from ingest.sidecars.statement import Position, Sheet, SidecarFacts, TrackMaker
from ingest.sidecars.words import decoded, field_of, plain, position
from ingest.stated import StatedTime, stated_iso

CUES_LIMIT: Final = 50_000
CUE_SIZE_LIMIT: Final = 4_096
_TIMING = re.compile(
    r"\s*(?:(\d{2,4}):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]+-->[ \t]+(?:(\d{2,4}):)?([0-5]\d):([0-5]\d)\.(\d{3}).*",
    re.ASCII,
)
_PLACE = re.compile(r"\s*([NS])(\d{1,3}(?:\.\d{1,12})?)\s+([EW])(\d{1,3}(?:\.\d{1,12})?)\s*", re.ASCII | re.IGNORECASE)
_MAKE: Final = "Motorola/WatchGuard"


def read_points(sheet: Sheet) -> SidecarFacts:
    """Read the `.json`: the first and last moment of its data points."""
    values = guarded_object(sheet.body, sheet.findings)
    points = field_of(values, "DataPoints")
    if not isinstance(points, list):
        if values:
            sheet.findings.add(FindingCode.WRONG_SHAPE, "DataPoints is missing or no list")
        points = []
    started = _first_moment(sheet, points)
    stopped = _first_moment(sheet, points[::-1])
    return sheet.states(make=_MAKE, describes=RecordingKind.BODY_WORN, started=started, stopped=stopped)


def read_cues(sheet: Sheet) -> SidecarFacts:
    """Read a `.vtt`: officer and places where its cues carry them. Ordinary subtitles say nothing and are no fault."""
    text = decoded(sheet.body, sheet.findings).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.startswith("WEBVTT"):
        sheet.findings.add(FindingCode.MALFORMED, "the first line is not WEBVTT")
    blocks = text.split("\n\n", CUES_LIMIT + 1)
    capped = len(blocks) > CUES_LIMIT + 1
    if capped:
        sheet.findings.add(FindingCode.TOO_MANY, f"more than {CUES_LIMIT} cues; the first were read")
    track, officers = TrackMaker(), dict[str, None]()
    for block in blocks[1 : CUES_LIMIT + 1]:
        values, after = _cue(sheet, block.strip("\n"))
        officer = plain(field_of(values, "officer"), sheet.findings, what="officer")
        if officer:
            officers[officer] = None
        track.add(_place(sheet, field_of(values, "gpsCoordinates"), after))
    if len(officers) > 1:
        sheet.findings.add(FindingCode.VALUES_DISAGREE, f"{len(officers)} officers are named; the first is shown")
    maker = _MAKE if officers or sheet.kind is SidecarKind.MOTOROLA_VTT else None
    return sheet.states(
        make=maker,
        describes=RecordingKind.BODY_WORN if maker else None,
        officer=next(iter(officers), None),
        positions=track.track(capped=capped),
    )


def _first_moment(sheet: Sheet, points: list[object]) -> StatedTime | None:
    """The first readable moment; the scan ends after a few, so that a file of nonsense costs nothing."""
    for point in points[:10]:
        words = field_of(point, "Time") if isinstance(point, dict) else None
        moment = stated_iso(words, force_zone=sheet.force_zone) if isinstance(words, str) else None
        if moment:
            return moment
        sheet.findings.add(FindingCode.TIME_IMPOSSIBLE, "a data point has no Time that a set clock shows")
    return None


def _cue(sheet: Sheet, block: str) -> tuple[dict[str, object], float | None]:
    lines = block.split("\n") if len(block) <= CUE_SIZE_LIMIT else [block[:CUE_SIZE_LIMIT]]
    at = next((number for number, line in enumerate(lines[:2]) if "-->" in line), None)
    if at is None:
        if lines[0].strip() and not lines[0].startswith(("NOTE", "STYLE", "REGION")):
            sheet.findings.add(FindingCode.CUE_UNREADABLE, "a cue has no line with its times")
        return {}, None
    after = _after(sheet, lines[at])
    payload = "\n".join(lines[at + 1 :]).strip()
    if sheet.kind is SidecarKind.WEBVTT and not payload.startswith("{"):
        return {}, after
    values = guarded_json_text(payload, sheet.findings)
    if isinstance(values, dict):
        return values, after
    sheet.findings.add(FindingCode.CUE_UNREADABLE, "a cue does not hold one JSON object")
    return {}, after


def _after(sheet: Sheet, line: str) -> float | None:
    match = _TIMING.fullmatch(line)
    if match is None:
        sheet.findings.add(FindingCode.CUE_UNREADABLE, "the times of a cue cannot be read")
        return None
    start, end = _seconds(*match.group(1, 2, 3, 4)), _seconds(*match.group(5, 6, 7, 8))
    if end < start:
        sheet.findings.add(FindingCode.CUE_UNREADABLE, "a cue ends before it begins")
    return start


def _seconds(hours: str | None, minutes: str, seconds: str, thousandths: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(thousandths) / 1000


def _place(sheet: Sheet, words: object, after: float | None) -> Position | None:
    if not words:  # no fix at that moment
        return None
    match = _PLACE.fullmatch(words) if isinstance(words, str) and len(words) <= 64 else None
    if match is None:
        sheet.findings.add(FindingCode.POSITION_IMPOSSIBLE, "gpsCoordinates is not like “N51.5 W0.1”")
        return None
    south, west = match[1] in "Ss", match[3] in "Ww"
    latitude, longitude = float(match[2]), float(match[4])
    return position(-latitude if south else latitude, -longitude if west else longitude, sheet.findings, after_s=after)
