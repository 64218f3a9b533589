"""The parts of a report, the same for paper and page: facts by name, tables, sentences. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from evidence import clock


@dataclass(frozen=True, slots=True)
class FactList:
    """Names and what they are."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TableOf:
    """Rows under headings. `widths`: how the columns share the page."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    empty: str = "None."


@dataclass(frozen=True, slots=True)
class Sentences:
    """One sentence a line."""

    title: str
    lines: tuple[str, ...]


Section = FactList | TableOf | Sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said of one exhibit. `force` keeps the log `log`; `made` is when it was said.

    `contradicted`: what does not hold, a sentence each, also at the top of the sections. `withholds`: whether that is
    of the exhibit or of the log, so that nothing is handed out, and not only of what others are said to have signed.
    """

    force: str
    log: str
    reference: str
    title: str
    made: datetime
    sections: tuple[Section, ...]
    contradicted: tuple[str, ...] = ()
    withholds: bool = False


def utc(at: datetime | None) -> str:
    """A moment to the second, in UTC."""
    return "not known" if at is None else clock.as_text(at)[:19].replace("T", " ") + " UTC"
