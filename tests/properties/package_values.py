"""Values in the small files of a package, each put in the place of another, as somebody would who seals it anew."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.support.package_log import canonical

# What a JSON reader may take for something that it is not.
VALUES: tuple[Any, ...] = (
    None, True, 0, 1, -1, 2**53 - 1, "", "package", "x" * 201, "A", "a b", "0" * 64, "A" * 43 + "=", [], [1], {},
    {"a": "b"},
)  # fmt: skip
NAMES = ("*", "?", "size?", "__proto__", "toString", "")
JSON = ("custody/contents.json", "custody/revealed.json", "custody/seen.json", "custody/headmap.json")


def others(value: Any) -> Iterator[Any]:
    """The value with one thing in it, at any depth, put otherwise: changed, left out, doubled, or a member more."""
    yield from (each for each in VALUES if each != value or type(each) is not type(value))
    if isinstance(value, dict):
        yield from ({**value, name: more} for name in NAMES for more in (1, "x", {}))
        for name, member in value.items():
            yield {each: kept for each, kept in value.items() if each != name}
            yield from ({**value, name: changed} for changed in others(member))
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield [*value[:place], *value[place + 1 :]]
            yield [*value[:place], member, *value[place:]]
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in others(member))


def told_otherwise(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """A path, and its file with one value put otherwise; of events, in one leaf after another."""
    for path in JSON:
        for value in others(json.loads(files[path])):
            yield path, canonical(value) + b"\n"
    path = "custody/events.jsonl"
    lines = files[path].splitlines(keepends=True)
    for place, line in enumerate(lines):
        row = json.loads(line)
        for leaf in others(json.loads(base64.b64decode(row["leaf"]))):
            changed = canonical({**row, "leaf": base64.b64encode(canonical(leaf)).decode()}) + b"\n"
            yield path, b"".join([*lines[:place], changed, *lines[place + 1 :]])
