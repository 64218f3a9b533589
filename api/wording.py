"""Numbers and times as people say them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: float) -> str:
    """Bytes in powers of 1000: `3.6 GB`."""
    power = 0
    while number >= 999.5 and power < len(UNITS) - 1:
        number, power = number / 1000, power + 1
    if power == 0:
        return f"{int(number)} {'byte' if int(number) == 1 else 'bytes'}"
    return f"{number:.1f} {UNITS[power]}" if number < 99.95 else f"{number:.0f} {UNITS[power]}"


def how_long(span: timedelta) -> str:
    """A span of time in its largest sensible unit: `40 seconds`, `3 minutes`, `2 hours`, `5 days`."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or (unit == "minute" and seconds >= length):
            return count(round(seconds / length), unit)
    return count(seconds, "second")


def duration(milliseconds: int | None) -> str:
    """Length of a recording: `1:02:03`, `4:05`; a dash where nobody knows."""
    if milliseconds is None:
        return "–"
    seconds = round(milliseconds / 1000)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(at: datetime | None, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """A moment with its zone, as GOV.UK writes them: `23 November 2026, 14:05 GMT`."""
    if at is None:
        return "–"
    local = at.astimezone(zone)
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f"{local.day} {local:%B %Y}, {time} {local:%Z}"


def clock_offset(milliseconds: int | None) -> str:
    """How far a device's clock is from ours, in words."""
    if milliseconds is None:
        return "Not measured"
    if abs(milliseconds) < 1000:
        return "Agrees with the server to the second"
    direction = "fast" if milliseconds > 0 else "slow"
    return f"{how_long(timedelta(milliseconds=abs(milliseconds)))} {direction}"
