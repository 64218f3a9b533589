"""What the agent is doing, for people: written to a small file each second, read back by `status`.

Whoever reads it needs no lock and no running agent: the file says when it was written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ingest.agent import clock
from ingest.agent.agent import Agent
from ingest.agent.identity import write_whole
from ingest.agent.names import as_text
from ingest.agent.protocol import FileState
from ingest.agent.tracking import UNDER_WAY, Device, counts

STATUS_FILE = "status.json"
EVERY = 1.0  # seconds between writings
MOST_NAMED = 50  # files named with their reason, for each device
TO_NAME = UNDER_WAY | {FileState.WAITING, FileState.SETTLING, FileState.CHECKING, FileState.REFUSED, FileState.GONE}


class StatusFile:
    """Writes the state of the agent, at most once a second."""

    def __init__(self, state: Path) -> None:
        self._path, self._next = state / STATUS_FILE, 0.0

    def write(self, agent: Agent, faults: dict[str, str]) -> None:
        """Write it if it is time. A full disk does not stop the agent here: the journal will say so."""
        now = clock.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        try:
            write_whole(self._path, json.dumps(picture(agent, faults), indent=1).encode() + b"\n")
        except OSError as error:
            agent.reason = agent.reason or f"{self._path} cannot be written: {error.strerror}."


def picture(agent: Agent, faults: dict[str, str]) -> dict[str, Any]:
    """The state of the agent as plain values."""
    return {
        "written_at": clock.now_as_text(),
        "pid": os.getpid(),
        "agent_id": agent.identity.agent_id,
        "name": agent.identity.name,
        "server": agent.identity.server,
        "reason": agent.reason,
        "away": agent.reach.away,
        "away_since": agent.reach.away_since,
        "last_contact": agent.reach.last_contact,
        "faults": sorted([*faults.values(), *agent.reception.faults.values()]),
        "peak_memory_bytes": peak_memory(),
        "devices": [_device(device) for device in agent.devices],
    }


def _device(device: Device) -> dict[str, Any]:
    named = [file for file in device.files.values() if file.state in TO_NAME]
    return {
        "session": device.session.id,
        "bay": device.place.bay,
        "device": device.place.label,
        "kind": device.place.kind.value,
        "docked_at": device.session.opened_at,
        "clock_offset_ms": device.session.clock_offset_ms,
        "reason": device.reason,
        "files": counts(device.files.values()),
        "bytes": sum(file.identity.size for file in device.files.values()),
        "bytes_sent": sum(file.bytes_sent for file in device.files.values()),
        "named": [
            {
                "name": as_text(file.name),
                "state": file.state.value,
                "size": file.identity.size,
                "bytes_sent": file.bytes_sent,
                "reason": file.reason,
            }
            for file in named[:MOST_NAMED]
        ],
        "not_named": max(0, len(named) - MOST_NAMED),
    }


def peak_memory() -> int | None:
    """The most memory this process has held, in bytes, where the system says.

    Linux is asked in /proc: what getrusage says there is at least what the parent held when it started us.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return found[0] if found else None


def read(state: Path) -> dict[str, Any] | None:
    """The last written state, or None where there is none."""
    try:
        found = json.loads((state / STATUS_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
