"""Personal values of events: sealed behind a salted commitment, opened for people, held against it, and erased.

A commitment is HMAC-SHA-256 under a fresh salt, so the leaf tells nothing of the value; without the salt not even a
guess can be tried. The writer is the ledger; this module knows the one custody table from which anything may go.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import select, text

from evidence.custody.canonical import canonical, read_canonical
from evidence.custody.events import EventType
from evidence.custody.leaf import Leaf, read_leaf
from evidence.custody.places import END, IN_LOG, NUMBER, WAITS
from evidence.custody.rows import CustodyEvent, PublishedCheckpoint, Sealed
from evidence.database import ReadSession, WriteSession
from evidence.errors import AlreadySettled, LogDisagrees, NotALeaf, NotFound

SEAL_LABEL = b"continuity-sealed-v1"
# An id is single only together with `at`: of several rows, the one that the log has first is the event.
PLACED = text(
    f"SELECT l.seq FROM custody.event e JOIN {NUMBER} WHERE e.id = :id"  # noqa: S608 - put together of our own constants
    " ORDER BY l.seq LIMIT 1"
)
# `earliest`: its number; of one that waits, the lowest that it can get.
IN_THE_LOG = text(
    f"SELECT e.leaf, coalesce(l.seq, {END}) AS earliest"  # noqa: S608 - as above
    f" FROM custody.event e LEFT JOIN {NUMBER} WHERE e.id = :id AND {IN_LOG} ORDER BY l.seq, e.ingest_no LIMIT 1"
)
SUBJECT = text(
    f"SELECT e.subject FROM custody.event e LEFT JOIN {NUMBER} WHERE e.id = :id"  # noqa: S608 - as above
    f" ORDER BY l.seq, {WAITS} DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Revealed:
    """What opens one commitment: give it away, and whoever holds the leaf can check the value."""

    salt: bytes
    value: str


def commitment(salt: bytes, field: str, plain: bytes) -> str:
    """What stands in the leaf for a value whose canonical bytes are `plain`, in hex. Pure."""
    message = SEAL_LABEL + b"\x00" + field.encode() + b"\x00" + plain
    return hmac.new(salt, message, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A personal value as it is kept: its field, its salt, its canonical bytes."""

    field: str
    salt: bytes
    plain: bytes

    @property
    def commitment(self) -> str:
        """What stands in the leaf for it."""
        return commitment(self.salt, self.field, self.plain)


def seal(values: Mapping[str, str]) -> list[SealedValue]:
    """Personal values, each under a fresh salt. Raises NotCanonical for text that has no canonical form."""
    return [SealedValue(field, secrets.token_bytes(32), canonical(as_sealed(value))) for field, value in values.items()]


def as_sealed(value: str) -> str:
    """The value in the form in which it is committed to: a register keeps a name as it came, in other code points."""
    return unicodedata.normalize("NFC", value)


def revealed(session: ReadSession, event_ids: Sequence[UUID]) -> dict[UUID, dict[str, Revealed]]:
    """The values of these events that have not been erased, field by field, with what opens them."""
    opened: dict[UUID, dict[str, Revealed]] = {}
    for row in session.scalars(select(Sealed).where(Sealed.event_id.in_(event_ids))):
        if row.salt is not None and row.value_enc is not None:
            value = cast("str", read_canonical(row.value_enc))
            opened.setdefault(row.event_id, {})[row.field] = Revealed(row.salt, value)
    return opened


def check_sealed(session: ReadSession, subject: UUID, leaves: Mapping[UUID, Leaf]) -> None:
    """Hold a subject's sealed values against the leaves of its events, by event id. Raises LogDisagrees.

    A value may have been erased, by law, or lost when an older copy of the database was restored; then an event says
    so. One that stands is the one committed to.
    """
    missing = {(event_id, field) for event_id, leaf in leaves.items() for field in leaf.sealed}
    theirs = select(CustodyEvent.id).where(CustodyEvent.subject == subject)
    for row in session.scalars(select(Sealed).where(Sealed.event_id.in_(theirs))):
        # An event that came after the leaves were read is not ours to judge.
        if row.event_id in leaves:
            missing.discard((row.event_id, row.field))
            _hold_against(session, row, leaves[row.event_id])
    for event_id, field in sorted(missing):
        raise LogDisagrees(f"the sealed {field} of event {event_id} is gone, and its row with it")


def erasable(session: WriteSession, event_id: UUID, field: str) -> tuple[Sealed, UUID]:
    """One value's row, held for the caller to erase, and the subject of its event.

    Raises NotFound, or AlreadySettled where it has been erased.
    """
    row = session.get(Sealed, (event_id, field), with_for_update=True, populate_existing=True)
    subject = session.execute(SUBJECT, {"id": event_id}).scalar_one_or_none()
    if row is None or subject is None:
        raise NotFound(f"a sealed {field[:80]} of event {event_id}")
    if row.salt is None and row.value_enc is None:
        raise AlreadySettled(f"the sealed {field} of event {event_id} has been erased already")
    return row, subject


def _hold_against(session: ReadSession, row: Sealed, leaf: Leaf) -> None:
    said = f"the sealed {row.field} of event {row.event_id}"
    if row.salt is None and row.value_enc is None:
        if not _was_erased(session, row):
            raise LogDisagrees(f"{said} is gone, and no event says who erased or lost it")
        return
    whole = row.salt is not None and row.value_enc is not None
    if not whole or leaf.sealed.get(row.field) != commitment(row.salt or b"", row.field, row.value_enc or b""):
        raise LogDisagrees(f"{said} is not the one it was written with")


def _was_put_back(session: ReadSession, row: Sealed, rolled_forward: Leaf, *, after: int) -> bool:
    """Whether the value's event is one that a roll-forward put back: only of those can the values have been lost.

    A roll-forward goes to the end of a signed checkpoint, has its root, and comes after all that it put back: its own
    number is `after` or higher.
    """
    begin, end = rolled_forward.facts.get("from_size"), rolled_forward.facts.get("to_size")
    seq = session.execute(PLACED, {"id": row.event_id}).scalar_one_or_none()
    if not isinstance(begin, int) or not isinstance(end, int) or seq is None:
        return False
    if not begin <= seq < end <= after:
        return False
    signed = session.get(PublishedCheckpoint, end)
    return signed is not None and signed.root.hex() == rolled_forward.facts.get("root")


def _was_erased(session: ReadSession, row: Sealed) -> bool:
    """Whether the event that the row names says so: an erasure of this value, or a restoring that lost values.

    What has no number and waits for none is no event of the log, whoever wrote it.
    """
    said = session.execute(IN_THE_LOG, {"id": row.erased_by}).first()
    if said is None:
        return False
    try:
        leaf = read_leaf(bytes(said.leaf))
    except NotALeaf:
        return False  # verification names the event
    if leaf.type == EventType.LOG_ROLLED_FORWARD:
        return _was_put_back(session, row, leaf, after=said.earliest)
    erased = {"event": str(row.event_id), "field": row.field}
    return (leaf.type, leaf.facts) == (EventType.SEALED_ERASED, erased)
