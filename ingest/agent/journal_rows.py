"""The journal's tables and the values read from them. Only journal.py, kept.py and account.py ask it anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingest.agent import clock
from ingest.agent.digests import Digests
from ingest.agent.protocol import FileState, SignedStatement
from ingest.agent.sighting import Identity, Sighting

NO_LONGER_KNOWN = "The server no longer knows the receipt for it, so that it counts as never taken in."
LET_GO = "It was {how} against a receipt that the server no longer knows: its bytes may be in the store alone."

JOURNAL_FILE = "journal.sqlite3"
VERSION = 3
LOST = """
CREATE INDEX receipts_by_round ON receipts (upheld_in);
CREATE TABLE lost_receipts (
    receipt_id TEXT PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES files, recording_id TEXT NOT NULL,
    body BLOB NOT NULL, signature BLOB NOT NULL, key_id TEXT NOT NULL, kept_at TEXT NOT NULL, let_go TEXT,
    noticed_at TEXT NOT NULL, told_at TEXT);
"""
SCHEMA = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, root BLOB NOT NULL, deep INTEGER NOT NULL, label TEXT NOT NULL,
    bay TEXT NOT NULL, kind TEXT NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL, opened_at TEXT NOT NULL,
    clock_offset_ms INTEGER, clock_round_trip_ms INTEGER, closed_at TEXT, closed_because TEXT, close_told_at TEXT);
CREATE TABLE listings (
    session_id TEXT NOT NULL REFERENCES sessions, name BLOB NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, refused TEXT, listed_at TEXT NOT NULL, gone_at TEXT,
    PRIMARY KEY (session_id, name)) WITHOUT ROWID;
CREATE TABLE files (
    id INTEGER PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions, label TEXT NOT NULL, name BLOB NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT, claimed_at TEXT NOT NULL, arrival_id TEXT,
    sha256 TEXT, sha512 TEXT, tree TEXT,
    UNIQUE (label, name, size, mtime_ns));
CREATE INDEX files_by_session ON files (session_id);
CREATE TABLE parts (
    file_id INTEGER NOT NULL REFERENCES files, arrival_id TEXT NOT NULL, number INTEGER NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, etag TEXT NOT NULL,
    PRIMARY KEY (file_id, arrival_id, number)) WITHOUT ROWID;
CREATE TABLE withdrawals (arrival_id TEXT PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE receipts (
    file_id INTEGER PRIMARY KEY REFERENCES files, receipt_id TEXT NOT NULL, recording_id TEXT NOT NULL,
    body BLOB NOT NULL, signature BLOB NOT NULL, key_id TEXT NOT NULL, kept_at TEXT NOT NULL,
    upheld_in INTEGER NOT NULL DEFAULT 0);
CREATE TABLE releases (
    file_id INTEGER PRIMARY KEY REFERENCES files, action TEXT NOT NULL, intended_at TEXT NOT NULL,
    done_at TEXT, told_at TEXT);
CREATE TABLE proofs (
    file_id INTEGER PRIMARY KEY REFERENCES files, leaf BLOB NOT NULL, proof BLOB NOT NULL, kept_at TEXT NOT NULL);
CREATE TABLE incidents (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, session_id TEXT, name BLOB, reason TEXT NOT NULL,
    opened_at TEXT NOT NULL, closed_at TEXT, closed_because TEXT);
"""
SCHEMA += LOST

# What a journal of an earlier version lacks, by that version.
CHANGES = {
    1: """
CREATE TABLE proofs (
    file_id INTEGER PRIMARY KEY REFERENCES files, leaf BLOB NOT NULL, proof BLOB NOT NULL, kept_at TEXT NOT NULL);
""",
    2: "ALTER TABLE receipts ADD COLUMN upheld_in INTEGER NOT NULL DEFAULT 0;" + LOST,
}

KEEP_RECEIPT = (
    "INSERT OR REPLACE INTO receipts (file_id,receipt_id,recording_id,body,signature,key_id,kept_at)"
    " VALUES (?,?,?,?,?,?,?)"
)

SETTLE_INCIDENTS = """
UPDATE incidents SET closed_at=?, closed_because='the file has its receipt since' FROM files f
WHERE f.id=? AND incidents.closed_at IS NULL AND incidents.name=f.name
AND incidents.session_id IN (SELECT id FROM sessions WHERE label=f.label)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One docking session: a device in a place, from when it was seen until it was taken away."""

    id: str
    root: bytes
    deep: bool
    label: str
    bay: str
    kind: str
    dev: int
    ino: int
    opened_at: str
    clock_offset_ms: int | None = None
    clock_round_trip_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One state of one file that was, or is to be, read; `digests` and `arrival_id` as far as the work has come."""

    id: int
    session_id: str
    label: str
    name: bytes
    identity: Identity
    state: FileState
    arrival_id: str | None
    digests: Digests | None


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part the store has acknowledged."""

    number: int
    size: int
    sha256: str
    etag: str


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A verified receipt with the two facts that are looked up most."""

    receipt_id: str
    recording_id: str
    signed: SignedStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """A kept receipt that nothing shows to be in the log yet."""

    file_id: int
    arrival_id: str
    session_id: str
    name: bytes
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LostReceipt:
    """A kept receipt that the server no longer knows; `let_go` says how its source went, where it did."""

    receipt_id: str
    session_id: str
    label: str
    name: bytes
    let_go: str | None
    signed: SignedStatement


FILE_ROWS = (
    "SELECT id,session_id,label,name,size,mtime_ns,dev,ino,ctime_ns,state,arrival_id,sha256,sha512,tree FROM files"
)


def file_row(row: tuple[Any, ...]) -> FileRow:
    """One row of FILE_ROWS as a value."""
    file_id, session_id, label, name, size, mtime_ns, dev, ino, ctime_ns, state, arrival_id, sha256, sha512, tree = row
    return FileRow(
        id=file_id,
        session_id=session_id,
        label=label,
        name=name,
        identity=Identity(size, mtime_ns, dev, ino, ctime_ns),
        state=FileState(state),
        arrival_id=arrival_id,
        digests=Digests(size, sha256, sha512, tree) if sha256 else None,
    )


UNRECEIPTED = """
SELECT l.name, l.size, l.mtime_ns, f.dev, f.ino, f.ctime_ns FROM listings l JOIN sessions s ON s.id = l.session_id
LEFT JOIN files f ON f.label = s.label AND f.name = l.name AND f.size = l.size AND f.mtime_ns = l.mtime_ns
LEFT JOIN receipts r ON r.file_id = f.id
WHERE l.session_id = ? AND l.refused IS NULL AND r.file_id IS NULL
"""


def unreceipted(rows: Iterable[tuple[Any, ...]]) -> list[Sighting]:
    """The rows of UNRECEIPTED; a file that was never claimed has no numbers of device and inode."""
    return [
        Sighting(name, Identity(size, mtime_ns, dev or 0, ino or 0, ctime_ns or 0))
        for name, size, mtime_ns, dev, ino, ctime_ns in rows
    ]


def list_sightings(db: sqlite3.Connection, session_id: str, sightings: Iterable[Sighting]) -> None:
    """Write sightings into a session's listing, within the caller's transaction."""
    moment = clock.now_as_text()
    db.executemany(
        "INSERT INTO listings VALUES (?,?,?,?,?,?,NULL) ON CONFLICT DO UPDATE SET"
        " size=excluded.size, mtime_ns=excluded.mtime_ns, refused=excluded.refused, gone_at=NULL",
        [(session_id, one.name, one.identity.size, one.identity.mtime_ns, one.refused, moment) for one in sightings],
    )
