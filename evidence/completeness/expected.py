"""What must be in the store: what the log says was stored, and what the records say of it, held against each other.

A record is a row that can be changed or lost; the event that says that a master was stored is numbered and signed for.
So what the event says is what must be there, whatever the row says or whether there is one. No kind of event takes a
master out of the store again: retention's disposal, once there is one, is the only thing that may. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from evidence import clock
from evidence.completeness.matching import Wanted
from evidence.store import Lock, LockMode
from evidence.store.keys import master_key

MASTER = "master"  # the object of its event that is the master itself
LONGEST = 140  # characters of a value that are shown
UNKNOWN_VERSION = "unknown"
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # of what neither a record nor a readable event says


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A master as its row has it, with the recording that it belongs to."""

    bucket: str
    key: str
    version_id: str
    size: int
    sha256: str
    sha512: str
    tree: str
    lock: Lock
    verified_at: datetime
    recording: UUID | None
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A master as its event has it. `version_id` and the digests beside SHA-256 may be left out there."""

    event: str
    at: datetime
    size: int
    sha256: str
    lock_mode: LockMode
    sha512: str | None = None
    tree: str | None = None
    version_id: str | None = None

    @property
    def same(self) -> tuple[object, ...]:
        """What two events about one master have to agree in."""
        return (self.size, self.sha256, self.sha512, self.tree, self.version_id)


def read_stored(leaf: bytes) -> Stored | None:
    """What the event says was stored; None where it cannot be read, which the log's own verification names."""
    try:
        said = json.loads(leaf)
        held = next(each for each in said["obj"] if each["role"] == MASTER)
        return Stored(
            event=str(said["id"]),
            at=clock.from_text(said["at"]),
            size=int(held["size"]),
            sha256=str(held["sha256"]),
            lock_mode=said["facts"]["lock"],
            sha512=held.get("sha512"),
            tree=held.get("tree"),
            version_id=held.get("version_id"),
        )
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return None


def expect(master: UUID, recorded: Recorded | None, leaves: Sequence[bytes], *, bucket: str) -> Wanted:
    """What must stand under the master's key in `bucket`, and how its record and its events differ about it.

    Of several events the first that can be read is held to be right. `leaves`: the events that say that it was stored,
    the first one first.
    """
    events = [each for each in map(read_stored, leaves) if each is not None]
    stored = events[0] if events else None
    disputes = [*_among(leaves, events), *_beside(master, recorded, stored, bucket)]
    return Wanted(
        id=master,
        key=master_key(master),
        version_id=_version(recorded, stored),
        size=stored.size if stored else recorded.size if recorded else 0,
        lock=_lock(recorded, stored),
        verified_at=stored.at if stored else recorded.verified_at if recorded else LONG_AGO,
        recording=recorded.recording if recorded else None,
        reference=recorded.reference if recorded else None,
        disputes=tuple(disputes),
        said=_said(stored) if recorded is None and stored else "",
    )


def _version(recorded: Recorded | None, stored: Stored | None) -> str:
    said = stored.version_id if stored else None
    return said or (recorded.version_id if recorded else UNKNOWN_VERSION)


def _lock(recorded: Recorded | None, stored: Stored | None) -> Lock:
    """An event does not say until when: without a record no lock is asked for."""
    if recorded is not None:
        return recorded.lock
    return Lock(stored.lock_mode, stored.at) if stored else Lock("GOVERNANCE", LONG_AGO)


def _among(leaves: Sequence[bytes], events: Sequence[Stored]) -> Iterator[str]:
    if len(events) < len(leaves):
        yield f"{len(leaves) - len(events)} events that say that it was stored cannot be read"
    if len({each.same for each in events}) > 1:
        yield f"{len(events)} events of the log say that it was stored, and differ; the first is {events[0].event}"


def _beside(master: UUID, recorded: Recorded | None, stored: Stored | None, bucket: str) -> Iterator[str]:
    if recorded is None:
        yield "no record of the master is there" + (f", and event {stored.event} says it was stored" if stored else "")
        return
    if stored is None:
        yield "it is recorded as a master, and no event of the log says that it was stored"
    pairs: list[tuple[str, object, object]] = [
        ("bucket", recorded.bucket, bucket),
        ("key", recorded.key, master_key(master)),
    ]
    if stored is not None:
        pairs += [
            ("version", recorded.version_id, stored.version_id),
            ("size", recorded.size, stored.size),
            ("SHA-256", recorded.sha256, stored.sha256),
            ("SHA-512", recorded.sha512, stored.sha512),
            ("tree digest", recorded.tree, stored.tree),
            ("lock", recorded.lock.mode, stored.lock_mode),
        ]
    for name, ours, right in pairs:
        if right is not None and ours != right:
            where = "" if stored is None or name in {"bucket", "key"} else f" of event {stored.event}"
            yield f"its record has the {name} {_short(ours)}, not {_short(right)}{where}"


def _said(stored: Stored) -> str:
    return f"event {stored.event} of {stored.at:%d %b %Y %H:%M} UTC stored it, SHA-256 {_short(stored.sha256)}"


def _short(value: object) -> str:
    return str(value)[:LONGEST]
