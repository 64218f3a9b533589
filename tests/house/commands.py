"""Whether a command line that a document or a container names is one that there is."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Sequence

import typer
import typer.exceptions

from api.cli import app
from ingest.agent.__main__ import _parser

NAMES_US = re.compile(r"(^|[\s/])continuity(-agent)? [a-z-]")


def fault_in(words: Sequence[str]) -> str | None:
    """What is wrong with `continuity …` or `continuity-agent …`; None where it would be understood."""
    program, *rest = words
    if program.endswith("continuity-agent") or rest[:1] == ["agent"]:
        return fault_of_agent(rest[1:] if rest[:1] == ["agent"] else rest)
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name, *rest = rest
        found = command.commands.get(name)
        if found is None:
            return f"there is no command {name}"
        command = found
    if hasattr(command, "commands"):
        return None if rest == ["--help"] else "no command is named"
    try:
        command.make_context("continuity", list(rest))
    except typer.Exit:
        pass  # --help was asked for, and given
    except typer.exceptions.TyperException as refused:
        return str(refused)
    return None


def fault_of_agent(words: Sequence[str]) -> str | None:
    """The same for the agent's own command line."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            _parser().parse_args(list(words))
        except SystemExit as ended:
            return said.getvalue() if ended.code else None
    return None


def in_lines(text: str) -> list[list[str]]:
    """The command lines of ours in a block of shell."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if not NAMES_US.search(line):
            continue
        words = shlex.split(line, comments=True)
        for number, word in enumerate(words):
            if word.rpartition("/")[2] in {"continuity", "continuity-agent"}:
                found.append(words[number:])
                break
    return found
