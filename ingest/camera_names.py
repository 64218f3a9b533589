"""The shapes of camera file names, as a table. Pure data; `ingest.names` reads with it.

Groups of a shape: Y M D h m s (a time; `mon` for a month's English letters), serial, officer, officer_id,
reference, model, segment, chapter, channel, number, clip, view, important, zulu.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from evidence.vocabulary import RecordingKind
from ingest.stated import ZoneSource

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_DAY = r"(?P<Y>\d{4})(?P<M>\d\d)(?P<D>\d\d)"
_DAY_DASHED = r"(?P<Y>\d{4})-(?P<M>\d\d)-(?P<D>\d\d)"
_MINUTE = r"(?P<h>\d\d)(?P<m>\d\d)"
_CLOCK = _MINUTE + r"(?P<s>\d\d)"
_DOTTED_CLOCK = r"(?P<h>\d\d)\.(?P<m>\d\d)\.(?P<s>\d\d)"
# A copy made by a person or a browser, then one ending or several (`.mp4.sha256`).
_END = r"(?: ?\(\d{1,3}\)| - Copy)?(?:\.[A-Za-z0-9]{1,12}){1,3}"


def _shape(pattern: str, *, any_case: bool = True) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | (re.IGNORECASE if any_case else re.NOFLAG))


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One maker's way to name a file. `sourced`: found in a maker's document or a public program."""

    pattern: str
    shape: re.Pattern[str]
    make: str | None
    kind: RecordingKind
    zone: ZoneSource = ZoneSource.LOCAL
    model: str | None = None
    folder: re.Pattern[str] | None = None
    sourced: bool = True


# Axis keeps a folder per recording; times in both names are UTC by its documentation.
AXIS_CONTAINER: Final = _shape(
    rf"(?P<officer_id>{_UUID})_(?P<serial>[A-Za-z0-9]{{4,32}})_{_DAY}[T_]{_CLOCK}(?P<zulu>Z)?"
)
AXIS_REJECTED: Final = _shape(rf"RejectedContent_(?:{_DAY}[T_]{_CLOCK}Z?|UnknownTime)_{_UUID}")
AXIS_CLIP: Final = _shape(rf"{_DAY}[T_]{_CLOCK}(?P<zulu>Z)?_(?P<clip>[A-Za-z0-9]{{1,16}})(?:_[A-Za-z0-9]+)*{_END}")
# Outside its folder only the Matroska form is Axis's own; date_time_id.mp4 is anybody's.
_AXIS_LOOSE = rf"{_DAY}T{_CLOCK}(?P<zulu>Z)_(?P<clip>[A-Za-z0-9]{{1,16}})\.(?:mkv|mp4|key)"

# A time anywhere in a name: the weakest hint of all.
STAMP: Final = _shape(
    r"(?<!\d)(?P<Y>20\d\d)[-_.]?(?P<M>\d\d)[-_.]?(?P<D>\d\d)[T _.-]{0,2}"
    r"(?P<h>\d\d)[-_.:]?(?P<m>\d\d)(?:[-_.:]?(?P<s>\d\d))?(?P<zulu>Z)?(?!\d)"
)

_BODY, _OTHER, _INTERVIEW = RecordingKind.BODY_WORN, RecordingKind.OTHER, RecordingKind.INTERVIEW
_AXON_TAIL = (
    rf"_Video_{_DAY_DASHED}_{_MINUTE}(?:_(?P<serial>[A-Z][A-Z0-9]{{5,15}}))?(?P<clip>(?:_\d{{1,6}}){{0,3}}){_END}"
)

CAMERAS: Final = (
    Camera(
        # Only minutes are given, so two clips may want one name; whether UTC or local is not documented.
        pattern="axon-body",
        shape=_shape(rf"AXON_(?P<model>Body_[24]){_AXON_TAIL}"),
        make="Axon",
        kind=_BODY,
        zone=ZoneSource.UNKNOWN,
    ),
    Camera(
        pattern="axon-body-other",
        shape=_shape(rf"AXON_(?P<model>Body(?:_\d)?|Flex(?:_\d)?){_AXON_TAIL}"),
        make="Axon",
        kind=_BODY,
        zone=ZoneSource.UNKNOWN,
        sourced=False,
    ),
    Camera(
        pattern="axon-fleet",
        shape=_shape(rf"AXON_(?P<model>Fleet_\d_[A-Za-z]{{3,12}})_Camera{_AXON_TAIL}"),
        make="Axon",
        kind=_OTHER,
        zone=ZoneSource.UNKNOWN,
    ),
    Camera(
        pattern="motorola",
        shape=_shape(
            rf"(?P<officer>[^_]{{1,64}})_{_DAY}{_MINUTE}_(?P<serial>[A-Z]{{0,4}}\d{{1,10}})-(?P<segment>\d{{1,4}}){_END}"
        ),
        make="Motorola/WatchGuard",
        kind=_BODY,
    ),
    Camera(pattern="axis-clip", shape=_shape(_AXIS_LOOSE), make="Axis", kind=_BODY, zone=ZoneSource.UTC),
    Camera(
        pattern="axis-clip",
        shape=_shape(rf"{_DAY}_{_CLOCK}_(?P<clip>[A-Za-z0-9]{{1,16}})\.(?:mkv|key)"),
        make="Axis",
        kind=_BODY,
        zone=ZoneSource.UTC,
    ),
    Camera(
        pattern="recorder-police-id",
        shape=_shape(
            rf"(?P<serial>[A-Z0-9]{{7}})_(?P<officer_id>\d{{6}})_{_DAY}{_CLOCK}_(?P<number>\d{{4}})"
            rf"(?:_?(?P<important>IMP))?{_END}"
        ),
        make=None,
        kind=_BODY,
        zone=ZoneSource.UNKNOWN,
        sourced=False,
    ),
    Camera(
        pattern="tecsar",
        shape=_shape(rf".+{_END}"),
        folder=_shape(r"(?:.*/)?CAM01/files/data(?:/.*)?"),
        make="Tecsar",
        kind=_BODY,
    ),
    Camera(
        pattern="gopro",
        shape=_shape(rf"G[HXL](?P<chapter>\d\d)(?P<number>\d{{4}}){_END}"),
        make="GoPro",
        kind=_OTHER,
        sourced=False,
    ),
    Camera(
        pattern="70mai",
        shape=_shape(rf"[A-Z]{{2}}{_DAY}-{_CLOCK}-(?P<number>\d{{6}})(?P<view>[FBI]){_END}", any_case=False),
        make="70mai",
        kind=_OTHER,
    ),
    Camera(
        pattern="vantrue",
        shape=_shape(rf"(?P<Y>\d{{4}})_(?P<M>\d\d)(?P<D>\d\d)_{_CLOCK}_(?P<number>\d{{3}})(?P<view>[AB]){_END}"),
        make="Vantrue",
        kind=_OTHER,
    ),
    Camera(
        pattern="havis",
        shape=_shape(
            rf"(?P<officer>.{{1,64}})_(?P<mon>[A-Z][a-z]{{2}})\.(?P<D>\d\d)\.(?P<Y>\d{{4}})_{_DOTTED_CLOCK}"
            r"\+?(?P<important>\#)?\.[A-Za-z0-9]{1,12}"
        ),
        make="Havis",
        kind=_OTHER,
    ),
    Camera(
        pattern="icarvisions",
        shape=_shape(rf"H{_DAY}-{_CLOCK}[PN]\d(?:N|(?P<important>A))(?P<channel>\d)(?:[A-Z]\d)?{_END}"),
        make="iCarVisions MDVR",
        kind=_OTHER,
    ),
    Camera(
        pattern="evertz",
        shape=_shape(rf".{{0,64}}_(?P<D>\d\d)-(?P<M>\d\d)-(?P<Y>\d\d)_{_DOTTED_CLOCK}{_END}"),
        make="Evertz",
        kind=_OTHER,
    ),
    Camera(
        pattern="brickcom",
        shape=_shape(rf"{_DAY}-{_CLOCK}-\d{{6}}_(?:\d{{1,3}}\.){{3}}\d{{1,3}}-CH(?P<channel>\d{{1,3}})(?:{_END})?"),
        make="Brickcom",
        kind=_OTHER,
    ),
    Camera(
        pattern="insta360",
        shape=_shape(rf"(?:VID|LRV)_{_DAY}_{_CLOCK}_(?P<channel>\d\d)_(?P<number>\d{{3}}){_END}"),
        make="Insta360",
        kind=_OTHER,
    ),
    Camera(
        pattern="android",
        shape=_shape(rf"VID_{_DAY}_{_CLOCK}(?:\d{{3}})?(?:[_~]\w{{1,16}})?{_END}"),
        make="Android phone",
        kind=_OTHER,
        sourced=False,
    ),
    Camera(
        pattern="interview",
        shape=_shape(rf"(?P<reference>INT-\d{{2,8}}(?:-\d{{2,8}})?)(?:[ _-](?P<view>\w{{1,24}}))?{_END}"),
        make=None,
        kind=_INTERVIEW,
        sourced=False,
    ),
)
