"""Status and reconciliation, as values for JSON and as lines for people. Pure but for reading the status file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingest.agent import clock, status
from ingest.agent.account import Account

STALE = 15.0  # seconds after which a status file no longer speaks of a running agent


def standing(state: Path, account: Account) -> dict[str, Any]:
    """What the agent does, as far as its status file and journal say."""
    written = status.read(state)
    age = (clock.now() - clock.from_text(written["written_at"])).total_seconds() if written else None
    return {
        "running": age is not None and age <= STALE,
        "agent": written,
        "receipted": account.receipted,
        "waiting": [gap.as_json() for gap in account.gaps],
        "incidents": list(account.incidents),
    }


def standing_in_words(said: dict[str, Any]) -> str:
    """The same for people."""
    agent = said["agent"] or {}
    lines = ["The agent runs." if said["running"] else "The agent does not run (or has not for a while)."]
    lines += [f"  {words}" for words in (agent.get("reason"), agent.get("away"), *agent.get("faults", [])) if words]
    for device in agent.get("devices", []):
        files = ", ".join(f"{number} {state}" for state, number in sorted(device["files"].items())) or "no files"
        lines.append(f"{device['bay']}: {device['device']}: {files}")
        lines += [f"  {file['name']}: {file['state']}: {file['reason'] or ''}".rstrip() for file in device["named"]]
    lines.append(f"{said['receipted']} files have their receipts, {len(said['waiting'])} listed files have none.")
    lines += [f"Incident: {one['kind']}: {one['name'] or ''} {one['reason']}" for one in said["incidents"]]
    return "\n".join(lines) + "\n"


def reconciliation(account: Account) -> dict[str, Any]:
    """Listed against receipted."""
    return {
        "listed": account.listed,
        "receipted": account.receipted,
        "gaps": [gap.as_json() for gap in account.gaps],
        "incidents": list(account.incidents),
    }


def reconciliation_in_words(said: dict[str, Any]) -> str:
    """The same for people."""
    if not said["listed"]:
        return "No device has been listed here: there is nothing to compare.\n"
    lines = [f"{gap['device']}: {gap['name']}: {gap['state']}: {gap['reason']}" for gap in said["gaps"]]
    lines.append(f"{said['listed']} files were listed; {len(said['gaps'])} of them have no receipt.")
    return "\n".join(lines) + "\n"
