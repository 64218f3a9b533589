"""Axis body-worn: recording folders as the system and its example server lay them out. Pure.

Source: README and EXAMPLE of AxisCommunications/body-worn-integration-api. All times there are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Final

from evidence.vocabulary import RecordingKind
from ingest.findings import FindingCode
from ingest.sidecars.guarded_json import guarded_object
from ingest.sidecars.kinds import axis_object, folder_and_file, kind_of
from ingest.sidecars.statement import Position, Sheet, SidecarFacts, TrackMaker
from ingest.sidecars.words import NOTE_LIMIT, decoded, field_of, number, plain, position
from ingest.stated import StatedTime, ZoneSource, stated_epoch, stated_iso

TAGS_LIMIT: Final = 50
ENTRIES_LIMIT: Final = 100_000
_POINT = re.compile(r"\s*POINT\s*\(\s*(\S{1,32})\s+(\S{1,32})\s*\)\s*", re.ASCII | re.IGNORECASE)
# Latitude, longitude, accuracy, epoch; the last two may be missing.
_LOCATION = re.compile(
    r"\s*([+-]?\d{1,3}\.\d{1,12})[ ,]*([+-]?\d{1,3}\.\d{1,12})(?:[ ,]+\d{1,9}(?:\.\d+)?(?:[ ,]+(\d{9,10}))?)?\s*",
    re.ASCII,
)
_SAME_MOMENT: Final = timedelta(seconds=1)


def read_metadata(sheet: Sheet) -> SidecarFacts:
    """Read a `.metadata.json` of a recording, of an object in it, or of a camera or user of the system."""
    values = guarded_object(sheet.body, sheet.findings)
    container, inside = axis_object(folder_and_file(sheet.name)[1])
    if container.lower() in {"devices", "users", "system"}:
        return _system_entry(sheet, container.lower(), values)
    if inside.lower().startswith("bookmark_"):
        return _bookmark(sheet, values)
    if inside and kind_of(inside.encode("utf-8", "surrogateescape")):
        # Of a key or trail it only says which sort of file it is.
        return sheet.states(make="Axis", describes=RecordingKind.BODY_WORN)
    return _recording_or_clip(sheet, values, whole=not inside)


def read_trail(sheet: Sheet) -> SidecarFacts:
    """Read a location trail; longitude comes first in it."""
    values = guarded_object(sheet.body, sheet.findings)
    entries = field_of(values, "CoordinateEntries")
    if not isinstance(entries, list):
        if values:
            sheet.findings.add(FindingCode.WRONG_SHAPE, "CoordinateEntries is missing or no list")
        entries = []
    capped = len(entries) > ENTRIES_LIMIT
    if capped:
        sheet.findings.add(FindingCode.TOO_MANY, f"more than {ENTRIES_LIMIT} positions; the first were read")
    track = TrackMaker()
    for entry in entries[:ENTRIES_LIMIT]:
        track.add(_trail_position(sheet, entry))
    return sheet.states(make="Axis", describes=RecordingKind.BODY_WORN, positions=track.track(capped=capped))


def read_bookmark(sheet: Sheet) -> SidecarFacts:
    """Read a bookmark: free text by the officer. An empty one is only a mark in time."""
    note = plain(decoded(sheet.body, sheet.findings), sheet.findings, what="the bookmark", limit=NOTE_LIMIT)
    return sheet.states(make="Axis", describes=RecordingKind.BODY_WORN, note=note)


def read_key(sheet: Sheet) -> SidecarFacts:
    """Read a key file: its presence says that the clip beside it is encrypted and no probe can open it."""
    values = guarded_object(sheet.body, sheet.findings)
    for needed in ("EncryptedKey", "ContentEncryptionIV", "PublicKeyId"):
        if values and not isinstance(field_of(values, needed), str):
            sheet.findings.add(FindingCode.WRONG_SHAPE, f"{needed} is missing: the clip may not be decryptable")
    key_id = plain(field_of(values, "PublicKeyId"), sheet.findings, what="PublicKeyId")
    return sheet.states(make="Axis", describes=RecordingKind.BODY_WORN, encrypted=True, key_id=key_id)


def read_complete(sheet: Sheet) -> SidecarFacts:
    """Read the marker that ends a transfer; it is empty where it is genuine."""
    if sheet.body:
        sheet.findings.add(FindingCode.WRONG_SHAPE, "the marker “complete” is empty when an Axis system writes it")
    return sheet.states(make="Axis", describes=RecordingKind.BODY_WORN, whole_recording=True, complete=True)


def _recording_or_clip(sheet: Sheet, values: Mapping[str, object], *, whole: bool) -> SidecarFacts:
    def text(key: str) -> str | None:
        return plain(field_of(values, key), sheet.findings, what=key)

    places = TrackMaker()
    for key in ("StartLocation", "TriggerOnLocation", "StopLocation", "TriggerOffLocation"):
        places.add(_location(sheet, text(key), key))
    return sheet.states(
        make="Axis",
        describes=RecordingKind.BODY_WORN,
        whole_recording=whole,
        model=text("BWCModel"),
        serial=text("BWCSerialNumber"),
        officer_id=text("UserID"),
        started=_moment(sheet, values, "StartTime"),
        stopped=_moment(sheet, values, "StopTime"),
        triggered=_moment(sheet, values, "TriggerOnTime"),
        time_zone=text("TimeZone"),
        tags=tuple((key, value) for key in ("TriggerOn", "TriggerOff") if (value := text(key))),
        positions=places.track(),
        complete=_is_complete(sheet, text("Status")) if whole else None,
    )


def _is_complete(sheet: Sheet, status: str | None) -> bool | None:
    if status is None or status.lower() not in {"complete", "transferring"}:
        return None
    if status.lower() == "transferring":
        sheet.findings.add(FindingCode.TRANSFER_UNFINISHED, "the camera system had not finished this recording")
    return status.lower() == "complete"


def _bookmark(sheet: Sheet, values: Mapping[str, object]) -> SidecarFacts:
    tags = plain(field_of(values, "Tags"), sheet.findings, what="Tags", limit=NOTE_LIMIT) or ""
    pairs = [tag.partition(":")[::2] for tag in tags.split(";") if tag.strip()]
    if len(pairs) > TAGS_LIMIT:
        sheet.findings.add(FindingCode.TOO_MANY, f"{len(pairs)} tags; the first {TAGS_LIMIT} are shown")
    return sheet.states(
        make="Axis",
        describes=RecordingKind.BODY_WORN,
        category=plain(field_of(values, "CategoryName"), sheet.findings, what="CategoryName"),
        category_id=plain(field_of(values, "CategoryID"), sheet.findings, what="CategoryID"),
        tags=tuple((key.strip(), value.strip()) for key, value in pairs[:TAGS_LIMIT]),
    )


def _system_entry(sheet: Sheet, container: str, values: Mapping[str, object]) -> SidecarFacts:
    name = plain(field_of(values, "Name"), sheet.findings, what="Name")
    own_id = plain(field_of(values, "UserID"), sheet.findings, what="UserID")
    entry = axis_object(folder_and_file(sheet.name)[1])[1]
    if container == "users":
        return sheet.states(make="Axis", officer=name, officer_id=own_id)
    if container == "devices":
        model = plain(field_of(values, "Model"), sheet.findings, what="Model")
        return sheet.states(make="Axis", title=name, serial=plain(entry, sheet.findings, what="serial"), model=model)
    return sheet.states(make="Axis")


def _moment(sheet: Sheet, values: Mapping[str, object], key: str) -> StatedTime | None:
    """Read the RFC 3339 twin of a time, or the epoch one; both together must agree."""
    readings: list[StatedTime] = []
    for twin in (f"{key}ISO", key):
        words = plain(field_of(values, twin), sheet.findings, what=twin)
        reading = words and (stated_iso(words, otherwise=ZoneSource.UTC, force_zone=UTC) or stated_epoch(words))
        if reading:
            readings.append(reading)
        elif words:
            sheet.findings.add(
                FindingCode.TIME_IMPOSSIBLE, f"{twin} says “{words}”, which is no time a set clock shows"
            )
    if len(readings) == 2 and abs(readings[0].at - readings[1].at) > _SAME_MOMENT:
        sheet.findings.add(
            FindingCode.VALUES_DISAGREE,
            f"{key} is “{readings[0].text}” in one form and “{readings[1].text}” in the other",
        )
    return readings[0] if readings else None


def _trail_position(sheet: Sheet, entry: object) -> Position | None:
    if not isinstance(entry, dict):
        sheet.findings.add(FindingCode.WRONG_SHAPE, "an entry of the trail is no group of values")
        return None
    point = _POINT.fullmatch(str(field_of(entry, "LocationWKT"))[:100])
    if point is None:
        sheet.findings.add(FindingCode.POSITION_IMPOSSIBLE, "LocationWKT is not POINT(longitude latitude)")
        return None
    words = field_of(entry, "Timestamp")
    moment = stated_iso(words, otherwise=ZoneSource.UTC, force_zone=UTC) if isinstance(words, str) else None
    if words and moment is None:
        sheet.findings.add(FindingCode.TIME_IMPOSSIBLE, "a Timestamp in the trail is no time a set clock shows")
    after = number(field_of(entry, "SecondsFromStart"))
    return position(point[2], point[1], sheet.findings, at=moment.at if moment else None, after_s=after)


def _location(sheet: Sheet, words: str | None, key: str) -> Position | None:
    match = _LOCATION.fullmatch(words or "")
    if match is None:
        if words:
            sheet.findings.add(FindingCode.POSITION_IMPOSSIBLE, f"{key} is not latitude, longitude, accuracy, epoch")
        return None
    moment = stated_epoch(match[3]) if match[3] else None
    return position(match[1], match[2], sheet.findings, at=moment.at if moment else None)
