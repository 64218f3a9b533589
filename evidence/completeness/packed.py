"""Which event told of each of very many differences: 24 bytes for one, looked up without taking them apart. Pure."""

from __future__ import annotations

from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

HASH: Final = 8  # bytes of a subject's hash: that the event told of this very difference is looked up in the log
ENTRY: Final = HASH + 16


@dataclass(frozen=True, slots=True)
class Packed:
    """Entries in order: the beginning of the hash of a difference's subject, and the id of the event that told of it.

    What somebody put out of order is not found, or found wrong: the event says of what it tells.
    """

    entries: bytes = b""

    @staticmethod
    def of(entries: Iterable[bytes]) -> Packed:
        """Each entry as `entry` makes it."""
        return Packed(b"".join(sorted(entries)))

    @staticmethod
    def read(said: object) -> Packed:
        """What `as_text` has written; nothing where it cannot be that."""
        try:
            entries = b64decode(said, validate=True) if isinstance(said, str) else b""
        except ValueError:
            return Packed()
        return Packed(b"" if len(entries) % ENTRY else entries)

    @property
    def as_text(self) -> str:
        """The entries for JSON."""
        return b64encode(self.entries).decode()

    def __len__(self) -> int:
        return len(self.entries) // ENTRY

    def events(self) -> Iterator[bytes]:
        """The id of each event, in the order of the entries."""
        return (self.entries[at + HASH : at + ENTRY] for at in range(0, len(self.entries), ENTRY))

    def get(self, subject: str) -> UUID | None:
        """The event that told of the difference with this subject, if one did."""
        wanted = _hash(subject)
        at = bisect_left(range(len(self)), wanted, key=self._hash_at)
        if at == len(self) or self._hash_at(at) != wanted:
            return None
        return UUID(bytes=self.entries[at * ENTRY + HASH : (at + 1) * ENTRY])

    def _hash_at(self, at: int) -> bytes:
        return self.entries[at * ENTRY : at * ENTRY + HASH]


def entry(subject: str, event: UUID) -> bytes:
    """One difference."""
    return _hash(subject) + event.bytes


def digest_of(events: Iterable[bytes]) -> str:
    """What a count's own event says of the events that told of its differences, whatever their order: SHA-256."""
    return sha256(b"".join(sorted(events))).hexdigest()


def _hash(subject: str) -> bytes:
    return sha256(subject.encode()).digest()[:HASH]
