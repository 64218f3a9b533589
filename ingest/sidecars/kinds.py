"""Which files are sidecars, by name alone. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from ingest.names import axis_container


class SidecarKind(StrEnum):
    """The dialects that are told apart by a file's name; docs/sidecars.md describes each."""

    AXIS_METADATA = "axis-metadata"
    AXIS_GPSTRAIL = "axis-gpstrail"
    AXIS_BOOKMARK = "axis-bookmark"
    AXIS_KEY = "axis-key"
    AXIS_COMPLETE = "axis-complete"
    MOTOROLA_JSON = "motorola-json"
    MOTOROLA_VTT = "motorola-vtt"
    AXON_CONTENTS = "axon-contents"
    AXON_TRANSCRIPT = "axon-transcript"
    GPX = "gpx"
    NMEA = "nmea"
    HASH_LIST = "hash-list"
    WEBVTT = "webvtt"
    XML = "xml"
    JSON = "json"
    CSV = "csv"


METADATA_ENDING: Final = ".metadata.json"
TRANSCRIPT: Final = re.compile(r"transcript_for_(?P<before>.+)\.txt|(?P<after>.+)_transcript\.docx", re.IGNORECASE)
_AXIS_KEY = re.compile(r"\d{8}[T_]\d{6}Z?_\w{1,64}\.key", re.ASCII | re.IGNORECASE)
_BOOKMARK = re.compile(r"bookmark_[0-9TZ_]{8,32}_\w{1,64}", re.ASCII | re.IGNORECASE)
_MOTOROLA = re.compile(r"[^_]{1,64}_\d{12}_[A-Z]{0,4}\d{1,10}-\d{1,4}\.(json|vtt)", re.ASCII | re.IGNORECASE)
_HASH_LIST = re.compile(
    r".*\.(?:sha512|sha256|sha1|md5)|(?:sha512|sha256|sha1|md5)sums?(?:\.txt)?", re.IGNORECASE | re.DOTALL
)
_ENDINGS: Final = {
    ".gpx": SidecarKind.GPX,
    ".nmea": SidecarKind.NMEA,
    ".vtt": SidecarKind.WEBVTT,
    ".xml": SidecarKind.XML,
    ".json": SidecarKind.JSON,
    ".csv": SidecarKind.CSV,
}


def kind_of(relative_name: bytes) -> SidecarKind | None:
    """Say which dialect a file beside recordings is written in; None for anything that is no sidecar."""
    folder, file = folder_and_file(relative_name)
    return _maker_kind(folder.rpartition("/")[2], file) or _open_kind(file)


def folder_and_file(relative_name: bytes) -> tuple[str, str]:
    """Split a name at its last `/`; bytes that are not UTF-8 are carried along unharmed."""
    folder, _, file = relative_name.decode("utf-8", "surrogateescape").rpartition("/")
    return folder, file


def axis_object(file: str) -> tuple[str, str]:
    """The container and the object that an Axis metadata file describes; no object means the container."""
    container, _, inside = file[: -len(METADATA_ENDING)].partition(".")
    return container, inside


def _maker_kind(folder: str, file: str) -> SidecarKind | None:
    lower = file.lower()
    by_ending = {METADATA_ENDING: SidecarKind.AXIS_METADATA, "_gpstrail.json": SidecarKind.AXIS_GPSTRAIL}
    for ending, kind in by_ending.items():
        if lower.endswith(ending):
            return kind
    by_shape = {
        SidecarKind.AXIS_KEY: _AXIS_KEY.fullmatch(file),
        SidecarKind.AXIS_BOOKMARK: _BOOKMARK.fullmatch(file),
        SidecarKind.AXIS_COMPLETE: lower == "complete" and axis_container(folder),
        SidecarKind.AXON_CONTENTS: lower == "table_of_contents.xlsx",
        SidecarKind.AXON_TRANSCRIPT: TRANSCRIPT.fullmatch(file),
    }
    motorola = _MOTOROLA.fullmatch(file)
    if motorola:
        return SidecarKind.MOTOROLA_JSON if motorola[1].lower() == "json" else SidecarKind.MOTOROLA_VTT
    return next((kind for kind, fits in by_shape.items() if fits), None)


def _open_kind(file: str) -> SidecarKind | None:
    if _HASH_LIST.fullmatch(file):
        return SidecarKind.HASH_LIST
    stem, dot, ending = file.rpartition(".")
    return _ENDINGS.get(dot + ending.lower()) if stem else None
