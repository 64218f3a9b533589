"""Who vouches for a checkpoint of the log: the log's own keys, witnesses, time-stamp authorities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from evidence.custody.log_keys import keys_at
from evidence.custody.rows import Cosignature, PublishedCheckpoint, TimeStamp
from evidence.database import ReadSession
from evidence.errors import NotFound
from evidence.tlog.errors import TlogError
from evidence.tlog.note import parse_note, parse_signatures

TIME = 8  # bytes of POSIX time before a cosignature


@dataclass(frozen=True, slots=True)
class Voucher:
    """Somebody outside, and when they saw the log at which size. Both are what they say of themselves."""

    name: str
    at: datetime
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A published checkpoint and everybody who vouches for it."""

    origin: str
    size: int
    root: bytes
    published_at: datetime
    signed_by: tuple[str, ...]
    witnesses: tuple[Voucher, ...]
    stamps: tuple[Voucher, ...]


@dataclass(frozen=True, slots=True)
class StampedNote:
    """A time-stamp as it was received, and the size of the log that it speaks of."""

    authority: str
    size: int
    query: bytes
    token: bytes
    at: datetime


def vouched(session: ReadSession, size: int) -> Vouched:
    """Who vouches for the checkpoint of this size. A later time-stamp counts: it speaks of all before it.

    Raises NotFound where there is no such checkpoint.
    """
    row = session.get(PublishedCheckpoint, size)
    if row is None:
        raise NotFound(f"a checkpoint over {size} events")
    note = parse_note(row.note)
    first: dict[str, Voucher] = {}
    in_order = select(TimeStamp).where(TimeStamp.size >= size).order_by(TimeStamp.size, TimeStamp.received_at)
    for stamp in session.scalars(in_order):
        first.setdefault(stamp.authority, Voucher(stamp.authority, stamp.gen_time, stamp.size))
    return Vouched(
        origin=str(session.info["log_origin"]),
        size=size,
        root=row.root,
        published_at=row.published_at,
        signed_by=tuple(f"{each.name} {each.key_id.hex()}" for each in note.signatures),
        witnesses=_witnesses(session, size),
        stamps=tuple(first.values()),
    )


def stamps_over(session: ReadSession, size: int) -> list[StampedNote]:
    """The time-stamps over the checkpoint of exactly this size, the newest of each authority."""
    rows = session.scalars(select(TimeStamp).where(TimeStamp.size == size).order_by(TimeStamp.received_at))
    newest = {row.authority: StampedNote(row.authority, size, row.query, row.token, row.gen_time) for row in rows}
    return list(newest.values())


def log_vkeys(session: ReadSession, *, size: int) -> list[str]:
    """The public keys that count for a checkpoint of this size, as a policy names them."""
    return [key.text() for key in keys_at(session, size)]


def _witnesses(session: ReadSession, size: int) -> tuple[Voucher, ...]:
    first: dict[str, Voucher] = {}
    rows = session.scalars(select(Cosignature).where(Cosignature.size == size).order_by(Cosignature.received_at))
    for row in rows:
        first.setdefault(row.key_name, Voucher(row.key_name, _time_in(row.line) or row.received_at, size))
    return tuple(first.values())


def _time_in(line: bytes) -> datetime | None:
    """When a witness says that it signed; None where the line says no time that can be."""
    try:
        [signature] = parse_signatures(line)
        return datetime.fromtimestamp(int.from_bytes(signature.blob[:TIME], "big"), UTC)
    except (TlogError, ValueError, OverflowError, OSError):
        return None
