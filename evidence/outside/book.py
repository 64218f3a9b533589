"""What the database holds of those outside: checkpoints to show them, and what they said. Short transactions only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from evidence.custody.rows import Cosignature, LogState, PublishedCheckpoint, TimeStamp
from evidence.database import ReadSession, WriteSession
from evidence.tlog.note import NoteSignature, signature_line


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as the log signed it, and when."""

    size: int
    root: bytes
    note: bytes
    at: datetime


def newest(session: ReadSession) -> Published | None:
    """The newest checkpoint, if there is one over at least one event."""
    query = select(PublishedCheckpoint).where(PublishedCheckpoint.size > 0)
    row = session.scalars(query.order_by(PublishedCheckpoint.size.desc()).limit(1)).one_or_none()
    return _published(row) if row is not None else None


def checkpoint_of(session: ReadSession, size: int) -> Published | None:
    """The checkpoint of this size."""
    row = session.get(PublishedCheckpoint, size)
    return _published(row) if row is not None else None


def oldest_after(session: ReadSession, size: int) -> Published | None:
    """The first checkpoint of more than `size` events."""
    query = select(PublishedCheckpoint).where(PublishedCheckpoint.size > size)
    row = session.scalars(query.order_by(PublishedCheckpoint.size).limit(1)).one_or_none()
    return _published(row) if row is not None else None


def signed_by(session: ReadSession, size: int, key_ids: Collection[bytes]) -> set[bytes]:
    """Which of these keys have cosigned the checkpoint of this size."""
    query = select(Cosignature.key_id).where(Cosignature.size == size, Cosignature.key_id.in_(key_ids))
    return {bytes(each) for each in session.scalars(query)}


def last_signed(session: ReadSession, key_ids: Collection[bytes]) -> tuple[int, datetime] | None:
    """The largest size that one of these keys has cosigned, and when one of them last did."""
    ours = Cosignature.key_id.in_(key_ids)
    size = session.scalar(select(func.max(Cosignature.size)).where(ours))
    at = session.scalar(select(func.max(Cosignature.received_at)).where(ours))
    return (size, at) if size is not None and at is not None else None


def keep_cosignatures(session: WriteSession, size: int, signatures: Collection[NoteSignature]) -> None:
    """Write down cosignatures that were verified."""
    for each in signatures:
        session.add(Cosignature(size=size, key_id=each.key_id, key_name=each.name, line=signature_line(each)))
    session.flush()


def set_witnessed(session: WriteSession, checkpoint: Published) -> None:
    """Say that the witness policy accepts this checkpoint; never steps back."""
    session.execute(
        update(LogState)
        .where(LogState.id == 1, LogState.witnessed_size < checkpoint.size)
        .values(witnessed_size=checkpoint.size, witnessed_root=checkpoint.root)
    )


def stamps_of(session: ReadSession, size: int) -> Mapping[str, TimeStamp]:
    """The time-stamps of the checkpoint of this size, by authority; of several the first, which proves most."""
    query = select(TimeStamp).where(TimeStamp.size == size).order_by(TimeStamp.received_at.desc())
    return {row.authority: row for row in session.scalars(query)}


def last_stamped(session: ReadSession, authority: str) -> TimeStamp | None:
    """The newest time-stamp of one authority."""
    query = select(TimeStamp).where(TimeStamp.authority == authority)
    return session.scalars(query.order_by(TimeStamp.received_at.desc()).limit(1)).one_or_none()


def last_stamped_before(session: ReadSession, size: int) -> int | None:
    """The largest size, at most this one, that has a time-stamp."""
    return session.scalar(select(func.max(TimeStamp.size)).where(TimeStamp.size <= size))


def _published(row: PublishedCheckpoint) -> Published:
    return Published(row.size, bytes(row.root), bytes(row.note), row.published_at)
