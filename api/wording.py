"""Numbers and times as people say them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def each_once(said: Iterable[str], *, noun: str = "piece of work", plural: str = "pieces of work") -> list[str]:
    """Sentences in their order, each once: one that stands several times says of how many things it is true."""
    return [
        f"{sentence}." if number == 1 else f"{sentence} ({count(number, noun, plural)})."
        for sentence, number in Counter(said).items()
    ]


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


def written_moment(words: str, zone: ZoneInfo) -> datetime | None:
    """A moment read back as `moment` writes it, with or without the short name of its zone; None for other words.

    The short name tells summer from winter in the hour that comes twice.
    """
    plain, _, name = words.rpartition(" ") if words[-1:].isalpha() else (words, "", "")
    try:
        local = datetime.strptime(plain.replace(",", ""), "%d %B %Y %H:%M")  # noqa: DTZ007 - its zone is given below
    except ValueError:
        return None
    meant = [local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)] + [local.replace(tzinfo=UTC)]
    # In UTC, because Python holds no moment of the hour that comes twice to be equal to one of another zone.
    return next((at.astimezone(UTC) for at in meant if name in {"", at.tzname()}), None)


def clock_offset(milliseconds: int | None) -> str:
    """How far a device's clock is from ours, in words."""
    if milliseconds is None:
        return "Not measured"
    if abs(milliseconds) < 1000:
        return "Agrees with the server to the second"
    direction = "fast" if milliseconds > 0 else "slow"
    return f"{how_long(timedelta(milliseconds=abs(milliseconds)))} {direction}"
