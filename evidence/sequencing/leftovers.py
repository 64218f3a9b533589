"""Checkpoints that were stored and not written down, by a sequencer that no longer led by then.

Another one had taken over meanwhile, or the process died between the two. The store keeps every checkpoint for good,
so the database has to have them all: the one that leads writes down what it finds. What no key of the log signed, or
has another root than the events, is left as it is: whoever verifies the log hears of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.sequencing.errors import StrangeCheckpoint
from evidence.sequencing.publishing import Signed, checkpoint_key, known_keys, read_signed, sizes_kept, write_down
from evidence.sequencing.reading import tile_reader
from evidence.store.errors import ObjectMissing
from evidence.tlog.errors import TlogError
from evidence.tlog.signing import Signer
from evidence.tlog.tiles import TileTree

LOOKED_FOR: Final = 1000  # newest checkpoints of the database that are looked for in the store
LATE: Final = 900.0
"""Seconds after a change of leaders in which the one before may still store what it had signed."""
RECORDED = text("SELECT size FROM custody.checkpoint ORDER BY size DESC LIMIT :many")
PUBLISHED = text("SELECT published_size FROM custody.state")

log = structlog.get_logger()


def unrecorded(house: House, published: int) -> list[int]:
    """The sizes of checkpoints up to the published one that the store has by name and the database has not, in order.

    Looked for beside the newest that the database has. Raises StoreAway.
    """
    with house.reading() as session:
        recorded = set(session.scalars(RECORDED, {"many": LOOKED_FOR}))
    oldest = min(recorded, default=0) if len(recorded) == LOOKED_FOR else 0
    kept = sizes_kept(house.custody, above=oldest) if published else ()
    return [size for size in kept if size <= published and size not in recorded]


def write_them_down(house: House, signer: Signer) -> list[int]:
    """Write down the checkpoints that were left; the sizes of those. Raises StoreAway."""
    with house.reading() as session:
        published = session.scalars(PUBLISHED).one()
    missing = unrecorded(house, published)
    found = list(_ours(house, signer, missing, published)) if missing else []
    for each in found:
        with house.writing() as session:
            write_down(session, each)
        log.warning("a checkpoint was stored and not written down; it is now", size=each.checkpoint.size)
    return [each.checkpoint.size for each in found]


def _ours(house: House, signer: Signer, sizes: list[int], published: int) -> Iterator[Signed]:
    """Those that a key of the log signed over the tree that was published since."""
    with house.reading() as session:
        keys = known_keys(session, signer)
    tree = TileTree(tile_reader(house.custody), published)
    for key in map(checkpoint_key, sizes):
        with suppress(StrangeCheckpoint, ObjectMissing, TlogError):
            signed = read_signed(key, house.custody.get(key), origin=house.settings.log_origin, keys=keys)
            if tree.subtree(0, signed.checkpoint.size) == signed.checkpoint.root:
                yield signed
