"""What the repository holds, as the house tests see it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "evidence", "ingest", "retention", "transcode")
# What is never looked at: made by tools, or not ours.
BESIDE = {
    ".git", ".venv", "node_modules", "build", "dist", "data", "vendor", "__pycache__", ".mypy_cache", ".ruff_cache",
    ".pytest_cache", ".hypothesis", ".import_linter_cache",
}  # fmt: skip


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or would be, in version control; where git is missing, every file that is not beside it."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        named = {ROOT / name for name in listing.stdout.decode().split("\0") if name}
        return tuple(sorted(path for path in named if path.is_file()))
    return tuple(sorted(path for path in ROOT.rglob("*") if path.is_file() and not BESIDE & set(path.parts)))


def named(pattern: str) -> list[Path]:
    """The files whose path from the root matches."""
    return [path for path in files() if path.relative_to(ROOT).match(pattern)]


def shown(path: Path) -> str:
    """A path as a finding names it."""
    return path.relative_to(ROOT).as_posix()


def modules() -> list[Path]:
    """Our Python, tests left out."""
    return [path for path in named("*.py") if path.relative_to(ROOT).parts[0] in ROOMS]


def python() -> list[Path]:
    """All Python, tests too."""
    return named("*.py")


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


@dataclass(frozen=True)
class Function:
    """One function and how many lines it takes, decorators not counted."""

    where: str
    lines: int


def functions(path: Path) -> Iterator[Function]:
    """The functions of one file."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            yield Function(f"{shown(path)}:{node.name}", lines)


def text(path: Path) -> str:
    """A text file's words; bytes that are no text are shown as such."""
    return path.read_text("utf-8", "backslashreplace")
