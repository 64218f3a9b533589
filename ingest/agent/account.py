"""What the journal says, without disturbing the agent that writes it: counts, gaps, open incidents.

A gap is a file that the device listed and that has no kept receipt for the state in which it was last listed.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.agent.errors import JournalAway
from ingest.agent.journal_rows import JOURNAL_FILE
from ingest.agent.names import as_text

GAPS = """
SELECT s.label, s.bay, s.closed_at IS NULL, l.name, l.size, l.refused, l.gone_at NOTNULL, f.state, f.reason
FROM listings l JOIN sessions s ON s.id = l.session_id
LEFT JOIN files f ON f.label = s.label AND f.name = l.name AND f.size = l.size AND f.mtime_ns = l.mtime_ns
LEFT JOIN receipts r ON r.file_id = f.id
WHERE r.file_id IS NULL AND (s.closed_at IS NULL OR NOT EXISTS (
    SELECT 1 FROM listings l2 JOIN sessions s2 ON s2.id = l2.session_id
    WHERE s2.label = s.label AND l2.name = l.name AND s2.opened_at > s.opened_at))
ORDER BY s.opened_at, l.name
"""

IN_WORDS = {"sending": "It is being sent.", "checking": "The server has it and is checking it."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A listed file without a receipt, and why, as far as the journal knows."""

    device: str
    bay: str
    docked: bool
    name: bytes
    size: int
    state: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        """For printing."""
        return {
            "device": self.device,
            "bay": self.bay,
            "docked": self.docked,
            "name": as_text(self.name),
            "size": self.size,
            "state": self.state,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What was listed, what of it is receipted, what is missing, and what a person should look at."""

    listed: int
    receipted: int
    gaps: tuple[Gap, ...]
    incidents: tuple[dict[str, Any], ...]


def account_of(state: Path) -> Account:
    """Read the journal of a state folder. Raises JournalAway where there is none or it cannot be read."""
    path = state / JOURNAL_FILE
    if not path.exists():
        raise JournalAway(f"There is no journal in {state}: no agent has run with this folder.")
    try:
        with closing(sqlite3.connect(path, timeout=10)) as db:
            db.execute("PRAGMA query_only=ON")
            return _read(db)
    except sqlite3.Error as error:
        raise JournalAway(f"The journal {path} cannot be read: {error}.") from error


def _read(db: sqlite3.Connection) -> Account:
    gaps = tuple(_gap(row) for row in db.execute(GAPS))
    columns = ("kind", "name", "reason", "opened_at")
    incidents = db.execute(f"SELECT {','.join(columns)} FROM incidents WHERE closed_at IS NULL ORDER BY id")  # noqa: S608
    return Account(
        listed=db.execute("SELECT count(*) FROM listings").fetchone()[0],
        receipted=db.execute("SELECT count(*) FROM receipts").fetchone()[0],
        gaps=gaps,
        incidents=tuple(_incident(dict(zip(columns, row, strict=True))) for row in incidents),
    )


def _gap(row: tuple[Any, ...]) -> Gap:
    label, bay, docked, name, size, refused, gone, state, reason = row
    if refused:
        state, reason = "refused", refused
    elif gone:
        state, reason = "gone", reason or "It was taken off the device before it was taken in."
    return Gap(
        device=label,
        bay=bay,
        docked=bool(docked),
        name=name,
        size=size,
        state=state or "listed",
        reason=reason or IN_WORDS.get(state, "It has not been its turn yet."),
    )


def _incident(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "name": as_text(row["name"]) if row["name"] is not None else None}
