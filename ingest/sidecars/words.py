"""Untrusted words and figures made safe: decoding, short plain text, positions. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ingest.display import shown_text
from ingest.findings import FindingCode, FindingList
from ingest.sidecars.statement import Position

TEXT_LIMIT: Final = 200
NOTE_LIMIT: Final = 2000
_FORMULA_STARTS: Final = ("=", "@", "+", "-")
_NUMBER = re.compile(r"[+-]?\d{1,17}(?:\.\d{0,17})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


def decoded(body: bytes, findings: FindingList) -> str:
    """Decode text of any usual encoding; what does not decode is replaced and said."""
    encoding = json.detect_encoding(body)
    if encoding not in {"utf-8", "utf-8-sig"}:
        findings.add(FindingCode.ENCODING, f"written in {encoding}, where UTF-8 is usual")
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        findings.add(FindingCode.ENCODING, f"not {encoding} text from byte {error.start}; unreadable bytes replaced")
        return body.decode(encoding, "replace")


def plain(value: object, findings: FindingList, *, what: str, limit: int = TEXT_LIMIT) -> str | None:
    """One short, printable piece of text from a value; None where there is none. `what` names the field."""
    if value is None or value == "":
        return None
    if isinstance(value, dict | list):
        findings.add(FindingCode.WRONG_SHAPE, f"{what} holds a list or group where a single value belongs")
        return None
    text = str(value)
    if len(text) > limit:
        findings.add(FindingCode.TEXT_SHORTENED, f"{what} is {len(text)} characters long; the first {limit} are shown")
        text = text[:limit]
    text = " ".join(text.split())
    if text.startswith(_FORMULA_STARTS) and number(text) is None:
        findings.add(FindingCode.FORMULA_TEXT, f"{what} begins like a spreadsheet formula")
    safe = shown_text(text)
    if safe != text:
        findings.add(FindingCode.TEXT_UNSAFE, f"{what} has control or hidden characters; they are written out")
    return safe or None


def number(value: object) -> float | None:
    """A finite number from a JSON value or a text; None otherwise. A truth value is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) is None:
        return None
    try:
        figure = float(value)
    except OverflowError:  # a whole number larger than any float
        return None
    return figure if math.isfinite(figure) else None


def position(
    latitude: object,
    longitude: object,
    findings: FindingList,
    *,
    at: datetime | None = None,
    after_s: float | None = None,
) -> Position | None:
    """A position, if it is one on this earth; otherwise a finding and None."""
    lat, lon = number(latitude), number(longitude)
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        findings.add(
            FindingCode.POSITION_IMPOSSIBLE,
            f"a position is not on the earth: latitude {_brief(latitude)}, longitude {_brief(longitude)}",
        )
        return None
    return Position(latitude=lat, longitude=lon, at=at, after_s=after_s)


def field_of(values: Mapping[str, object], key: str) -> object:
    """A value by its key, whatever the case: headers on the way from a camera change it."""
    if key in values:
        return values[key]
    wanted = key.lower()
    return next((value for name, value in values.items() if name.lower() == wanted), None)


def _brief(value: object) -> str:
    return str(value)[:32] if not isinstance(value, dict | list) else "?"
