"""The Makefile's targets run what they are asked to run."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.house import tree

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


def would_run(target: str, args: str) -> list[str]:
    """The words of the pytest command that `make TARGET ARGS=...` would run."""
    said = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target, f"ARGS={args}"],
        cwd=tree.ROOT, check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    (last,) = [line for line in said.stdout.splitlines() if "-m pytest" in line]
    return last.split()


@pytest.mark.parametrize("where", ["tests/unit", "./tests/unit", "tests/house/test_make.py::test_it", "tests"])
def test_a_named_place_is_all_that_is_run(where: str) -> None:
    words = would_run("test", where)
    assert [word for word in words if word.startswith(("tests", "./tests"))] == [where]


@pytest.mark.parametrize("target", ["test", "slow", "faults"])
def test_without_a_place_everything_is_run(target: str) -> None:
    words = would_run(target, "-k custody")
    assert "tests" in words
    assert words[-2:] == ["-k", "custody"]


def test_a_place_replaces_the_target_s_own() -> None:
    assert "tests/journeys" not in would_run("e2e", "tests/journeys/test_wall.py")
