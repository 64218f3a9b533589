"""Names rows of signatures and time-stamps that cannot be what they say. Nothing rests on them; a person should know.

What a row's writer chose (names, bytes) is not repeated: sizes, times and the ids of keys say which row is meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import or_, select

from evidence import clock
from evidence.custody.rows import Cosignature, LogKey, PublishedCheckpoint, TimeStamp
from evidence.database import ReadSession
from evidence.outside.book import MOST_LOOKED_AT, PUBLISHED, text_of
from evidence.outside.strays import MOST_AHEAD
from evidence.outside.tokens import is_about
from evidence.tlog.keys import VerifierKey
from evidence.tlog.note import line_by

MOST_NAMED = 1000  # rows of one table; more are more of the same
ID_SIZE = 4  # bytes of a key's id


def lines(session: ReadSession, witnesses: Collection[VerifierKey]) -> list[str]:
    """Each signature over what was never published, of a time to come, or not by the key whose id it bears."""
    latest, own_ids = clock.now() + MOST_AHEAD, {bytes(each) for each in session.scalars(select(LogKey.key_id))}
    own_ids -= {each.key_id for each in witnesses}
    of_row = (Cosignature.size, Cosignature.key_id, Cosignature.received_at, PublishedCheckpoint.size.label("signed"))
    rows = select(*of_row).outerjoin(
        PublishedCheckpoint, (PublishedCheckpoint.size == Cosignature.size) & (PublishedCheckpoint.size <= PUBLISHED)
    )
    wrong = or_(
        PublishedCheckpoint.size.is_(None), Cosignature.received_at > latest, Cosignature.key_id.in_(list(own_ids))
    )
    in_order = rows.where(wrong).order_by(Cosignature.size, Cosignature.received_at).limit(MOST_NAMED)
    found = []
    for size, key_id, at, signed in session.execute(in_order):
        what = f"a signature under the key {bytes(key_id)[:ID_SIZE].hex()} over {size} events"
        because = "it is that of a key of the log, and no witness's"
        found.append(f"{what}: {_impossible(signed, at, latest) or because}")
    return [*found, *_not_signed(session, witnesses, latest)]


def stamps(session: ReadSession) -> list[str]:
    """Each time-stamp over what was never published, of a time to come, or over something else than its checkpoint."""
    latest = clock.now() + MOST_AHEAD
    of_row = (TimeStamp.size, TimeStamp.received_at, TimeStamp.gen_time, PublishedCheckpoint.size.label("signed"))
    rows = select(*of_row).outerjoin(
        PublishedCheckpoint, (PublishedCheckpoint.size == TimeStamp.size) & (PublishedCheckpoint.size <= PUBLISHED)
    )
    wrong = or_(PublishedCheckpoint.size.is_(None), TimeStamp.received_at > latest, TimeStamp.gen_time > latest)
    in_order = rows.where(wrong).order_by(TimeStamp.size, TimeStamp.received_at).limit(MOST_NAMED)
    found = [
        f"a time-stamp over {size} events: {_impossible(signed, max(at, said), latest)}"
        for size, at, said, signed in session.execute(in_order)
    ]
    return [*found, *_not_about(session, latest)]


def _impossible(signed: int | None, at: datetime, latest: datetime) -> str | None:
    if signed is None:
        return "no checkpoint of this size was published"
    return f"it is of {clock.as_text(at)}, a time to come" if at > latest else None


def _not_signed(session: ReadSession, witnesses: Collection[VerifierKey], latest: datetime) -> Iterator[str]:
    by_id = {(each.name, each.key_id): each for each in witnesses}
    of_row = (Cosignature.size, Cosignature.key_name, Cosignature.key_id, Cosignature.line, PublishedCheckpoint.note)
    rows = select(*of_row).join(PublishedCheckpoint, PublishedCheckpoint.size == Cosignature.size)
    ours = Cosignature.key_id.in_([each.key_id for each in witnesses])
    newest = rows.where(ours, Cosignature.size <= PUBLISHED, Cosignature.received_at <= latest)
    for size, name, key_id, line, note in session.execute(
        newest.order_by(Cosignature.size.desc()).limit(MOST_LOOKED_AT)
    ):
        key = by_id.get((name, bytes(key_id)))
        if key is None or line_by(bytes(line), text_of(bytes(note)), key) is None:
            yield f"a signature under the key {bytes(key_id)[:ID_SIZE].hex()} over {size} events: it does not hold"


def _not_about(session: ReadSession, latest: datetime) -> Iterator[str]:
    rows = select(TimeStamp.size, TimeStamp.token, PublishedCheckpoint.note).join(
        PublishedCheckpoint, PublishedCheckpoint.size == TimeStamp.size
    )
    possible = (TimeStamp.size <= PUBLISHED, TimeStamp.received_at <= latest, TimeStamp.gen_time <= latest)
    for size, token, note in session.execute(
        rows.where(*possible).order_by(TimeStamp.size.desc()).limit(MOST_LOOKED_AT)
    ):
        if not is_about(bytes(token), bytes(note)):
            yield f"a time-stamp over {size} events: it is not about the checkpoint of this size"
