"""Whether each time-stamp of the database is one: over the checkpoint that was published, by the authority it names.

The table is written by this system alone, and whoever has its password can write into it too. So nothing is taken
from a row but its bytes: the checkpoint is the one that the store keeps, the time is the token's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from evidence import clock
from evidence.completeness.claims import LOG, Claim, judged, not_proved
from evidence.custody.rows import PublishedCheckpoint, TimeStamp
from evidence.database import ReadSession
from evidence.outside.errors import TokenRefused
from evidence.outside.tokens import DIGESTS, Chain, judge
from evidence.sequencing.publishing import checkpoint_key
from evidence.store.errors import ObjectMissing
from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import TlogError
from evidence.tlog.note import parse_note

if TYPE_CHECKING:
    from evidence.bootstrap import House

AT_ONCE: Final = 200  # rows fetched at a time
CHAINS: Final = "tst/authorities/"  # where the store keeps the certificates that each token was judged by
NAME: Final = re.compile("[A-Za-z0-9][A-Za-z0-9.-]{0,39}")  # as settings name an authority
KEPT: Final = re.compile("[0-9a-f]{16}[.]pem")


@dataclass(frozen=True, slots=True)
class Row:
    """A time-stamp as the database has it."""

    authority: str
    size: int
    query: bytes
    token: bytes
    gen_time: datetime


@dataclass(frozen=True, slots=True)
class Good:
    """What a token says that holds. `pinned`: under the certificates of the settings, not those in the store alone."""

    authority: str
    checkpoint: Checkpoint
    at: datetime
    pinned: bool


def rows(session: ReadSession, *, at_least: int) -> Iterator[Row]:
    """The time-stamps over checkpoints of at least this size, by size and in the order in which they came."""
    in_order = select(TimeStamp).where(TimeStamp.size >= at_least).order_by(TimeStamp.size, TimeStamp.received_at)
    for row in session.scalars(in_order.execution_options(yield_per=AT_ONCE)):
        yield Row(row.authority, row.size, bytes(row.query), bytes(row.token), row.gen_time)


class Stamps:
    """Judges time-stamps by the certificates in the settings, and by those that the store keeps, locked."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._named = {each.name: each.certificates for each in house.settings.time_authorities}
        self._pinned: dict[str, Chain | None] = {}
        self._kept: dict[str, list[Chain]] = {}

    def hold(self, row: Row) -> Good:
        """What it says, where everything holds. Raises TokenRefused with a sentence, StoreAway."""
        note, checkpoint = self._published(row.size)
        if not any(digest(note) in row.query for digest in DIGESTS.values()):
            raise TokenRefused("its query does not ask about the checkpoint of that size")
        at, pinned = self._judged(row, note)
        if at != row.gen_time:
            raise TokenRefused(f"it says {clock.as_text(at)}, and the row beside it {clock.as_text(row.gen_time)}")
        return Good(row.authority, checkpoint, at, pinned)

    def _published(self, size: int) -> tuple[bytes, Checkpoint]:
        """The bytes of the checkpoint that was stamped, held against the one in the store."""
        with self._house.reading() as session:
            found = session.scalar(select(PublishedCheckpoint.note).where(PublishedCheckpoint.size == size))
        if found is None:
            raise TokenRefused(f"no checkpoint of {size} events was published")
        note = bytes(found)
        try:
            stored = parse_note(self._house.custody.get(checkpoint_key(size))).text
            checkpoint = parse_checkpoint(parse_note(note).text)
        except (ObjectMissing, TlogError) as error:
            raise TokenRefused(f"the checkpoint of {size} events: {error}") from error
        if stored != parse_note(note).text or checkpoint.size != size:
            raise TokenRefused(f"the store keeps another checkpoint of {size} events than the database")
        return note, checkpoint

    def _judged(self, row: Row, note: bytes) -> tuple[datetime, bool]:
        """The token's time. Certificates change: one that the store keeps is good for what it signed then."""
        pinned = self._pinned_of(row.authority)
        refused = TokenRefused(f"no certificate of {row.authority[:40]} is known")
        if pinned is not None:
            try:
                return judge(row.token, note, pinned).at, True
            except TokenRefused as error:
                refused = error
        for kept in self._kept_of(row.authority):
            with suppress(TokenRefused):
                at = judge(row.token, note, kept).at
                return at, pinned is not None and set(kept.roots) <= set(pinned.roots)
        raise refused

    def _pinned_of(self, authority: str) -> Chain | None:
        if authority not in self._pinned:
            self._pinned[authority] = None
            with suppress(OSError, ValueError, KeyError):
                self._pinned[authority] = Chain.read(self._named[authority].read_bytes())
        return self._pinned[authority]

    def _kept_of(self, authority: str) -> list[Chain]:
        if authority not in self._kept:
            found = self._kept[authority] = []
            begins = f"{CHAINS}{authority}-"
            for key in self._house.custody.list(begins) if NAME.fullmatch(authority) else ():
                with suppress(ValueError, ObjectMissing):
                    if KEPT.fullmatch(key.removeprefix(begins)):
                        found.append(Chain.read(self._house.custody.get(key)))
        return self._kept[authority]


def claims(house: House, *, since: int) -> list[Claim]:
    """The claim `stamped`: every time-stamp of a checkpoint of at least `since` events. None where there are none."""
    stamps, found, good = Stamps(house), [], []
    with house.reading() as session:
        for row in rows(session, at_least=since):
            try:
                good.append(stamps.hold(row))
            except TokenRefused as error:
                found.append(f"the time-stamp of {row.authority[:40]} over {row.size} events: {error}")
    if not good and not found:
        return []
    unpinned = sorted({each.authority for each in good if not each.pinned})
    if unpinned and not found:
        words = (
            f"Each of {len(good)} time-stamps holds, those of {', '.join(unpinned)} only by certificates that were kept"
            " with them: CONTINUITY_TIME_AUTHORITIES names none."
        )
        return [not_proved("stamped", LOG, words)]
    holds = f"Each of {len(good)} time-stamps is one over the checkpoint of its size, by the authority that it names."
    return [judged("stamped", LOG, found, holds=holds, fails="A time-stamp in the database is none")]
