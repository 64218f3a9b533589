"""A time as a camera states it: its words, what they mean in UTC, and how far that can be trusted. Pure.

A device's own clock words are kept as text and never corrected in place. Local wall-clock times are read in
the force's zone (a setting; Europe/London unless told otherwise), and the two odd hours a year are marked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

LONDON: Final = ZoneInfo("Europe/London")

# Outside these years a device's clock was not set, or the text is not a time at all.
EARLIEST_YEAR: Final = 1980
LATEST_YEAR: Final = 2100

_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(?:[.,]\d{1,9})?)? ?(Z|z|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d{1,6})?", re.ASCII)


class ZoneSource(StrEnum):
    """How the zone of a stated time is known."""

    STATED = "stated"  # the text itself says so: a Z or an offset
    UTC = "utc"  # the maker's documentation says UTC
    LOCAL = "local"  # cameras of this kind write local time: read in the force's zone
    UNKNOWN = "unknown"  # nothing says: read in the force's zone, and doubted in summer


class Precision(StrEnum):
    """The smallest unit that the text gives."""

    DAY = "day"
    MINUTE = "minute"
    SECOND = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTime:
    """A time as stated.

    `text` are the characters that state it; `wall` the same reading in ISO form without a zone, at its own
    precision; `at` the moment in aware UTC; `doubt` says why `at` may be an hour out.
    """

    text: str
    wall: str
    at: datetime
    zone: ZoneSource
    precision: Precision
    doubt: str | None = None


def is_believable(reading: datetime) -> bool:
    """Whether a clock that says this can have been set at all."""
    return EARLIEST_YEAR <= reading.year <= LATEST_YEAR


def stated_reading(
    text: str,
    reading: datetime,
    *,
    zone: ZoneSource,
    force_zone: tzinfo,
    precision: Precision = Precision.SECOND,
) -> StatedTime | None:
    """Make a stated time from a clock reading; None where no set clock can have shown it.

    `reading` carries its own zone when `zone` is STATED; otherwise only its figures count.
    """
    if not is_believable(reading):
        return None
    doubt = None
    if zone is ZoneSource.STATED:
        moment = reading
    elif zone is ZoneSource.UTC:
        moment = reading.replace(tzinfo=UTC)
    else:
        moment = reading.replace(tzinfo=force_zone, fold=0)
        doubt = _doubt_of(moment, zone)
    wall = _wall(reading, precision)
    return StatedTime(text=text, wall=wall, at=moment.astimezone(UTC), zone=zone, precision=precision, doubt=doubt)


def stated_iso(
    text: str, *, otherwise: ZoneSource = ZoneSource.LOCAL, force_zone: tzinfo = LONDON
) -> StatedTime | None:
    """Read RFC 3339 and its usual cousins; `otherwise` is the zone's source where the text has no zone."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    try:
        reading = datetime.fromisoformat(match[0].upper().replace(" ", "T", 1).replace(" ", ""))
    except ValueError:
        return None
    reading = reading.replace(tzinfo=reading.tzinfo or UTC)
    return stated_reading(
        text.strip(),
        reading,
        zone=ZoneSource.STATED if match[2] else otherwise,
        force_zone=force_zone,
        precision=Precision.SECOND if match[1] else Precision.MINUTE,
    )


def stated_epoch(text: str) -> StatedTime | None:
    """Read seconds since 1970, which are UTC by definition."""
    if _EPOCH.fullmatch(text.strip()) is None:
        return None
    reading = datetime.fromtimestamp(float(text), tz=UTC)
    return stated_reading(text.strip(), reading, zone=ZoneSource.UTC, force_zone=UTC)


def stated_in_formats(
    text: str, formats: Sequence[str], *, otherwise: ZoneSource, force_zone: tzinfo = LONDON
) -> StatedTime | None:
    """Read a time by the first of the configured formats that fits; none given means ISO."""
    if not formats:
        return stated_iso(text, otherwise=otherwise, force_zone=force_zone)
    for form in formats:
        try:
            reading = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - the zone follows from the mapping
        except ValueError:
            continue
        zone = otherwise if reading.tzinfo is None else ZoneSource.STATED
        return stated_reading(
            text.strip(), reading.replace(tzinfo=reading.tzinfo or UTC), zone=zone, force_zone=force_zone
        )
    return None


def _wall(reading: datetime, precision: Precision) -> str:
    plain = reading.replace(tzinfo=None, microsecond=0)
    if precision is Precision.DAY:
        return plain.date().isoformat()
    return plain.isoformat(timespec="minutes" if precision is Precision.MINUTE else "seconds")


def _doubt_of(moment: datetime, zone: ZoneSource) -> str | None:
    first, second = moment.utcoffset(), moment.replace(fold=1).utcoffset()
    where = str(moment.tzinfo)
    if first is None or second is None:
        return None
    if first > second:
        return f"this hour came twice that night in {where}; read as the earlier"
    if first < second:
        return f"this hour did not exist that night in {where}; the camera's clock was not put forward"
    if zone is ZoneSource.UNKNOWN and first != timedelta(0):
        return f"not said whether local time or UTC; read as local time in {where}"
    return None
