"""The census: what the store really holds against what it should hold, every object that differs by name.

A log of acts does not show what happens behind the application's back; a count of the store does. The list of the
bucket and the masters that the log and the records name are gone through side by side, both in the order of keys, so
neither is held in memory. A list that breaks off is a census that failed, and never a short one. The root is that of
the RFC 6962 tree over each version found below `masters/`, in the order of key and version: key, version and size,
each ended by a zero byte.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from evidence import clock
from evidence.completeness import counted
from evidence.completeness.errors import CountFailed
from evidence.completeness.matching import (
    Difference,
    Gap,
    Pair,
    Wanted,
    differences,
    lock_differs,
    match,
    unknown,
    unlisted,
)
from evidence.identifiers import new_id
from evidence.jobs import JobStopped
from evidence.store import ListedVersion
from evidence.store.errors import MasterMissing, StoreError
from evidence.store.keys import MASTERS
from evidence.tlog.merkle import Frontier, leaf_hash

if TYPE_CHECKING:
    from evidence.bootstrap import House

AT_ONCE = 500  # keys looked up, and differences written down, at a time
# A master that was verified while the list was on its way need not be in it.
JUST_NOW = timedelta(hours=1)
Thing = TypeVar("Thing")


@dataclass(slots=True)
class Tally:
    """What one census has counted so far."""

    expected: int = 0
    found: int = 0
    versions: int = 0
    unfinished: int = 0  # objects of arrivals that are no masters: on their way, failed, or offered twice
    gaps: dict[Gap, int] = field(default_factory=lambda: dict.fromkeys(Gap, 0))
    frontier: Frontier = field(default_factory=Frontier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """One count of the store. `failed` says why it did not come to its end; what it found until then stands."""

    id: UUID
    began_at: datetime
    ended_at: datetime
    expected: int
    found: int
    missing: int
    extra: int
    changed: int
    versions: int
    unfinished: int
    root: bytes
    gaps: tuple[Difference, ...]
    locks_asked: int
    failed: str | None = None

    @property
    def holds(self) -> bool:
        """The count came to its end, there was something to count, and nothing differs."""
        return self.failed is None and self.expected > 0 and not (self.missing or self.extra or self.changed)

    @property
    def words(self) -> str:
        """The outcome in a sentence."""
        if self.failed is not None:
            return f"The store could not be counted to its end: {self.failed}"
        if not self.expected and not self.versions:
            return "Nothing to verify: no master is recorded, and the store holds none."
        differ = f"{self.missing} missing, {self.extra} unknown, {self.changed} changed"
        return f"{self.found} of {self.expected} masters are there; {differ}."


def take(house: House, *, stopping: threading.Event | None = None, most_kept: int = counted.MOST_KEPT) -> Census:
    """Count the store, write down what was found, and open an incident for each object that differs.

    `most_kept`: differences that the report names; of the rest it says which events tell of them. What cannot be
    counted is written down as a census that failed. Raises JobStopped when told to stop.
    """
    count = _Count(house, stopping or threading.Event(), most_kept)
    failed = None
    try:
        count.run()
    except (StoreError, CountFailed) as error:
        failed = str(error)
    census = count.result(failed)
    counted.write_down(house, census, count.journal)
    return census


class _Count:
    """One census on its way. The differences that it comes upon are written down as it goes."""

    def __init__(self, house: House, stopping: threading.Event, most_kept: int) -> None:
        self.id, self.began = new_id(), clock.now()
        self.tally = Tally()
        self.journal = counted.Journal(house, self.id, most_kept=most_kept)
        self._house, self._stopping = house, stopping
        self._locks = _Sample(house.settings.census_locks)
        self._asked_again: list[Wanted] = []  # masters with an open incident, whatever the lot says

    def run(self) -> None:
        """Go through both sides, then ask for locks, then look at what else lies in the bucket."""
        wanted = counted.wanted(self._house, self._locks_and_counts)
        listed = self._house.masters.list_versions()
        for pairs in _batches(match(wanted, self._flat(listed)), AT_ONCE):
            self._go_on()
            for pair in pairs:
                self._hash(pair.versions)
            self._add([each for pair in pairs if pair.wanted for each in self._of_master(pair, pair.wanted)])
            self._add(self._of_strangers([pair for pair in pairs if pair.wanted is None]))
        for strangers in _batches(self._house.masters.list_strangers(), AT_ONCE):
            self._go_on()
            self._add([unknown(each) for each in strangers])
        for each in self._to_ask:
            self._go_on()
            self._add(self._of_lock(each))

    def result(self, failed: str | None) -> Census:
        """What has been counted."""
        tally = self.tally
        return Census(
            id=self.id,
            began_at=self.began,
            ended_at=clock.now(),
            expected=tally.expected,
            found=tally.found,
            missing=tally.gaps[Gap.MISSING],
            extra=tally.gaps[Gap.EXTRA],
            changed=tally.gaps[Gap.CHANGED],
            versions=tally.versions,
            unfinished=tally.unfinished,
            root=tally.frontier.root(),
            gaps=tuple(self.journal.kept),
            locks_asked=len(self._to_ask),
            failed=failed,
        )

    @property
    def _to_ask(self) -> list[Wanted]:
        """The masters whose locks are asked for, each once."""
        return list({each.key: each for each in (*self._locks.kept, *self._asked_again)}.values())

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise JobStopped("the census")

    def _add(self, found: list[Difference]) -> None:
        for each in found:
            self.tally.gaps[each.gap] += 1
        self.journal.add(found)

    def _locks_and_counts(self, wanted: Wanted) -> None:
        self.tally.expected += 1
        if wanted.lock.until > clock.now():
            self._locks.offer(wanted)

    def _flat(self, listed: Iterator[ListedVersion]) -> Iterator[ListedVersion]:
        """The versions that may be masters, counted. A store may list deeper keys out of order: they are strangers."""
        for each in listed:
            if "/" in each.key.removeprefix(MASTERS):
                self._add([unknown(each)])
                continue
            yield each

    def _of_master(self, pair: Pair, wanted: Wanted) -> list[Difference]:
        found = differences(pair)
        if any(each.gap is Gap.MISSING for each in found):
            # A list may lag behind, or leave something out: whether the object is there is asked once more.
            try:
                there = self._house.masters.head(wanted.key, version_id=wanted.version_id)
            except MasterMissing:
                return found
            late = wanted.verified_at > self.began - JUST_NOW and there.size == wanted.size
            found = [each for each in found if each.gap is not Gap.MISSING]
            found += [] if late else [unlisted(wanted, there.size)]
        self.tally.found += 1
        self.journal.in_order(wanted.subject(Gap.MISSING))
        is_open = self.journal.is_open(wanted.subject(Gap.CHANGED))
        if is_open and wanted.lock.until > clock.now():
            self._asked_again.append(wanted)
        return found

    def _of_strangers(self, pairs: list[Pair]) -> list[Difference]:
        """Objects of no master: those of an arrival are known, whatever became of it."""
        known = counted.known_arrivals(self._house, [pair.key for pair in pairs])
        self.tally.unfinished += len(known)
        # A row alone may have been written afterwards: it settles no incident.
        rows_alone = [each for pair in pairs if known.get(pair.key) is False for each in differences(pair)]
        self.journal.still_there |= {each.subject for each in rows_alone}
        return [each for pair in pairs if pair.key not in known for each in differences(pair)]

    def _of_lock(self, wanted: Wanted) -> list[Difference]:
        try:
            found = self._house.masters.head(wanted.key, version_id=wanted.version_id)
        except MasterMissing:
            return []  # named already
        differs = lock_differs(wanted, found.lock)
        if differs is None:
            self.journal.in_order(wanted.subject(Gap.CHANGED))
        return [] if differs is None else [differs]

    def _hash(self, versions: Sequence[ListedVersion]) -> None:
        ordered = sorted((each for each in versions if not each.is_mark), key=lambda each: each.version_id)
        self.tally.versions += len(ordered)
        leaves = [leaf_hash(f"{each.key}\0{each.version_id}\0{each.size}\0".encode()) for each in ordered]
        self.tally.frontier = self.tally.frontier.extend(leaves)


class _Sample:
    """So many of all that are offered, each with the same chance."""

    def __init__(self, size: int) -> None:
        self._size, self._offered = size, 0
        self._heap: list[tuple[float, int, Wanted]] = []

    def offer(self, wanted: Wanted) -> None:
        self._offered += 1
        ticket = (random.SystemRandom().random(), self._offered, wanted)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, ticket)
        elif self._heap and ticket > self._heap[0]:
            heapq.heapreplace(self._heap, ticket)

    @property
    def kept(self) -> list[Wanted]:
        return [wanted for _, _, wanted in self._heap]


def _batches(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    running = iter(things)
    while batch := list(islice(running, size)):
        yield batch
