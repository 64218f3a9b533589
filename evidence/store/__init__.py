"""What an object store promises, whatever serves it.

Masters live in a versioned bucket with Object Lock: written once, never altered, never deleted from here.
Renditions live in a plain bucket: they can always be made again. The custody log's tree and checkpoints live in a
third, locked for good. keys.py says where each object lies, masters.py, renditions.py and custody.py keep the
promises over S3, s3.py alone speaks to the S3 library, and probe.py finds out before start-up whether a store
deserves masters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]

CHUNK = 1 << 20  # bytes in each piece of a read but the last


@dataclass(frozen=True, slots=True)
class StoreKey:
    """An access key of one identity, and its secret."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the store is and as whom we speak to it.

    `public_endpoint` is the store's address as docks reach it, named in presigned URLs; empty: `endpoint`.
    `disposer` is needed by the probe alone, to show that the lock holds against one who may delete.
    `custody_lock_days` is how long objects of the custody log are locked, always in COMPLIANCE mode.
    `local_folder` is where an embedded store keeps its objects; every other store sees to its own disks.
    """

    endpoint: str
    ingest: StoreKey
    reader: StoreKey
    renditions: StoreKey
    custody: StoreKey
    public_endpoint: str = ""
    region: str = "us-east-1"
    masters_bucket: str = "masters"
    renditions_bucket: str = "renditions"
    custody_bucket: str = "custody"
    custody_lock_days: int = 1
    disposer: StoreKey | None = None
    local_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """An Object Lock: until then the store refuses to delete the version. `until` is aware, to the second."""

    mode: LockMode
    until: datetime

    def __post_init__(self) -> None:
        if self.until.tzinfo is None:
            raise ValueError("a lock date without a time zone is not a date")

    @property
    def kept_until(self) -> datetime:
        """`until` rounded up to the whole second: stores keep no more, and none may end early."""
        whole = self.until.replace(microsecond=0)
        return whole if whole == self.until else whole + timedelta(seconds=1)

    def keeps(self, promised: Lock) -> bool:
        """Whether it is as strict as the promised one and lasts as long. Whether it has run out is another question."""
        return self.mode in {promised.mode, "COMPLIANCE"} and self.until >= promised.until


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as the store itself describes it. `version_id` is empty in a bucket without versions."""

    key: str
    version_id: str
    size: int
    etag: str
    lock: Lock | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """One version of one object, as the store lists it. `is_mark`: no bytes, but a mark that hides the others."""

    key: str
    version_id: str
    size: int
    is_latest: bool
    is_mark: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part of an unfinished upload, as the store lists it."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """A part as its sender names it when an upload is completed: the store's ETag and its SHA-256 (hex).

    The store asks for each part's digest again, and not every store lists them.
    """

    number: int
    etag: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPut:
    """A PUT that anyone may make until it expires: exactly these headers, and a body that they describe."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRendition:
    """A rendition as it was stored, with the digest of what was sent (SHA-256, lower-case hex)."""

    key: str
    size: int
    sha256: str


class Ranges(Protocol):
    """Random access to one object. Safe to use from several threads."""

    @property
    def size(self) -> int:
        """Bytes in the object."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly these bytes, fewer only where the object ends. Raises ShortRead, ObjectMissing, StoreAway."""
        ...


class MasterStore(Protocol):
    """Keeps masters: written once, never altered, never deleted from here.

    An upload is begun, filled through signed part URLs by those who hold the bytes, and completed; a small
    object is one signed PUT and then confirmed. The store checks each part against the SHA-256 that is
    signed into its URL. What `complete` and `confirm` return was asked of the store afterwards: it has the
    agreed size and at least the agreed lock. Both may be repeated, whatever became of the first answer.
    """

    bucket: str

    def begin(self, key: str, *, lock: Lock) -> str:
        """Begin an upload whose object will be locked from its first moment; returns the upload's id."""
        ...

    def sign_part(
        self, key: str, upload_id: str, *, number: int, size: int, sha256: str, expires: timedelta
    ) -> SignedPut:
        """A PUT of one part (1 to 10000) of exactly `size` bytes with this SHA-256 (hex)."""
        ...

    def sign_put(self, key: str, *, size: int, sha256: str, lock: Lock, expires: timedelta) -> SignedPut:
        """A PUT of a whole small object, locked, which fails where the key is taken."""
        ...

    def stored_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """The parts that have arrived, by number. Raises UploadGone."""
        ...

    def complete(self, key: str, upload_id: str, *, parts: Sequence[SentPart], size: int, lock: Lock) -> StoredObject:
        """Make one object of the parts.

        Raises PartsMissing where the store has not got exactly these, NotAsAgreed where they do not add
        up to `size` (nothing is completed then), UploadGone, StoreAway (repeat it).
        """
        ...

    def confirm(self, key: str, *, size: int, lock: Lock, version_id: str | None = None) -> StoredObject:
        """Ask the store for the object; lock it where the lock is missing. Raises MasterMissing, NotAsAgreed."""
        ...

    def abort(self, key: str, upload_id: str) -> None:
        """Forget an unfinished upload and its parts. Nothing happens where the store knows none."""
        ...

    def head(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """What the store says about the object now. Raises MasterMissing."""
        ...

    def list_versions(self) -> Iterator[ListedVersion]:
        """Every version below `masters/`, in the order of keys (as bytes). Raises StoreAway rather than end early."""
        ...

    def list_strangers(self) -> Iterator[ListedVersion]:
        """Every version in the bucket that is neither below `masters/` nor of the probe, in any order."""
        ...

    def read(self, key: str, *, version_id: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `stop` (the end, where not given), in pieces of CHUNK bytes.

        Never ends early in silence: raises ShortRead, MasterMissing or StoreAway instead.
        """
        ...

    def ranges(self, key: str, *, version_id: str) -> Ranges:
        """Random access. Raises MasterMissing at once."""
        ...

    def make_durable(self) -> None:
        """Return when nothing that the store has acknowledged can be lost to a power cut any more.

        To be called before a receipt is committed. Raises StoreAway.
        """
        ...

    def extend_lock(self, key: str, *, version_id: str, lock: Lock) -> StoredObject:
        """Lock at least until then: a longer or stricter lock stays as it is. Raises NotAsAgreed."""
        ...


class RenditionStore(Protocol):
    """Keeps what can be made again. The only store objects that this product may delete."""

    bucket: str

    def put_file(self, key: str, path: Path, *, content_type: str) -> StoredRendition:
        """Store a file; its size is checked with the store before this returns."""
        ...

    def put_bytes(self, key: str, data: bytes, *, content_type: str) -> StoredRendition:
        """Store a small rendition that is in memory."""
        ...

    def head(self, key: str) -> StoredObject:
        """What the store says about it. Raises RenditionMissing."""
        ...

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """As MasterStore.read, raising RenditionMissing."""
        ...

    def ranges(self, key: str) -> Ranges:
        """Random access. Raises RenditionMissing at once."""
        ...

    def delete(self, key: str) -> None:
        """Remove it. Nothing happens where it is not there."""
        ...


class CustodyStore(Protocol):
    """Keeps what the custody log is checked against: tiles, bundles, checkpoints, time-stamps, head maps.

    Written once and locked in COMPLIANCE mode, so that nobody may change or remove them before their time, us
    included. Only partial tiles and bundles (below `partial/`) and the newest checkpoint are not locked.
    """

    bucket: str

    def put_new(self, key: str, data: bytes, *, locked: bool) -> None:
        """Store an object that is not there yet, and read it back. The same bytes there already are fine.

        Raises CustodyObjectDiffers where the key holds other bytes, NotAsAgreed where a lock is missing, StoreAway.
        """
        ...

    def put_latest(self, key: str, data: bytes) -> None:
        """Store an object that replaces the one before, and is not locked."""
        ...

    def get(self, key: str) -> bytes:
        """All bytes of an object. Raises ObjectMissing, StoreAway."""
        ...

    def beneath(self, first: str, last: str) -> Iterator[tuple[str, bytes]]:
        """Each version that another was laid over, of keys from `first` to `last`: key, all bytes. Raises StoreAway."""
        ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """The keys below a prefix, in the order of their bytes, from the first one after `after`."""
        ...

    def digests(self, prefix: str, *, after: str = "", at_once: int = 1000) -> Iterator[tuple[str, str]]:
        """The same keys, each with the MD5 (hex) that the store computed of the bytes; empty where it tells none.

        `at_once` are asked for in one question, 1000 at most.
        """
        ...

    def clear_partial(self, prefix: str) -> None:
        """Remove what is partial below `prefix`, every version. Raises NotAKey outside `partial/`."""
        ...
