"""Short functions, short files, names that say something, doors with a plate."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

from tests.house import tree

LONGEST_FUNCTION = 60  # lines
LONGEST_FILE = 400  # lines, tests included
# Travels inside every package and is run as it is, on a machine that has nothing of ours: it must be one file, for one
# file is what a stranger can read, hash and run. Its functions are as short as everywhere.
ONE_FILE = {"evidence/package/inside/verify.py", "evidence/package/inside/verify.html"}
NOBODY_CLEANS = {"utils", "util", "common", "helpers", "helper", "misc", "lib", "core", "base", "shared", "tools"}


def is_migration(path: Path) -> bool:
    """A revision lists tables, however many they are; nobody reads it twice."""
    return "versions" in path.parts


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        each.where: each.lines
        for path in tree.python()
        if not is_migration(path)
        for each in tree.functions(path)
        if each.lines > LONGEST_FUNCTION
    }
    assert long == {}


def test_half_of_all_functions_are_shorter_than_ten_lines() -> None:
    lines = [each.lines for path in tree.modules() if not is_migration(path) for each in tree.functions(path)]
    assert statistics.median(lines) < 10


def test_no_file_is_longer_than_can_be_held_in_mind() -> None:
    written = [*tree.python(), *tree.named("*.js"), *tree.named("*.html"), *tree.named("Makefile")]
    long = {
        tree.shown(path): count
        for path in written
        if not is_migration(path) and (count := len(tree.text(path).splitlines())) > LONGEST_FILE
    }
    assert {path: count for path, count in long.items() if path not in ONE_FILE} == {}


def test_nothing_is_named_for_being_left_over() -> None:
    named = {tree.shown(path) for path in tree.python() if {path.stem, *path.parts} & NOBODY_CLEANS}
    assert named == set()


@pytest.mark.parametrize("room", tree.ROOMS)
def test_a_room_says_at_its_door_what_it_does_and_who_may_enter(room: str) -> None:
    said = ast.get_docstring(tree.parsed(tree.ROOT / room / "__init__.py")) or ""
    assert "May import:" in said
    assert "Imported by:" in said


def test_every_module_says_what_it_is_for() -> None:
    silent = [tree.shown(path) for path in tree.python() if tree.text(path).strip() and not door_plate(path)]
    assert silent == []


def door_plate(path: Path) -> str | None:
    """A module's docstring. An empty `__init__.py` below the rooms may stay silent."""
    return ast.get_docstring(tree.parsed(path))


def test_every_public_thing_of_a_room_says_what_it_does() -> None:
    silent = []
    for path in tree.modules():
        if not is_migration(path):
            silent += [f"{tree.shown(path)}:{name}" for name in undocumented(tree.parsed(path))]
    assert silent == []


def undocumented(module: ast.Module) -> list[str]:
    """Public classes and functions at the top of a module without a docstring."""
    return [
        node.name
        for node in module.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]


def test_nothing_is_left_to_be_done_some_day() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    marked = [
        f"{tree.shown(path)}:{number}"
        for path in tree.files()
        if path.suffix in {".py", ".js", ".css", ".html", ".md", ".yml", ".toml", ".sh"} and path != Path(__file__)
        for number, line in enumerate(tree.text(path).splitlines(), start=1)
        if marks.search(line)
    ]
    assert marked == []
