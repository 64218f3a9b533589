"""What should be in the store and what is, side by side, both in the order of keys. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from uuid import UUID

from evidence.completeness.errors import CountFailed
from evidence.store import ListedVersion, Lock, LockMode


class Gap(StrEnum):
    """How the store differs from the records."""

    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A master that must be there; the recording that it belongs to and its reference, None while it has none.

    `disputes`: how its record and the log differ about it. `said`: what the log says of one that has no record.
    """

    id: UUID
    key: str
    version_id: str
    size: int
    lock: Lock
    verified_at: datetime
    recording: UUID | None
    reference: str | None
    disputes: tuple[str, ...] = ()
    said: str = ""

    def subject(self, gap: Gap) -> str:
        """The subject of the difference of this kind."""
        return _subject(gap, self.key, self.version_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One object that is missing, unknown or changed, with the reason in words."""

    gap: Gap
    key: str
    version_id: str
    because: str
    master: UUID | None = None
    recording: UUID | None = None
    reference: str | None = None

    @property
    def subject(self) -> str:
        """The same text for the same difference, whenever it is found."""
        return _subject(self.gap, self.key, self.version_id)

    def in_words(self) -> str:
        """The difference as a person reads it."""
        belongs = f" ({self.reference})" if self.reference else ""
        return f"{self.gap}: {self.key}{belongs}, version {self.version_id}: {self.because}"


@dataclass(frozen=True, slots=True)
class Pair:
    """One key, with what should stand there and what does."""

    key: str
    wanted: Wanted | None
    versions: Sequence[ListedVersion]


def match(wanted: Iterable[Wanted], listed: Iterable[ListedVersion]) -> Iterator[Pair]:
    """Every key of either side once, in order. Raises CountFailed where a side is out of order."""
    sides = (_ascending(wanted, "the records"), _ascending(listed, "the store"))
    for key, group in groupby(heapq.merge(*sides, key=_bytes_of), lambda each: each.key):
        things = list(group)
        records = [each for each in things if isinstance(each, Wanted)]
        if len(records) > 1:
            raise CountFailed(f"{len(records)} records speak of {key}")
        versions = [each for each in things if isinstance(each, ListedVersion)]
        yield Pair(key, records[0] if records else None, versions)


def differences(pair: Pair) -> list[Difference]:
    """What differs under the key of a master. A version that neither a record nor an event explains is extra."""
    wanted = pair.wanted
    if wanted is None:
        return [unknown(version) for version in pair.versions]
    ours = [each for each in pair.versions if each.version_id == wanted.version_id and not each.is_mark]
    found = [_of(wanted, gap, because) for gap, because in _with_ours(wanted, ours, pair.versions)]
    found += [_of(wanted, Gap.CHANGED, "; ".join(wanted.disputes))] if wanted.disputes else []
    others = [each for each in pair.versions if each not in ours and not each.is_mark]
    return found + [unknown(each, wanted) for each in others]


def unknown(version: ListedVersion, beside: Wanted | None = None) -> Difference:
    """A version that no record explains."""
    mark = "a delete mark" if version.is_mark else f"{version.size} bytes"
    because = f"{mark} of which no record knows"
    if beside is not None:
        because += f", beside the master's own version {beside.version_id}"
    return Difference(
        gap=Gap.EXTRA,
        key=version.key,
        version_id=version.version_id,
        because=because,
        master=None if beside is None else beside.id,
        recording=None if beside is None else beside.recording,
        reference=None if beside is None else beside.reference,
    )


def lock_differs(wanted: Wanted, found: Lock | None) -> Difference | None:
    """A lock that has gone, was loosened or was shortened."""
    if found is None:
        return _of(wanted, Gap.CHANGED, f"the lock until {wanted.lock.until:%d %b %Y} is gone")
    if found.until < wanted.lock.until or _looser(found.mode, wanted.lock.mode):
        because = f"the lock is {found.mode} until {found.until:%d %b %Y}, not {wanted.lock.mode} until "
        return _of(wanted, Gap.CHANGED, because + f"{wanted.lock.until:%d %b %Y}")
    return None


def unlisted(wanted: Wanted, size: int) -> Difference:
    """A master that the store gives when asked for it and leaves out of its list."""
    other = f", with {size} bytes instead of {wanted.size}" if size != wanted.size else ""
    return _of(wanted, Gap.CHANGED, f"the store has it{other}, and leaves it out of its list")


def _with_ours(
    wanted: Wanted, ours: Sequence[ListedVersion], all_of_them: Sequence[ListedVersion]
) -> Iterator[tuple[Gap, str]]:
    if not ours:
        others = f"; {len(all_of_them)} other versions stand under its key" if all_of_them else ""
        said = f"; {wanted.said}" if wanted.said else ""
        yield Gap.MISSING, f"{wanted.size} bytes are not in the store{others}{said}"
    elif ours[0].size != wanted.size:
        yield Gap.CHANGED, f"{ours[0].size} bytes instead of {wanted.size}"
    if any(each.is_mark and each.is_latest for each in all_of_them):
        yield Gap.CHANGED, "a delete mark hides it"


def _subject(gap: Gap, key: str, version_id: str) -> str:
    return f"{gap} {key} {version_id}"


def _of(wanted: Wanted, gap: Gap, because: str) -> Difference:
    return Difference(
        gap=gap,
        key=wanted.key,
        version_id=wanted.version_id,
        because=because,
        master=wanted.id,
        recording=wanted.recording,
        reference=wanted.reference,
    )


def _looser(found: LockMode, wanted: LockMode) -> bool:
    return wanted == "COMPLIANCE" and found != "COMPLIANCE"


def _bytes_of(each: Wanted | ListedVersion) -> bytes:
    return each.key.encode()


def _ascending(side: Iterable[Wanted | ListedVersion], name: str) -> Iterator[Wanted | ListedVersion]:
    before = b""
    for each in side:
        now = _bytes_of(each)
        if now < before:
            raise CountFailed(f"{name} gave {each.key!r} out of order: the two sides cannot be held against each other")
        before = now
        yield each
