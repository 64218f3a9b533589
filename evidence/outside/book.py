"""What the database holds of those outside: checkpoints to show them, and what they said. Short transactions only.

Whoever holds the service's password can add rows to these tables. A signature or token counts where it verifies over a
checkpoint that was published, and its time is the one that it states itself: the columns beside it are nobody's word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, select, update

from evidence import clock
from evidence.custody.rows import Cosignature, LogState, PublishedCheckpoint, TimeStamp
from evidence.database import ReadSession, WriteSession
from evidence.outside.strays import MOST_AHEAD
from evidence.outside.tokens import Chain, Stamped, kept
from evidence.tlog.keys import VerifierKey
from evidence.tlog.note import NoteSignature, line_by, signature_line

MOST_LOOKED_AT = 1000  # rows gone through for a good one; where more are bad, none is known: all is asked for again
AT_ONCE = 20  # rows fetched at a time: nearly always the first is good
PUBLISHED = select(LogState.published_size).where(LogState.id == 1).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as the log signed it, and when."""

    size: int
    root: bytes
    note: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """How far somebody outside has certainly come: the largest size, and when, as they said themselves."""

    size: int
    at: datetime


def newest(session: ReadSession) -> Published | None:
    """The newest checkpoint, if there is one over at least one event."""
    query = select(PublishedCheckpoint).where(PublishedCheckpoint.size > 0, PublishedCheckpoint.size <= PUBLISHED)
    row = session.scalars(query.order_by(PublishedCheckpoint.size.desc()).limit(1)).one_or_none()
    return _published(row) if row is not None else None


def checkpoint_of(session: ReadSession, size: int) -> Published | None:
    """The checkpoint of this size, if it was published."""
    query = select(PublishedCheckpoint).where(PublishedCheckpoint.size == size, PublishedCheckpoint.size <= PUBLISHED)
    row = session.scalars(query).one_or_none()
    return _published(row) if row is not None else None


def oldest_after(session: ReadSession, size: int) -> Published | None:
    """The first checkpoint of more than `size` events."""
    query = select(PublishedCheckpoint).where(PublishedCheckpoint.size > size, PublishedCheckpoint.size <= PUBLISHED)
    row = session.scalars(query.order_by(PublishedCheckpoint.size).limit(1)).one_or_none()
    return _published(row) if row is not None else None


def cosigned(session: ReadSession, published: Published, keys: Collection[VerifierKey]) -> dict[VerifierKey, bytes]:
    """The first good line of each of these keys under a checkpoint, for those that have cosigned it."""
    found: dict[VerifierKey, bytes] = {}
    lines = _lines(keys).where(Cosignature.size == published.size).order_by(Cosignature.received_at)
    for row in _each(session, lines):
        for key in _keys_of(row, keys):
            if key not in found and _signed_at(row, key) is not None:
                found[key] = bytes(row.line)
        if len(found) == len(set(keys)):
            break
    return found


def last_signed(session: ReadSession, keys: Collection[VerifierKey]) -> Heard | None:
    """The largest size that one of these keys has cosigned, and when one of them last did."""
    found: Heard | None = None
    newest_first = _lines(keys).order_by(Cosignature.size.desc(), Cosignature.received_at.desc())
    for row in _each(session, newest_first.limit(MOST_LOOKED_AT)):
        if found is not None and row.size < found.size:
            break
        for at in filter(None, (_signed_at(row, key) for key in _keys_of(row, keys))):
            found = Heard(row.size, at if found is None else max(at, found.at))
    return found


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


def stamp_of(session: ReadSession, size: int, authority: str, chain: Chain) -> tuple[TimeStamp, Stamped] | None:
    """The authority's time-stamp of the checkpoint of this size; of several the first, which proves most."""
    of_size = _stamps(authority).where(TimeStamp.size == size).order_by(TimeStamp.received_at).limit(MOST_LOOKED_AT)
    good = [(row[0], said) for row in _each(session, of_size) if (said := _stamped(row, chain)) is not None]
    return min(good, key=lambda each: each[1].at, default=None)


def last_stamped(session: ReadSession, authority: str, chain: Chain, *, within: int | None = None) -> Heard | None:
    """The largest size that the authority has time-stamped, and when; of those up to `within`, if it is given."""
    newest_first = _stamps(authority).order_by(TimeStamp.size.desc(), TimeStamp.received_at.desc())
    wanted = newest_first if within is None else newest_first.where(TimeStamp.size <= within)
    for row in _each(session, wanted.limit(MOST_LOOKED_AT)):
        said = _stamped(row, chain)
        if said is not None:
            return Heard(row[0].size, said.at)
    return None


def _lines(keys: Collection[VerifierKey]) -> Select[*tuple[Any, ...]]:
    ids = [each.key_id for each in keys]
    of_row = (Cosignature.size, Cosignature.key_id, Cosignature.key_name, Cosignature.line, PublishedCheckpoint.note)
    published = select(*of_row).join(PublishedCheckpoint, PublishedCheckpoint.size == Cosignature.size)
    return published.where(Cosignature.key_id.in_(ids), Cosignature.size <= PUBLISHED)


def _stamps(authority: str) -> Select[*tuple[Any, ...]]:
    published = select(TimeStamp, PublishedCheckpoint.note).join(
        PublishedCheckpoint, PublishedCheckpoint.size == TimeStamp.size
    )
    return published.where(TimeStamp.authority == authority, TimeStamp.size <= PUBLISHED)


def _each(session: ReadSession, query: Select[*tuple[Any, ...]]) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows, a few at a time: most callers want no more than the first."""
    with session.execute(query, execution_options={"yield_per": AT_ONCE}) as found:
        yield from found


def _keys_of(row: Row[*tuple[Any, ...]], keys: Collection[VerifierKey]) -> list[VerifierKey]:
    return [each for each in keys if (each.name, each.key_id) == (row.key_name, bytes(row.key_id))]


def _signed_at(row: Row[*tuple[Any, ...]], key: VerifierKey) -> datetime | None:
    """When the line says that it was signed; None where it is not good, or of a time to come."""
    at = line_by(bytes(row.line), text_of(bytes(row.note)), key)
    if at is None or at > (clock.now() + MOST_AHEAD).timestamp():
        return None
    return datetime.fromtimestamp(at, UTC)


def _stamped(row: Row[*tuple[Any, ...]], chain: Chain) -> Stamped | None:
    stamp, note = row
    said = kept(bytes(stamp.token), bytes(stamp.query), bytes(note), chain)
    return None if said is None or said.at > clock.now() + MOST_AHEAD else said


def text_of(note: bytes) -> bytes:
    """What is signed of a note: everything before its signatures."""
    return note.rpartition(b"\n\n")[0] + b"\n"


def _published(row: PublishedCheckpoint) -> Published:
    return Published(row.size, bytes(row.root), bytes(row.note), row.published_at)
