"""Letting a source go: only where the policy says so, only against a kept receipt, only if it is still those bytes.

By default nothing on a device is ever deleted or moved. Write order: the receipt is in the journal, then the
intention, then the source goes, then the journal says so, then the server is told.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from ingest.agent.errors import ReceiptRefused, SourceChanged, SourceError, SourceUnreadable
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import FileRow, KeptReceipt
from ingest.agent.names import to_path
from ingest.agent.settings import Release, Settings
from ingest.agent.sighting import Source, look, opened, path_of, unreadable

ACTIONS = {Release.DELETE: "deleted", Release.MOVE: "moved"}


def let_go(root: bytes, row: FileRow, settings: Settings, journal: Journal) -> None:
    """Delete or move one source, as the policy says. Raises ReceiptRefused, SourceError; then it stays where it is."""
    if settings.release is Release.KEEP:
        return
    kept = journal.receipt(row.id)
    _check_receipt(kept, row)
    if journal.proof(row.id) is None:
        raise ReceiptRefused("Nothing shows yet that the receipt is in the custody log: the file is not let go.")
    with opened(root, row.name) as source:
        _check_source(source, row)
        if settings.release is Release.MOVE and settings.released_to is not None and kept is not None:
            _copy_out(source, _target(settings.released_to, kept, row), row)
        _check_source(source, row)
        journal.intend_release(row.id, ACTIONS[settings.release])
    # The handle is closed first: Windows removes no open file.
    try:
        _remove(root, row)
    except SourceError:
        journal.release_dropped(row.id)
        raise
    journal.release_done(row.id)


def _check_receipt(kept: KeptReceipt | None, row: FileRow) -> None:
    said = json.loads(kept.signed.body) if kept is not None else {}
    if row.digests is None or (said.get("sha256"), said.get("size")) != (row.digests.sha256, row.identity.size):
        raise ReceiptRefused("There is no kept receipt for exactly these bytes: the file is not let go.")


def _check_source(source: Source, row: FileRow) -> None:
    """The handle is the very file that was read, unchanged, and nobody writes to it."""
    source.check_is(row.identity)
    if source.has_writer():
        raise SourceChanged("A program has it open for writing: it is not let go.")


def _remove(root: bytes, row: FileRow) -> None:
    seen = look(root, row.name)
    if seen is None or seen.refused or seen.identity != row.identity:
        raise SourceChanged("Another file is in its place: it is not let go.")
    path = path_of(root, row.name)
    try:
        os.unlink(path)  # noqa: PTH108 - Path cannot hold raw bytes
        _make_durable(os.path.dirname(path))  # noqa: PTH120
    except OSError as error:
        raise unreadable(error) from error


def _target(folder: Path, kept: KeptReceipt, row: FileRow) -> bytes:
    """Below the number of its receipt, under its own name: never over another file."""
    return os.path.join(os.fsencode(folder), kept.receipt_id.encode(), to_path(row.name))  # noqa: PTH118


def _copy_out(source: Source, target: bytes, row: FileRow) -> None:
    """A copy, made durable and compared with the receipt's digest before the source goes."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        found = _copy(source, target)
        shutil.copystat(path_of(source.root, source.name), target, follow_symlinks=False)
        _make_durable(os.path.dirname(target))  # noqa: PTH120
    except OSError as error:
        raise SourceUnreadable(f"It cannot be moved: {error.strerror or error}. It stays where it is.") from error
    if row.digests is None or found != row.digests.sha256:
        raise SourceChanged("The bytes read for moving are not those of the receipt: it stays where it is.")


def _copy(source: Source, target: bytes) -> str:
    seen = hashlib.sha256()
    os.lseek(source.handle, 0, os.SEEK_SET)
    with open(target, "wb") as copy:
        while chunk := os.read(source.handle, 1 << 20):
            seen.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return seen.hexdigest()


def _make_durable(folder: bytes) -> None:
    """Make a folder's new state survive a power cut, where the system knows how."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def recover(journal: Journal, root_of: dict[str, bytes]) -> None:
    """After a crash: an intended release happened or did not; the device, where it is there, says which."""
    for row, _ in journal.releases(done=False):
        root = root_of.get(row.session_id)
        if root is None:
            continue
        if look(root, row.name) is None:
            journal.release_done(row.id)
        else:
            journal.release_dropped(row.id)
