"""What must not be in the repository: unlocked packages, addresses of package indexes, paths of a machine, binaries."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.house import tree

LOCKED = sorted((tree.ROOT / "requirements").glob("*.txt"))
# Written in pieces, so that this file does not find itself.
INDEXES = [
    "py" + "pi.org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "find-" + "links",
    "extra-" + "index",
]
MACHINES = [r"/ro" + r"ot/\w", r"/ho" + r"me/\w", r"/Us" + r"ers/\w", r"C:\\\\Us" + "ers", r"/wo" + r"rk/\w"]
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".in", ".json", ".js", ".css", ".html", ".service", ".env", ""}


def texts() -> list[Path]:
    """Every text file."""
    return [path for path in tree.files() if path.suffix in TEXT]


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_package_is_locked_by_version_and_hash(path: Path) -> None:
    text = path.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==[\w.!+]+( ; [^-]+)?\s+--hash=sha256:[0-9a-f]{64}", line), line[:80]


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_package_that_is_asked_for_is_locked(path: Path) -> None:
    asked = path.with_suffix(".in").read_text("utf-8")
    names = {normal(line) for line in asked.splitlines() if line.strip() and not line.startswith(("-", "#"))}
    locked = {normal(line) for line in path.read_text("utf-8").splitlines() if re.match(r"[a-z0-9]", line)}
    assert names - locked == set()


def normal(line: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>; ]", line.strip())[0]).lower()


def test_the_project_asks_for_nothing_that_is_not_locked() -> None:
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extra, lock in (("agent", "agent.txt"), ("server", "server.txt")):
        text = (tree.ROOT / "requirements" / lock).read_text("utf-8")
        locked = {normal(line) for line in text.splitlines() if re.match(r"[a-z0-9]", line)}
        asked = {normal(name) for name in [*project["dependencies"], *project["optional-dependencies"][extra]]}
        assert asked - locked == set()


def test_no_file_names_an_index_or_where_a_package_came_from() -> None:
    found = [
        f"{tree.shown(path)}: {name}"
        for path in texts()
        for name in INDEXES
        if name in tree.text(path).replace("_", "-")
    ]
    assert found == []


def test_no_file_names_a_place_on_somebody_s_machine() -> None:
    found = [
        f"{tree.shown(path)}: {match[0]}"
        for path in texts()
        for pattern in MACHINES
        if (match := re.search(rf"(?<![\w./]){pattern}[\w./-]*", tree.text(path)))
    ]
    assert found == []


def test_nothing_is_kept_that_can_be_fetched_or_made() -> None:
    allowed = {".png", ".svg"}
    for path in tree.files():
        assert path.stat().st_size < 700_000, f"{tree.shown(path)} is too large to belong here"
        if path.suffix not in TEXT | allowed:
            assert b"\0" not in path.read_bytes()[:8000], f"{tree.shown(path)} is not text"


def test_every_script_says_what_runs_it_and_may_be_run() -> None:
    for path in tree.files():
        if path.suffix == "" and path.read_bytes()[:2] == b"#!":
            assert path.stat().st_mode & 0o111, f"{tree.shown(path)} cannot be run"
            if b"bash" in path.read_bytes()[:40]:
                assert "set -euo pipefail" in tree.text(path) or path.name == "browser-note", tree.shown(path)
