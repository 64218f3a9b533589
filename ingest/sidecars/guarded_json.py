"""JSON from strangers: bounded in size, depth and figures, and told apart from JSON that means two things.

The standard library parses; the guards stand around it. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from ingest.findings import FindingCode, FindingList
from ingest.sidecars.words import decoded

DEPTH_LIMIT: Final = 32
GROUP_LIMIT: Final = 150_000
WHOLE_NUMBER_DIGITS: Final = 19

# A string, whole or cut off by the end. Possessive, so that hostile text cannot make it go back.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_NESTED = re.compile(r"[\[{]{2}")


def guarded_json(body: bytes, findings: FindingList) -> object:
    """Parse one document; None (JSON's own null included) where there is none to be trusted, with findings.

    A key that is repeated with different values has no value here: which one counts is not ours to settle.
    """
    return guarded_json_text(decoded(body, findings).removeprefix("\ufeff"), findings)


def guarded_json_text(text: str, findings: FindingList) -> object:
    """Parse text as `guarded_json` does bytes."""
    text = text.lstrip(" \t\r\n")
    if not text:
        findings.add(FindingCode.EMPTY, "there is nothing in it")
        return None
    if text.count("[") + text.count("{") > GROUP_LIMIT:
        findings.add(FindingCode.TOO_MANY, f"more than {GROUP_LIMIT} lists and groups; not read")
        return None
    if _is_too_deep(text):
        findings.add(FindingCode.TOO_DEEP, f"nested more than {DEPTH_LIMIT} levels deep; not read")
        return None
    guards = _Guards(findings)
    decoder = json.JSONDecoder(
        object_pairs_hook=guards.group,
        parse_int=guards.whole_number,
        parse_float=guards.fraction,
        parse_constant=guards.constant,
    )
    try:
        document, end = decoder.raw_decode(text)
    except (json.JSONDecodeError, RecursionError) as error:
        findings.add(FindingCode.MALFORMED, f"not JSON: {error}")
        return None
    if text[end:].strip():
        findings.add(FindingCode.TRAILING_DATA, "more follows behind the first JSON document; only that was read")
    return document


def guarded_object(body: bytes, findings: FindingList) -> dict[str, object]:
    """Parse a document that must be one JSON object; an empty one otherwise, with a finding."""
    document = guarded_json(body, findings)
    if isinstance(document, dict):
        return document
    if document is not None:
        findings.add(FindingCode.WRONG_SHAPE, "a JSON object belongs at the top, and there is something else")
    return {}


class _Guards:
    """The hooks of the decoder."""

    def __init__(self, findings: FindingList) -> None:
        self.findings = findings

    def group(self, pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
        values = dict(pairs)
        if len(values) == len(pairs):
            return values
        met: dict[str, object] = {}
        for key, value in pairs:
            if key in met and met[key] != value:
                values.pop(key, None)
            met.setdefault(key, value)
        self.findings.add(
            FindingCode.KEY_REPEATED, "a key is given more than once; where its values differ none was taken"
        )
        return values

    def whole_number(self, digits: str) -> int | None:
        if len(digits.lstrip("-")) <= WHOLE_NUMBER_DIGITS:
            return int(digits)
        self.findings.add(FindingCode.NUMBER_TOO_LONG, f"a whole number of {len(digits)} digits was left out")
        return None

    def fraction(self, digits: str) -> float | None:
        figure = float(digits)
        if abs(figure) != float("inf"):
            return figure
        self.findings.add(FindingCode.NUMBER_NOT_FINITE, "a number too large to hold was left out")
        return None

    def constant(self, word: str) -> None:
        self.findings.add(FindingCode.NUMBER_NOT_FINITE, f"{word} stands where a number belongs; left out")


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return False
    brackets = _NOT_BRACKETS.sub("", _STRING.sub("", text))
    # Each round takes away the innermost pairs, so honest nesting is gone after as many rounds as levels.
    for _ in range(DEPTH_LIMIT):
        fewer = brackets.replace("[]", "").replace("{}", "")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return _NESTED.search(brackets) is not None
