"""Live verification: the database against the tiles in the store, both against the signed root.

Begin with `verify` (the whole log, or what has come since) or `verify_recording` (one recording, its bytes too).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import text

from evidence.completeness import books, newest, personal, ranges, recorded, seen, signed
from evidence.completeness.claims import LOG, Claim, Verdict, Verification, judged, not_proved
from evidence.completeness.newest import Newest
from evidence.completeness.ranges import Stretch
from evidence.completeness.recordings import verify_recording
from evidence.completeness.walk import Walk
from evidence.custody import places
from evidence.jobs import JobStopped
from evidence.sequencing import reading
from evidence.tlog.tiles import WIDTH, TileTree

if TYPE_CHECKING:
    from evidence.bootstrap import House

__all__ = ["verify", "verify_recording"]

SPAN = 64 * WIDTH  # events that one question to the database is about
AT_ONCE = 2  # questions under way
LOOKED_AT = 20_000  # so many events or fewer are also read one by one, each as strictly as by a foreign verifier

STATE = text("SELECT size, integrated_size, published_size FROM custody.state")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the log had come when the verification began. What comes later is not looked at.

    `integrated` and `published` are what one row of the database says; `signed` is what the store's newest
    checkpoint does, and what that contradicts.
    """

    size: int
    integrated: int
    published: int
    signed: Newest

    @property
    def in_store(self) -> int:
        """How many events must stand in tiles: those that were integrated, and all that were ever signed for."""
        return max(self.integrated, self.signed.size)


def verify(
    house: House, *, since: int | None = None, read_back: bool = False, stopping: threading.Event | None = None
) -> Verification:
    """Hold the live log together: events, numbers, links, tiles, bundles, root, signature.

    With `since`, only events from about that number on are read again; what lies before is taken from the tiles,
    and the root shows whether those are what was signed. Of a long log, the digests that the store has computed of
    its objects are compared, and some objects drawn by lot; with `read_back`, every one. Raises StoreAway, JobStopped.
    """
    against = newest.hold(house)
    with house.reading() as session:
        size, integrated, published = session.execute(STATE).one()
        standing, head = Standing(size, integrated, published, against), reading.log_head(session)
        whole_tiles = max(0, min(since or 0, standing.published) - 1) // WIDTH * WIDTH
    if standing.size == 0:
        empty = tuple(not_proved(name, LOG, NOTHING) for name in OF_EVENTS)
        return Verification(size=0, claims=(*empty, *signed.claims(house, 0, None, against), *_halt(against)))
    closely = standing.size - whole_tiles <= LOOKED_AT
    tree = TileTree(reading.tile_reader(house.custody), max(standing.published, standing.signed.size))
    walk = Walk(house, whole_tiles, tree.subtree, head=head, integrated=standing.in_store, every_leaf=closely)
    in_store, signed_for = standing.in_store, standing.signed.size
    reads = partial(ranges.read, house, integrated=in_store, signed=signed_for, back=closely or read_back)
    with ThreadPoolExecutor(1, thread_name_prefix="verify-books") as beside:
        tables = beside.submit(_whole_tables, house, signed_for, closely=closely) if whole_tiles == 0 else None
        looks = partial(recorded.unsigned, house, above=whole_tiles, below=standing.published)
        notes = beside.submit(looks, every=closely or read_back, stopping=stopping)
        for stretch in _stretches(reads, whole_tiles, standing.size, stopping or threading.Event()):
            walk.take(stretch)
            if stretch.gaps:
                break
        walk.roots += notes.result()
        of_tables = tables.result() if tables else _beyond(house, signed_for)
    walk.numbers += of_tables.numbers
    walk.history += of_tables.history
    claims = (*_claims(house, standing, walk, whole_tiles), *of_tables.people)
    return Verification(size=standing.size, claims=claims, root=walk.frontier.root(), start=whole_tiles)


@dataclass(frozen=True, slots=True)
class OfTables:
    """What the tables say as a whole, asked while the leaves are read; of a log that is read from its beginning."""

    numbers: Sequence[str] = ()
    history: Sequence[str] = ()
    people: Sequence[Claim] = ()


def _whole_tables(house: House, signed_for: int, *, closely: bool) -> OfTables:
    with house.reading() as session:
        numbers, history = books.of_numbers(session, signed=signed_for), books.of_subjects(session)
    return OfTables(numbers, history, _about_people(house, closely=closely))


def _beyond(house: House, signed_for: int) -> OfTables:
    with house.reading() as session:
        return OfTables(numbers=places.beyond(session, signed=signed_for))


def _about_people(house: House, *, closely: bool) -> list[Claim]:
    """Personal values lie outside the tree: a commitment in the leaf is all that holds them."""
    with house.reading() as session:
        found = personal.of_personal_values(session, closely=closely)
    held = "All personal values" if closely else f"Every event names who acted; values of {personal.DRAWN} subjects"
    return [
        judged(
            "personal", LOG, found,
            holds=f"{held} are those that were committed to, or an event says who erased them.",
            fails="Personal values are not those that events were written with",
        )
    ]  # fmt: skip


OF_EVENTS = ("events", "numbers", "history", "not_before", "tiles")
NOTHING = "The log is empty: there is nothing to verify."


def _claims(house: House, standing: Standing, walk: Walk, start: int) -> tuple[Claim, ...]:
    of = f"events {start} to {standing.size - 1}" if start else f"all {standing.size} events"
    short = f"Only the first {walk.size} events could be looked at." if walk.size < standing.size else None
    of_root = signed.claims(house, standing.published, walk, standing.signed)
    # Where the database has the root that was signed, what differs in the store is the store's own fault.
    is_signed_otherwise = of_root[0].verdict is Verdict.CONTRADICTED
    claims = [
        judged(
            "events", LOG, [*walk.events, *(walk.others if is_signed_otherwise else ())],
            holds=f"The bytes of {of} have the hashes that were numbered, and say what stands beside them.",
            fails="What the database has is not what was hashed",
        ),
        judged(
            "numbers", LOG, walk.numbers,
            holds=f"The numbers of {of} have no gap, and every other event waits for one.",
            fails="The numbers of events are not in order",
        ),
        judged(
            "history", LOG, walk.history,
            holds=f"Of {of}, each follows the one before it of the same subject.",
            fails="Events of a subject do not follow one another",
        ),
        seen.claim(LOG, walk.seen_sizes, walk.seen, doubted=walk.earlier.doubted),
        judged(
            "tiles", LOG, walk.tiles,
            holds=f"The {walk.objects} tiles and bundles in the store are those of {of}: all have the digests,"
            f" and {walk.read_back} were read back.",
            fails="The store does not hold what the database has",
        ),
    ]  # fmt: skip
    if short:
        # Nothing is proved of events that were not reached.
        claims = [not_proved(each.claim, LOG, short) if each.verdict is Verdict.PROVED else each for each in claims]
    return (*claims, *of_root, standing.signed.sequencing)


def _halt(against: Newest) -> list[Claim]:
    """Of an empty log only that it is halted is said: that it is not proves nothing."""
    return [] if against.halted is None else [against.sequencing]


def _stretches(
    reads: Callable[[int, int], Stretch], start: int, size: int, stopping: threading.Event
) -> Iterator[Stretch]:
    """Every range in order, the next ones being read while one is looked at."""
    firsts = iter(range(start, size, SPAN))
    under_way: deque[Future[Stretch]] = deque()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify") as pool:
        try:
            while True:
                while len(under_way) <= AT_ONCE and (first := next(firsts, None)) is not None:
                    under_way.append(pool.submit(reads, first, min(first + SPAN, size)))
                if not under_way:
                    return
                if stopping.is_set():
                    raise JobStopped("the verification of the log")
                yield under_way.popleft().result()
        finally:
            for each in under_way:
                each.cancel()
