"""The checkpoints that the store keeps, the newest first; and what lies among them that is none.

Whoever may add to the bucket can put anything under a checkpoint's name, and nobody may take it away again. So a name
says only where to look: a checkpoint of this log is a note over as many events as its name says, under the log's own
name, with a line by a key of that name. Whose key it is, is for the caller to hold it against: a later key of ours may
not be known after a restore.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

from evidence.bootstrap import House
from evidence.sequencing.errors import StrangeCheckpoint
from evidence.sequencing.publishing import LATEST, checkpoint_key, sizes_kept
from evidence.store.errors import ObjectMissing
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.errors import TlogError
from evidence.tlog.note import parse_note

AT_ONCE = 256  # objects fetched together, once the newest is no checkpoint
SIDE_BY_SIDE = 8
MOST_STRANGE = 20_000  # objects passed over at one look; a person must look where there are more
NAMED = 3  # of those passed over that a sentence names


@dataclass(frozen=True, slots=True)
class Kept:
    """An object among the checkpoints: its name's size, its bytes, and why it is no checkpoint of this log if so.

    `is_covered`: it was one, and something else was laid over it.
    """

    size: int
    note: bytes
    strange: str | None = None
    is_covered: bool = False

    @property
    def key(self) -> str:
        """Where it lies."""
        return checkpoint_key(self.size)

    @property
    def counts(self) -> bool:
        """Whether a checkpoint of this log stands there, or stood there."""
        return self.strange is None or self.is_covered


@dataclass(frozen=True, slots=True)
class NewestKept:
    """The newest checkpoint in the store, None where there is none, and the objects that were passed over before it."""

    kept: Kept | None
    passed: tuple[Kept, ...] = ()

    @property
    def size(self) -> int:
        """How many events it is over."""
        return 0 if self.kept is None else self.kept.size


def why_strange(size: int, note: bytes, *, origin: str) -> str | None:
    """Why an object under a checkpoint's name is no checkpoint of this log; None where it is one. Pure.

    Signatures are not checked: one that says to be ours and is not is no junk, and a person must look.
    """
    try:
        parsed = parse_note(note)
        checkpoint = parse_checkpoint(parsed.text)
    except TlogError as error:
        return f"it cannot be read as one: {error}"
    if checkpoint.origin != origin:
        return f"it is of the log {checkpoint.origin[:120]}"
    if checkpoint.size != size:
        return f"it is over {checkpoint.size} events"
    if all(each.name != origin for each in parsed.signatures):
        return "no key of the log's name signed it"
    return None


def newest_kept(house: House) -> NewestKept:
    """The newest checkpoint of this log in the store.

    The object that names the newest can be replaced and lost: it only says where in the list to begin.
    Raises StoreAway, StrangeCheckpoint where there is more among the checkpoints than can be looked at.
    """
    store, begin, passed = house.custody, None, dict[int, Kept]()
    try:
        said = parse_checkpoint(parse_note(store.get(LATEST)).text).size
        begin = said - 1 if said else None
    except (ObjectMissing, TlogError):
        begin = None
    for above in dict.fromkeys((begin, None)):
        sizes = [each for each in sizes_kept(store, above=above) if each not in passed]
        for each in newest_first(house, sizes):
            if each.counts:
                return NewestKept(each, tuple(passed.values()))
            passed[each.size] = each
    return NewestKept(None, tuple(passed.values()))


def newest_first(house: House, sizes: Sequence[int]) -> Iterator[Kept]:
    """What lies in the store under the names of checkpoints of these sizes, the largest first.

    One is read first, then several at a time. Raises StoreAway, ObjectMissing, StrangeCheckpoint as `newest_kept`.
    """
    left, many, strange = iter(sorted(sizes, reverse=True)), 1, 0
    while some := list(islice(left, many)):
        for each in _fetched(house, some):
            strange += not each.counts
            if strange > MOST_STRANGE:
                raise StrangeCheckpoint(each.key, because=f"nor are {MOST_STRANGE} others beside it")
            yield each
        many = AT_ONCE


def in_words(passed: Sequence[Kept]) -> str:
    """One sentence about the objects that were passed over; empty where there were none. Pure."""
    strange = [each for each in passed if not each.counts]
    if not strange:
        return ""
    many = "1 object" if len(strange) == 1 else f"{len(strange)} objects"
    named = "; ".join(f"{each.key}, {each.strange}" for each in strange[:NAMED])
    more = f"; and {len(strange) - NAMED} more" if len(strange) > NAMED else ""
    return (
        f"Among the checkpoints in the store lie {many} that are none of this log, and nothing rests on: {named}{more}."
    )


def _fetched(house: House, sizes: Sequence[int]) -> list[Kept]:
    """Objects, the largest size first. Where one is no checkpoint, what lies under it may be what was signed."""
    origin, keys = house.settings.log_origin, [checkpoint_key(each) for each in sizes]
    with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(sizes))) as pool:
        notes = list(pool.map(house.custody.get, keys))
    found = [Kept(size, note, why_strange(size, note, origin=origin)) for size, note in zip(sizes, notes, strict=True)]
    strange = {each.key: each.size for each in found if not each.counts}
    if not strange:
        return found
    beneath = house.custody.beneath(min(strange), max(strange))
    covered = {
        key for key, note in beneath if key in strange and why_strange(strange[key], note, origin=origin) is None
    }
    return [replace(each, is_covered=each.key in covered) for each in found]
