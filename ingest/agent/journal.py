"""The agent's journal: what the device said it holds, written down before the first byte is copied.

SQLite with a write-ahead log and synchronous=FULL: what a method here has returned from survives a power cut.
The device's listing is one thing (`listings`, what must be accounted for); the work on its files another (`files`,
one row for each state of a file that was read). Nothing here is ever needed to prove a recording: losing the
journal costs reading and hashing again, never evidence.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.agent import clock
from ingest.agent.digests import Digests
from ingest.agent.errors import JournalAway
from ingest.agent.journal_rows import (
    CHANGES,
    FILE_ROWS,
    JOURNAL_FILE,
    KEEP_RECEIPT,
    SCHEMA,
    SETTLE_INCIDENTS,
    UNRECEIPTED,
    VERSION,
    FileRow,
    KeptReceipt,
    SentPart,
    SessionRow,
    Unproven,
    file_row,
    list_sightings,
    unreceipted,
)
from ingest.agent.log_proofs import LogProof
from ingest.agent.protocol import FileState, SignedStatement
from ingest.agent.sighting import Identity, Sighting


class Journal:
    """The journal of one state folder. Methods may be called from any thread; each is one transaction."""

    def __init__(self, state: Path) -> None:
        self._lock = threading.RLock()
        self.path = state / JOURNAL_FILE
        self.damage: str | None = None
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise JournalAway(f"The journal {self.path} cannot be opened: {error}.") from error
            self._db = self._begin_again(error)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA foreign_keys=ON")
            self._bring_up(db)
        except BaseException:
            db.close()
            raise
        return db

    def _bring_up(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
        elif version in CHANGES:
            for earlier in range(version, VERSION):
                db.executescript(f"BEGIN;{CHANGES[earlier]}PRAGMA user_version={earlier + 1};COMMIT;")
        elif version != VERSION:
            raise JournalAway(f"The journal {self.path} was made by another version of the agent ({version}).")

    def _begin_again(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Set a damaged journal aside, for a person to look at, and start a new one: evidence does not hang on it."""
        moment = clock.now().strftime("%Y%m%dT%H%M%SZ")
        aside = self.path.with_name(f"{JOURNAL_FILE}.damaged-{moment}")
        self.path.replace(aside)
        for ending in ("-wal", "-shm"):
            self.path.with_name(JOURNAL_FILE + ending).unlink(missing_ok=True)
        self.damage = f"The journal was damaged ({error}); it was set aside as {aside.name} and a new one begun."
        db = self._open()
        self._db = db
        self.open_incident("journal-damaged", self.damage)
        return db

    def close(self) -> None:
        """Close the journal; nothing is pending."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction of the journal's. Raises JournalAway."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._abandon()
                raise JournalAway(
                    f"The journal cannot be written ({error}): nothing is copied until it can."
                ) from error

    def _abandon(self) -> None:
        # A COMMIT that failed for want of space leaves the transaction open.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a statement reads. Raises JournalAway."""
        with self._lock:
            try:
                return self._db.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise JournalAway(f"The journal cannot be read ({error}).") from error

    # --- sessions and listings

    def open_session(self, session: SessionRow, listing: Iterable[Sighting]) -> None:
        """Write down a docking session with everything the device says it holds, before anything is read."""
        with self.transaction() as db:
            values = (
                session.id, session.root, session.deep, session.label, session.bay, session.kind,
                session.dev, session.ino, session.opened_at, session.clock_offset_ms, session.clock_round_trip_ms,
            )  # fmt: skip
            db.execute("INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,NULL,NULL,NULL)", values)
            list_sightings(db, session.id, listing)

    def list_more(self, session_id: str, sightings: Iterable[Sighting]) -> None:
        """Add to a session's listing what has appeared or changed since."""
        with self.transaction() as db:
            list_sightings(db, session_id, sightings)

    def unlist(self, session_id: str, names: Iterable[bytes]) -> None:
        """Note that listed files are no longer on the device; what was listed stays listed."""
        with self.transaction() as db:
            moment = clock.now_as_text()
            db.executemany(
                "UPDATE listings SET gone_at=? WHERE session_id=? AND name=? AND gone_at IS NULL",
                [(moment, session_id, name) for name in names],
            )

    def listed_in(self, session_id: str) -> list[Sighting]:
        """What a session listed and has no receipt for, as it was last seen: some of it may be gone since."""
        return unreceipted(self.rows(UNRECEIPTED, session_id))

    def close_session(self, session_id: str, because: str) -> None:
        """Note that a device has gone, and why."""
        with self.transaction() as db:
            db.execute(
                "UPDATE sessions SET closed_at=?, closed_because=? WHERE id=? AND closed_at IS NULL",
                (clock.now_as_text(), because, session_id),
            )

    def open_sessions(self) -> list[SessionRow]:
        """Sessions that were open when the agent last ran."""
        columns = "id,root,deep,label,bay,kind,dev,ino,opened_at,clock_offset_ms,clock_round_trip_ms"
        names = columns.split(",")
        found = self.rows(f"SELECT {columns} FROM sessions WHERE closed_at IS NULL ORDER BY opened_at")  # noqa: S608
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return [SessionRow(**{**row, "deep": bool(row["deep"])}) for row in rows]

    def untold_closings(self) -> list[tuple[str, str]]:
        """Closed sessions the server has not been told of: (session id, why)."""
        return self.rows("SELECT id, closed_because FROM sessions WHERE closed_at NOTNULL AND close_told_at IS NULL")

    def closing_told(self, session_id: str) -> None:
        """Note that the server knows of a closing."""
        with self.transaction() as db:
            db.execute("UPDATE sessions SET close_told_at=? WHERE id=?", (clock.now_as_text(), session_id))

    # --- files

    def claim(self, session_id: str, label: str, sighting: Sighting) -> FileRow:
        """The row for this state of this file, made if it is new; a file seen before brings its work along.

        Digests are kept only where even inode number and time of last change are those that were read: a file that
        merely looks the same is read again.
        """
        seen = sighting.identity
        key = (label, sighting.name, seen.size, seen.mtime_ns)
        with self.transaction() as db:
            db.execute(
                "INSERT INTO files (label,name,size,mtime_ns,session_id,dev,ino,ctime_ns,state,claimed_at)"
                " VALUES (?,?,?,?,?,?,?,?,'waiting',?) ON CONFLICT DO UPDATE SET session_id=excluded.session_id",
                (*key, session_id, seen.dev, seen.ino, seen.ctime_ns, clock.now_as_text()),
            )
            db.execute(
                "UPDATE files SET dev=?, ino=?, ctime_ns=?, sha256=NULL, sha512=NULL, tree=NULL"
                " WHERE label=? AND name=? AND size=? AND mtime_ns=? AND (dev<>? OR ino<>? OR ctime_ns<>?)",
                (seen.dev, seen.ino, seen.ctime_ns, *key, seen.dev, seen.ino, seen.ctime_ns),
            )
            found = db.execute(f"{FILE_ROWS} WHERE label=? AND name=? AND size=? AND mtime_ns=?", key).fetchone()
        return file_row(found)

    def offered(self, file_id: int, arrival_id: str) -> None:
        """Note under which arrival a file is sent; parts of another arrival are of no more use."""
        with self.transaction() as db:
            db.execute("UPDATE files SET arrival_id=?, state='sending', reason=NULL WHERE id=?", (arrival_id, file_id))
            db.execute("DELETE FROM parts WHERE file_id=? AND arrival_id<>?", (file_id, arrival_id))

    def part_sent(self, file_id: int, arrival_id: str, part: SentPart) -> None:
        """Note that the store has a part."""
        with self.transaction() as db:
            values = (file_id, arrival_id, part.number, part.size, part.sha256, part.etag)
            db.execute("INSERT OR REPLACE INTO parts VALUES (?,?,?,?,?,?)", values)

    def parts(self, file_id: int, arrival_id: str) -> dict[int, SentPart]:
        """The parts of one arrival that the store has acknowledged, by number."""
        statement = "SELECT number,size,sha256,etag FROM parts WHERE file_id=? AND arrival_id=?"
        return {row[0]: SentPart(*row) for row in self.rows(statement, file_id, arrival_id)}

    def forget_parts(self, file_id: int, numbers: Sequence[int]) -> None:
        """The store says it does not have these parts after all."""
        with self.transaction() as db:
            db.executemany("DELETE FROM parts WHERE file_id=? AND number=?", [(file_id, one) for one in numbers])

    def sent(self, file_id: int, arrival_id: str, digests: Digests) -> None:
        """Note that all bytes are with the server, and what they are."""
        with self.transaction() as db:
            db.execute(
                "UPDATE files SET arrival_id=?, state='checking', reason=NULL, sha256=?, sha512=?, tree=? WHERE id=?",
                (arrival_id, digests.sha256, digests.sha512, digests.tree, file_id),
            )

    def set_aside(self, file_id: int, state: FileState, reason: str) -> None:
        """Note why a file waits, is gone or was refused."""
        with self.transaction() as db:
            db.execute("UPDATE files SET state=?, reason=? WHERE id=?", (state.value, reason, file_id))

    def withdraw_later(self, file_id: int, reason: str) -> None:
        """Note that an arrival's bytes will not come as announced; the server is still to be told."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO withdrawals SELECT arrival_id, ? FROM files WHERE id=? AND arrival_id NOTNULL"
                " ON CONFLICT DO NOTHING",
                (reason, file_id),
            )
            db.execute("UPDATE files SET arrival_id=NULL, state='waiting', reason=? WHERE id=?", (reason, file_id))

    def withdrawals(self) -> list[tuple[str, str]]:
        """Arrivals to withdraw, with the reason."""
        return self.rows("SELECT arrival_id, reason FROM withdrawals")

    def withdrawn(self, arrival_id: str) -> None:
        """Note that the server knows of a withdrawal."""
        with self.transaction() as db:
            db.execute("DELETE FROM withdrawals WHERE arrival_id=?", (arrival_id,))

    def receipted_in(self, session_id: str) -> dict[bytes, tuple[Identity, Digests, KeptReceipt]]:
        """Files of a session that have their receipts, by name: after a restart they need not be asked about."""
        statement = (
            "SELECT name,size,mtime_ns,dev,ino,ctime_ns,sha256,sha512,tree,receipt_id,recording_id,body,signature,"
            "key_id FROM files JOIN receipts ON file_id=id"
            " WHERE session_id=? AND state='receipted' AND sha256 NOTNULL"
        )
        return {
            row[0]: (
                Identity(*row[1:6]),
                Digests(row[1], *row[6:9]),
                KeptReceipt(row[9], row[10], SignedStatement(*row[11:14])),
            )
            for row in self.rows(statement, session_id)
        }

    def keep_receipts(self, receipts: Iterable[tuple[int, KeptReceipt]]) -> None:
        """Keep verified receipts. Their sources may be let go once each has its proof too."""
        moment = clock.now_as_text()
        with self.transaction() as db:
            for file_id, kept in receipts:
                signed = kept.signed
                values = (kept.receipt_id, kept.recording_id, signed.body, signed.signature, signed.key_id, moment)
                db.execute(KEEP_RECEIPT, (file_id, *values))
                db.execute("UPDATE files SET state='receipted', reason=NULL WHERE id=?", (file_id,))
                db.execute("DELETE FROM parts WHERE file_id=?", (file_id,))
                db.execute(SETTLE_INCIDENTS, (moment, file_id))

    def receipt(self, file_id: int) -> KeptReceipt | None:
        """The kept receipt of a file, if there is one."""
        columns = "SELECT receipt_id,recording_id,body,signature,key_id FROM receipts WHERE file_id=?"
        for receipt_id, recording_id, *signed in self.rows(columns, file_id):
            return KeptReceipt(receipt_id, recording_id, SignedStatement(*signed))
        return None

    def unproven(self, limit: int) -> list[Unproven]:
        """Kept receipts without a proof, the oldest first."""
        statement = (
            "SELECT f.id, f.arrival_id, f.session_id, f.name, r.body FROM receipts r JOIN files f ON f.id = r.file_id"
            " LEFT JOIN proofs p ON p.file_id = r.file_id"
            " WHERE p.file_id IS NULL AND f.arrival_id NOTNULL ORDER BY r.file_id LIMIT ?"
        )
        return [
            Unproven(file_id=row[0], arrival_id=row[1], session_id=row[2], name=row[3], body=row[4])
            for row in self.rows(statement, limit)
        ]

    def keep_proof(self, file_id: int, proof: LogProof) -> None:
        """Keep a verified proof; from here on, and not before, the source may be let go."""
        with self.transaction() as db:
            values = (file_id, proof.leaf, proof.text, clock.now_as_text())
            db.execute("INSERT OR REPLACE INTO proofs VALUES (?,?,?,?)", values)

    def proof(self, file_id: int) -> LogProof | None:
        """The kept proof of a file's receipt, if there is one."""
        for leaf, text in self.rows("SELECT leaf, proof FROM proofs WHERE file_id=?", file_id):
            return LogProof(leaf, text)
        return None

    def is_proven(self, receipt_id: str) -> bool:
        """Whether a receipt has its proof."""
        statement = "SELECT 1 FROM receipts JOIN proofs USING (file_id) WHERE receipt_id=?"
        return bool(list(self.rows(statement, receipt_id)))

    # --- letting go

    def intend_release(self, file_id: int, action: str) -> None:
        """Note that a source is about to be let go: a crash between here and `release_done` is then understood."""
        with self.transaction() as db:
            values = (file_id, action, clock.now_as_text())
            db.execute("INSERT OR REPLACE INTO releases (file_id,action,intended_at) VALUES (?,?,?)", values)

    def release_done(self, file_id: int) -> None:
        """Note that the source is no longer on the device."""
        with self.transaction() as db:
            db.execute("UPDATE releases SET done_at=? WHERE file_id=?", (clock.now_as_text(), file_id))

    def release_dropped(self, file_id: int) -> None:
        """Note that the source was not let go after all."""
        with self.transaction() as db:
            db.execute("DELETE FROM releases WHERE file_id=? AND done_at IS NULL", (file_id,))

    def releases(self, *, done: bool) -> list[tuple[FileRow, str]]:
        """Releases intended but not known to be done, or done but not yet told to the server, with their action."""
        wanted = "done_at NOTNULL AND told_at IS NULL" if done else "done_at IS NULL"
        found = self.rows(f"SELECT file_id, action FROM releases WHERE {wanted} ORDER BY file_id")  # noqa: S608
        return [(self.file(file_id), action) for file_id, action in found]

    def release_told(self, file_id: int) -> None:
        """Note that the server knows of a release."""
        with self.transaction() as db:
            db.execute("UPDATE releases SET told_at=? WHERE file_id=?", (clock.now_as_text(), file_id))

    def file(self, file_id: int) -> FileRow:
        """One file's row."""
        return file_row(self.rows(f"{FILE_ROWS} WHERE id=?", file_id)[0])

    # --- what a person must look at

    def open_incident(
        self, kind: str, reason: str, *, session_id: str | None = None, name: bytes | None = None
    ) -> None:
        """Open an incident; one of the same kind about the same file is not opened twice."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO incidents (kind,session_id,name,reason,opened_at) SELECT ?,?,?,?,?"
                " WHERE NOT EXISTS (SELECT 1 FROM incidents WHERE kind=? AND session_id IS ? AND name IS ?"
                " AND closed_at IS NULL)",
                (kind, session_id, name, reason, clock.now_as_text(), kind, session_id, name),
            )
