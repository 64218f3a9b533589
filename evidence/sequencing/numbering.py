"""Gives waiting events their numbers, and keeps the one row that says how far the log has come."""

from __future__ import annotations

from sqlalchemy import exists, select, text, update

from evidence.custody.places import in_the_way, numbers_end
from evidence.custody.rows import LogState, Queued
from evidence.database import ReadSession, WriteSession
from evidence.sequencing.errors import Displaced, LeafDiffers, NumbersEnd, NumberTaken, StillHalted

BATCH = 5000  # events that get their number in one transaction

# Only committed events are seen, in the order in which their numbers were drawn: a later event of a subject, and
# one that was begun after another had been committed, always stands behind. OFFSET 0 has each event looked up by its
# index in its own month; left to itself the planner may read the whole log for one batch.
PLACE = text(
    "WITH taken AS ("
    " DELETE FROM custody.queue WHERE ingest_no IN"
    " (SELECT ingest_no FROM custody.queue ORDER BY ingest_no LIMIT :most) RETURNING ingest_no, at),"
    " placed AS ("
    " INSERT INTO custody.leaf (seq, ingest_no, at, leaf_hash)"
    " SELECT :size + row_number() OVER (ORDER BY t.ingest_no) - 1, t.ingest_no, t.at, e.leaf_hash"
    " FROM taken t CROSS JOIN LATERAL (SELECT leaf_hash FROM custody.event"
    " WHERE event.ingest_no = t.ingest_no AND event.at = t.at OFFSET 0) e RETURNING ingest_no)"
    " SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM placed)"
)


def take_over(session: WriteSession) -> LogState:
    """Begin a new epoch: whoever led before can write nothing any more. Raises StillHalted."""
    state = _locked(session)
    if state.halted is not None:
        raise StillHalted(state.halted)
    state.epoch += 1
    session.flush()
    return state


def held(session: WriteSession, epoch: int) -> LogState:
    """The state, locked until the caller commits. Raises Displaced where another process leads, or StillHalted."""
    state = _locked(session)
    if state.epoch != epoch:
        raise Displaced(epoch=epoch, now=state.epoch)
    if state.halted is not None:
        raise StillHalted(state.halted)
    return state


def is_waiting(session: ReadSession) -> bool:
    """Whether an event waits for its number."""
    return bool(session.scalar(select(exists().where(Queued.ingest_no > 0))))


def number(session: WriteSession, epoch: int, *, most: int = BATCH) -> int:
    """Give up to `most` waiting events the next numbers; how many have one then.

    Raises NumbersEnd, Displaced, and LeafDiffers or IntegrityError where something is in the way: see `number_taken`.
    """
    state = held(session, epoch)
    if (end := numbers_end(session, state.integrated_size)) != state.size:
        raise NumbersEnd(size=state.size, end=end)
    taken, placed = session.execute(PLACE, {"most": most, "size": state.size}).one()
    if taken != placed:
        raise LeafDiffers(state.size, found=f"{taken - placed} events of its batch were queued and are not there")
    state.size += placed
    session.flush()
    return state.size


def number_taken(session: WriteSession, epoch: int, *, most: int = BATCH) -> NumberTaken | None:
    """The row that keeps the next numbers from being given, looked for once giving them has failed. Raises Displaced.

    The state is locked, and whoever gives numbers moves it in the same transaction: no honest row is there.
    """
    state = held(session, epoch)
    row = in_the_way(session, state.size, state.size + most)
    if row is None:
        return None
    return NumberTaken(row.seq, size=state.size, event=row.event, ingest_no=row.ingest_no)


def halt(session: WriteSession, reason: str) -> bool:
    """Keep the first reason why nothing may be numbered or signed any more; whether this was it."""
    kept = update(LogState).where(LogState.id == 1, LogState.halted.is_(None)).values(halted=reason)
    return session.execute(kept.returning(LogState.id)).one_or_none() is not None


def _locked(session: WriteSession) -> LogState:
    return session.execute(select(LogState).where(LogState.id == 1).with_for_update()).scalar_one()
