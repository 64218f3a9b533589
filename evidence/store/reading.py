"""Reads that never end early in silence, for masters and renditions alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evidence.store import CHUNK, Lock, LockMode, StoredObject
from evidence.store.errors import ObjectMissing, ShortRead, StoreRefused
from evidence.store.s3 import BROKEN_STREAM, speaking

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

TRIES = 4  # in a row without a single new byte


@dataclass(frozen=True, slots=True)
class Place:
    """One version of one object, and the client that may read it."""

    client: S3Client
    bucket: str
    key: str
    version_id: str
    missing: type[ObjectMissing]

    def head(self) -> StoredObject:
        """What the store says about it."""
        with speaking(f"look at {self.key}", missing=self.missing):
            if self.version_id:
                answer = self.client.head_object(Bucket=self.bucket, Key=self.key, VersionId=self.version_id)
            else:
                answer = self.client.head_object(Bucket=self.bucket, Key=self.key)
        return as_stored(self.key, answer)

    def get(self, start: int, stop: int) -> GetObjectOutputTypeDef:
        """The answer to a ranged read of [start, stop); its body is still on the way."""
        span = f"bytes={start}-{stop - 1}"
        try:
            with speaking(f"read {self.key}", missing=self.missing):
                if self.version_id:
                    return self.client.get_object(
                        Bucket=self.bucket, Key=self.key, VersionId=self.version_id, Range=span
                    )
                return self.client.get_object(Bucket=self.bucket, Key=self.key, Range=span)
        except StoreRefused as refused:
            if refused.code != "InvalidRange":
                raise
            raise ShortRead(self.key, expected=stop, got=self.head().size) from refused


def as_stored(key: str, answer: HeadObjectOutputTypeDef) -> StoredObject:
    """What a HEAD says, in our words."""
    # Either alone is no lock. Without the right to look at locks a store leaves both out.
    mode: LockMode | None = answer.get("ObjectLockMode")
    until: datetime | None = answer.get("ObjectLockRetainUntilDate")
    lock = None if mode is None or until is None else Lock(mode, until.astimezone(UTC))
    return StoredObject(
        key=key,
        version_id=answer.get("VersionId", ""),
        size=answer["ContentLength"],
        etag=answer["ETag"],
        lock=lock,
    )


def read(place: Place, *, start: int, stop: int | None) -> Iterator[bytes]:
    """Yield the bytes of [start, stop) in pieces of CHUNK bytes; a broken stream is taken up where it broke.

    With `stop` the store is asked once and not first for the size: that halves the wait for a range.
    """
    end = place.head().size if stop is None else stop
    if not 0 <= start <= end:
        raise ValueError(f"there is no range from {start} to {end}")
    tries = 0
    while start < end:
        before, broke = start, None
        try:
            for piece in _pieces(place, start, end):
                start += len(piece)
                yield piece
        except BROKEN_STREAM as error:
            broke = error
        tries = tries + 1 if start == before else 0
        if start < end and tries >= TRIES:
            raise ShortRead(place.key, expected=end, got=start) from broke


def _pieces(place: Place, start: int, end: int) -> Iterator[bytes]:
    answer = place.get(start, end)
    body = answer["Body"]
    try:
        if answer["ContentLength"] != end - start:
            raise ShortRead(place.key, expected=end, got=start + answer["ContentLength"])
        while piece := body.read(CHUNK):
            yield piece
    finally:
        body.close()


class ObjectRanges:
    """Random access to one version of one object."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._size = place.head().size

    @property
    def size(self) -> int:
        """Bytes in the object."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly these bytes, fewer only where the object ends."""
        if offset < 0 or length < 0:
            raise ValueError(f"there is no range of {length} bytes at {offset}")
        stop = min(offset + length, self._size)
        if stop <= offset:
            return b""
        for _ in range(TRIES):
            try:
                got = b"".join(_pieces(self._place, offset, stop))
            except BROKEN_STREAM:
                continue
            if len(got) == stop - offset:
                return got
        raise ShortRead(self._place.key, expected=stop - offset, got=0)
