"""The live log against the newest checkpoint in the store, whatever the database says of how far it was published.

One row of the database says how far the log was integrated and published. Whoever can write it could set it back, so
nothing here rests on it: the store's own list of checkpoints, locked there for years, says how far the log was signed.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from evidence.completeness.claims import LOG, Claim, judged
from evidence.custody.rows import LogState
from evidence.sequencing.errors import MustHalt, RolledBack, StrangeCheckpoint
from evidence.sequencing.kept import Kept, newest_first, newest_kept
from evidence.sequencing.opening import hold_against_store
from evidence.sequencing.publishing import listed_keys, sizes_kept
from evidence.store.errors import ObjectMissing
from evidence.tlog.errors import TlogError

if TYPE_CHECKING:
    from evidence.bootstrap import House

IN_FLIGHT = 1  # checkpoints that stand in the store before the database says so: the sequencer writes one at a time
# One statement: a checkpoint and how far the log is published are committed together.
ABOVE = text("""
SELECT state.published_size, ARRAY(
  SELECT c.size FROM custody.checkpoint c WHERE c.size > state.published_size ORDER BY c.size DESC LIMIT 20)
FROM custody.state
""")


@dataclass(frozen=True, slots=True)
class Newest:
    """How many events the store's newest checkpoint is over, what contradicts it, and why the log was halted if so.

    `passed` is what lies among the store's checkpoints and is none of this log.
    """

    size: int
    found: tuple[str, ...]
    halted: str | None
    passed: tuple[Kept, ...] = ()

    @property
    def sequencing(self) -> Claim:
        """Whether the log may go on: a halt is what the sequencer itself found wrong."""
        found = [] if self.halted is None else [self.halted]
        holds = "No sequencer has halted the log."
        return judged("sequencing", LOG, found, holds=holds, fails="The log is halted, nothing is numbered or signed")


def hold(house: House) -> Newest:
    """Hold the database against the newest checkpoint in the store: its size, its root, and what was published.

    Raises StoreAway.
    """
    with house.reading() as session:
        keys, halted = listed_keys(session), session.get_one(LogState, 1).halted
    size, found, passed = 0, list[str](), tuple[Kept, ...]()
    try:
        opened = hold_against_store(house, keys or None)
        size, passed = 0 if opened.newest is None else opened.newest.checkpoint.size, opened.passed
    except RolledBack as back:
        size, passed = back.store, newest_kept(house).passed
        found.append(
            f"the store has a checkpoint over {back.store} events and the database has {back.database}:"
            " it was rolled back"
        )
    except (MustHalt, TlogError, ObjectMissing) as error:
        size, passed = _as_far_as_it_goes(house)
        found.extend([*_from_before_the_keys(house, size, error), str(error)])
    set_back, strange = _set_back(house, {each.size for each in passed})
    return Newest(size, (*found, *set_back), halted, (*passed, *strange))


def _as_far_as_it_goes(house: House) -> tuple[int, tuple[Kept, ...]]:
    """The newest checkpoint's size, and what was passed over, where its signature or its root does not hold."""
    try:
        newest = newest_kept(house)
    except (MustHalt, ObjectMissing):
        return 0, ()
    return newest.size, newest.passed


def _from_before_the_keys(house: House, size: int, error: Exception) -> list[str]:
    """That a copy may have been restored from before the log's keys were replaced: then it cannot know who signed."""
    if not isinstance(error, StrangeCheckpoint):
        return []
    with house.reading() as session:
        numbered = session.get_one(LogState, 1).size
    if size <= numbered:
        return []
    return [
        f"the store has a checkpoint over {size} events and the database has {numbered}: it was rolled back, to before"
        " the log's keys were changed, or the checkpoint is not ours (run-book rolled-back)"
    ]


def _set_back(house: House, passed: Set[int]) -> tuple[list[str], list[Kept]]:
    """Whether the row that says how far the log is published says less than the checkpoints do.

    The store is listed from that size on, and only then is the row read again: a running sequencer records each
    checkpoint before it stores the next, so no more than one is ever ahead of the row. By name, that is: only where
    more names are ahead are the objects looked at, until two are checkpoints; none again that was `passed` over.
    """
    with house.reading() as session:
        said, _ = session.execute(ABOVE).one()
    kept = list(sizes_kept(house.custody, above=said))
    with house.reading() as session:
        published, recorded = session.execute(ABOVE).one()
    found = [
        f"the database has a checkpoint over {size} events, and says that {published} were published"
        for size in recorded
    ]
    named = [size for size in kept if size > published and size not in passed]
    if len(named) <= IN_FLIGHT:
        return found, []
    strange, ahead = list[Kept](), list[Kept]()
    for each in newest_first(house, named):
        (ahead if each.counts else strange).append(each)
        if len(ahead) > IN_FLIGHT:
            found.append(
                f"the store has {len(named) - len(strange)} checkpoints over more events than the {published} that the"
                f" database says were published, the newest over {ahead[0].size}"
            )
            break
    return found, strange
