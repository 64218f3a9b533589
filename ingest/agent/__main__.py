"""The agent's command line: `enrol`, `run`, `status`, `reconcile`.

Exit codes: 0 as asked · 1 something is not as it should be (named on standard error, or listed) · 2 the command or
a setting is not understood or unsafe · 3 not enrolled, or the identity cannot be used · 4 the server no longer lets
this agent in · 5 the state folder is in use or its journal cannot be used · 6 the server cannot be reached.
A service manager should not restart it after 2, 3 or 4: a person has to act.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ingest.agent import logs
from ingest.agent.errors import AgentError
from ingest.agent.settings import Dock, Kind, Release, Settings, from_environment


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give back its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        settings = _settings(asked)
        logs.begin(settings.log_level)
        command: Callable[[argparse.Namespace, Settings], int] = asked.command
        return command(asked, settings)
    except AgentError as error:
        sys.stderr.write(f"{error.reason}\n")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="continuity-agent",
        description="Carries files from cameras and recorders to the server. Also reads CONTINUITY_AGENT_*.",
        epilog=(__doc__ or "").partition("\n\n")[2],
    )
    parser.add_argument("--server", help="address of the server, https://...")
    parser.add_argument("--state", type=Path, help="folder of the agent's own: key, journal, status")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_enrol(commands)
    _add_run(commands)
    for name, command, words in (
        ("status", _status, "what the running agent does, and what waits and why"),
        (
            "reconcile",
            _reconcile,
            "compare what devices listed with what is receipted; exit 1 where anything is missing",
        ),
    ):
        sub = commands.add_parser(name, help=words, description=words)
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(command=command)
    return parser


def _add_enrol(commands: Any) -> None:
    enrol = commands.add_parser("enrol", help="become known to the server with a one-time code")
    enrol.add_argument("--server", default=argparse.SUPPRESS, help="address of the server, https://...")
    enrol.add_argument("--code", required=True, help="the code an administrator made for this agent")
    enrol.add_argument("--name", required=True, help="how people call this dock")
    enrol.add_argument("--kind", type=Kind, choices=list(Kind), default=Kind.DOCK, help="dock, suite or workstation")
    enrol.set_defaults(command=_enrol)


def _add_run(commands: Any) -> None:
    run = commands.add_parser("run", help="watch the dock folders until stopped")
    run.add_argument("--dock", type=Path, action="append", default=[], help="folder whose subfolders are cameras")
    run.add_argument("--suite", type=Path, action="append", default=[], help="folder of an interview suite: goes first")
    run.add_argument("--release", type=Release, choices=list(Release), help="what becomes of receipted sources")
    run.set_defaults(command=_run)


def _settings(asked: argparse.Namespace) -> Settings:
    given: dict[str, Any] = {}
    for name in ("server", "state", "release"):
        if getattr(asked, name, None) is not None:
            given[name] = getattr(asked, name)
    docks = [Dock(folder, Kind.DOCK) for folder in getattr(asked, "dock", [])]
    docks += [Dock(folder, Kind.SUITE) for folder in getattr(asked, "suite", [])]
    if docks:
        given["docks"] = tuple(docks)
    return from_environment(os.environ, **given)


def _enrol(asked: argparse.Namespace, settings: Settings) -> int:
    from ingest.agent import identity

    me = identity.enrol(settings, code=asked.code, name=asked.name, kind=asked.kind)
    sys.stdout.write(f"Enrolled as {me.name} ({me.agent_id}).\n")
    return 0


def _run(_asked: argparse.Namespace, settings: Settings) -> int:
    from ingest.agent.run import run_agent

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return run_agent(settings, stop)


def _status(asked: argparse.Namespace, settings: Settings) -> int:
    from ingest.agent import account, telling

    said = telling.standing(settings.state, account.account_of(settings.state))
    sys.stdout.write(json.dumps(said) + "\n" if asked.json else telling.standing_in_words(said))
    return 0 if said["running"] else 1


def _reconcile(asked: argparse.Namespace, settings: Settings) -> int:
    from ingest.agent import account, telling

    found = account.account_of(settings.state)
    said = telling.reconciliation(found)
    sys.stdout.write(json.dumps(said) + "\n" if asked.json else telling.reconciliation_in_words(said))
    # Nothing listed is nothing compared: that proves nothing.
    return 0 if found.listed and not found.gaps else 1


if __name__ == "__main__":
    sys.exit(main())
