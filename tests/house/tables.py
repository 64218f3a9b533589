"""The tables in docs/ that are made from the code: `make docs` writes them, a test sees that they are current."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable

from evidence.custody.events import SAYS, EventType
from tests.house import settings, tree
from tests.house.settings import Setting

DOCS = tree.ROOT / "docs"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def variables(found: Iterable[Setting]) -> str:
    """Settings as a table."""
    rows = ((f"`{each.variable}`", each.default + (" (secret)" if each.secret else ""), each.meaning) for each in found)
    return table(("Variable", "Default", "Meaning"), rows)


def configuration() -> str:
    """Every setting, by who reads it."""
    parts = [f"### {room}\n\n{variables(settings.of(kind))}" for room, kind in settings.CLASSES.items()]
    parts.append(f"### The agent\n\n{variables(settings.of_the_agent())}")
    beside = table(("Variable", "Meaning"), ((f"`{name}`", words) for name, words in settings.BESIDE.items()))
    return "\n\n".join([*parts, f"### Beside the rooms\n\n{beside}"])


def events() -> str:
    """Every event of the custody log, with its sentence and its operation under DPA 2018 s.62."""
    rows = ((f"`{kind}`", SAYS[kind][0], SAYS[kind][1].value) for kind in EventType)
    return table(("Event", "What a person reads", "s.62 operation"), rows)


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "settings": ("configuration.md", configuration),
    "events": ("custody-log.md", events),
}


def written(name: str, text: str) -> str:
    """The document with the table put between its two marks."""
    _, make = TABLES[name]
    begin, end = f"<!-- made from the code: {name} -->", "<!-- end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no place for the table {name!r}: {begin} … {end}")
    return pattern.sub(lambda _: f"{begin}\n\n{make()}\n\n{end}", text)


def main() -> int:
    """Write every table where it belongs."""
    for name, (document, _) in TABLES.items():
        path = DOCS / document
        path.write_text(written(name, path.read_text("utf-8")), "utf-8")
        sys.stdout.write(f"docs/{document}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
