"""Checkpoints that were stored and not written down, by a sequencer that no longer led by then.

Another one had taken over meanwhile, or the process died between the two. The store keeps every checkpoint for good,
so the database has to have them all: the one that leads writes down what it finds. What no key of the log signed, or
has another root than the events, is left as it is: whoever verifies the log hears of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from evidence.bootstrap import House
from evidence.custody.rows import PublishedCheckpoint
from evidence.database import WriteSession
from evidence.sequencing.errors import StrangeCheckpoint
from evidence.sequencing.publishing import Signed, checkpoint_key, known_keys, read_signed, sizes_kept
from evidence.sequencing.reading import tile_reader
from evidence.store.errors import ObjectMissing
from evidence.tlog.errors import TlogError
from evidence.tlog.signing import Signer
from evidence.tlog.tiles import TileTree

LOOKED_FOR: Final = 1000  # newest checkpoints of the database that are looked for in the store
MOST_NAMES: Final = 20_000
AT_A_LOOK: Final = 32  # objects: nothing is numbered meanwhile
LATE: Final = 900.0
"""Seconds after a change of leaders in which the one before may still store what it had signed."""
RECORDED = text("SELECT size FROM custody.checkpoint ORDER BY size DESC LIMIT :many")
PUBLISHED = text("SELECT published_size FROM custody.state")

log = structlog.get_logger()


def unrecorded(house: House, published: int, *, most: int | None = None) -> list[int]:
    """The sizes of checkpoints up to the published one that the store has by name and the database has not, in order.

    Looked for beside the newest that the database has, among the first `most` names there. Raises StoreAway.
    """
    with house.reading() as session:
        recorded = set(session.scalars(RECORDED, {"many": LOOKED_FOR}))
    oldest = min(recorded, default=0) if len(recorded) == LOOKED_FOR else 0
    kept = islice(sizes_kept(house.custody, above=oldest), most) if published else ()
    return [size for size in kept if size <= published and size not in recorded]


@dataclass
class Leftovers:
    """Looks for them, some at each look. What was found to be none is not read again: anybody can add to the bucket."""

    house: House
    signer: Signer
    passed: set[int] = field(default_factory=set)

    def write_down(self) -> list[int]:
        """Write down what was left, as far as it is found at this look; the sizes of those. Raises StoreAway."""
        with self.house.reading() as session:
            published = session.scalars(PUBLISHED).one()
        missing = [each for each in unrecorded(self.house, published, most=MOST_NAMES) if each not in self.passed]
        found = list(self._ours(missing[-AT_A_LOOK:], published)) if missing else []
        for each in found:
            with self.house.writing() as session:
                _write_down(session, each)
            log.warning("a checkpoint was stored and not written down; it is now", size=each.checkpoint.size)
        return [each.checkpoint.size for each in found]

    def _ours(self, sizes: Sequence[int], published: int) -> Iterator[Signed]:
        """Those that a key of the log signed over the tree that was published since."""
        with self.house.reading() as session:
            keys = known_keys(session, self.signer)
        tree = TileTree(tile_reader(self.house.custody), published)
        for size in sizes:
            self.passed.add(size)
            key = checkpoint_key(size)
            with suppress(StrangeCheckpoint, ObjectMissing, TlogError):
                signed = read_signed(key, self.house.custody.get(key), origin=self.house.settings.log_origin, keys=keys)
                if tree.subtree(0, size) == signed.checkpoint.root:
                    yield signed


def _write_down(session: WriteSession, signed: Signed) -> None:
    """Write down a stored checkpoint that others have come past, where no row stands in its place."""
    row = {"size": signed.checkpoint.size, "root": signed.checkpoint.root, "note": signed.note}
    session.execute(insert(PublishedCheckpoint).values(row).on_conflict_do_nothing())
