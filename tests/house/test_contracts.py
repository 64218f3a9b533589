"""The import contracts: kept by the code, and each one caught when it is broken on purpose."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house import tree

# Where a breach is planted for each contract: a module of the rooms, and the line that is added to it.
BREACHES = {
    "rooms": ("evidence/clock.py", "import ingest.errors"),
    "acyclic": ("ingest/stated.py", "import ingest.names"),
    "evidence-floors": ("evidence/left_over.py", '"""A module that nobody placed on a floor."""'),
    "ingest-floors": ("ingest/receipt.py", "import ingest.intake"),
    "transcode-floors": ("transcode/leftover.py", '"""A module that nobody placed on a floor."""'),
    "api-floors": ("api/passwords.py", "import api.accounts"),
    "agent-apart": ("ingest/agent/clock.py", "import pydantic"),
    "deciders": ("evidence/vocabulary.py", "import os"),
    "deciders-handed-facts": ("ingest/agent/settle.py", "import time"),
    "access-looks-nothing-up": ("evidence/access.py", "import evidence.models"),
    "door-s3": ("ingest/offer.py", "import boto3"),
    "door-process": ("ingest/receipt.py", "import subprocess"),
    "door-http": ("transcode/plan.py", "import starlette.requests"),
    "door-jobs": ("evidence/incidents.py", "import procrastinate"),
    "media-behind-the-wall": ("transcode/probe.py", "import av"),
    "child-alone": ("transcode/inside/guards.py", "import evidence.clock"),
    "custody-rows": ("evidence/register.py", "import evidence.custody.rows"),
}
AGENT_MAY_IMPORT = {"watchdog", "urllib3", "cryptography", "ingest", "_typeshed"}  # the last for type checkers only


def contracts() -> dict[str, str]:
    """The contracts of pyproject.toml: id and name."""
    settings = tomllib.loads((tree.ROOT / "pyproject.toml").read_text("utf-8"))
    return {each["id"]: each["name"] for each in settings["tool"]["importlinter"]["contracts"]}


def lint(folder: Path) -> tuple[int, str]:
    """Run the linter on a copy of the house; its exit code and its words in one line."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    wide = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=wide, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five rooms and the contracts, to be spoilt at will."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(tree.ROOT / "pyproject.toml", folder)
    for path in tree.modules():
        target = folder / path.relative_to(tree.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


def test_every_contract_has_a_breach_to_be_tried_with() -> None:
    assert set(BREACHES) == set(contracts())


def test_the_house_keeps_its_contracts_and_every_planted_breach_is_caught(copied: Path) -> None:
    code, said = lint(copied)
    assert code == 0, said
    for place, line in BREACHES.values():
        path = copied / place
        before = path.read_text("utf-8") if path.exists() else ""
        path.write_text(before + f"\n{line}\n", "utf-8")
    code, said = lint(copied)
    assert code == 1
    missed = [name for name in contracts().values() if f"{' '.join(name.split())} BROKEN" not in said]
    assert missed == []


def test_the_agent_imports_three_packages_and_the_standard_library() -> None:
    found = {
        package
        for path in tree.modules()
        if path.is_relative_to(tree.ROOT / "ingest" / "agent")
        for package in imported(path)
    }
    assert found - sys.stdlib_module_names - AGENT_MAY_IMPORT == set()


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports; of ours, only what lies outside the agent is named in full."""
    found = set()
    for node in ast.walk(tree.parsed(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        found |= {name if name.startswith("ingest") else name.partition(".")[0] for name in names}
    return {"ingest" if name == "ingest" or name.startswith("ingest.agent") else name for name in found}
