"""The custody log's objects over S3. Keeps the promises of CustodyStore."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, TypedDict

from evidence import clock
from evidence.store import CustodyStore, Lock, StoreSettings
from evidence.store.errors import CustodyObjectDiffers, NotAsAgreed, ShortRead, StoreAway, StoreRefused
from evidence.store.keys import NotAKey, check_key
from evidence.store.listing import versions
from evidence.store.reading import as_stored
from evidence.store.s3 import BROKEN_STREAM, connect, speaking

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import PutObjectOutputTypeDef

__all__ = ["PARTIAL", "CustodyStore", "S3CustodyStore"]

PARTIAL = "partial/"
TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
AT_ONCE = 1000  # keys in a page; S3 gives no more
MD5 = re.compile(r"[0-9a-f]{32}")
TRIES = 3  # reads of one object whose stream breaks


class _Locked(TypedDict, total=False):
    ObjectLockMode: Any
    ObjectLockRetainUntilDate: Any
    IfNoneMatch: str


class _Version(TypedDict, total=False):
    VersionId: str


class S3CustodyStore:
    """The custody bucket, as the identity that may write there, and remove nothing but what is partial."""

    def __init__(self, settings: StoreSettings) -> None:
        self.bucket = settings.custody_bucket
        self._lock_for = timedelta(days=settings.custody_lock_days)
        self._client: S3Client = connect(settings.endpoint, key=settings.custody, region=settings.region)
        self._replaced: dict[str, str] = {}

    def put_new(self, key: str, data: bytes, *, locked: bool) -> None:
        """Store what is not there yet. Whatever the answer was, what counts is what is read back."""
        options: _Locked = {"IfNoneMatch": "*"}
        if locked:
            until = Lock("COMPLIANCE", clock.now() + self._lock_for).kept_until
            options |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        try:
            self._put(key, data, options)
        except StoreRefused as refused:
            if refused.code not in TAKEN and refused.status != 412:
                raise
        self._confirm(key, data, locked=locked)

    def put_latest(self, key: str, data: bytes) -> None:
        """Store what replaces the one before; the version that it replaces goes, where we wrote it."""
        version = self._put(key, data, {}).get("VersionId", "")
        before, self._replaced[key] = self._replaced.get(key, ""), version
        if before and before != version:
            with speaking(f"remove what {key} was before"):
                self._client.delete_object(Bucket=self.bucket, Key=key, VersionId=before)

    def get(self, key: str) -> bytes:
        """All bytes of an object."""
        return self._get(key)[0]

    def beneath(self, first: str, last: str) -> Iterator[tuple[str, bytes]]:
        """What lies under the newest versions of objects."""
        prefix = commonprefix([first, last])  # noqa: RUF071 - keys are no paths: S3 compares their letters
        for each in versions(self._client, self.bucket, prefix, after=first[:-1]):
            if each.key > last:
                return
            if each.key >= first and not each.is_mark and not each.is_latest:
                yield each.key, self._get(each.key, each.version_id)[0]

    def list(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """The keys below a prefix, page by page. Never ends early in silence."""
        return (key for key, _ in self.digests(prefix, after=after))

    def digests(self, prefix: str, *, after: str = "", at_once: int = 1000) -> Iterator[tuple[str, str]]:
        """The same, each with its MD5 as the store computed it."""
        start = after
        while True:
            with speaking(f"list {prefix} in {self.bucket}"):
                page = self._client.list_objects_v2(
                    Bucket=self.bucket, Prefix=prefix, StartAfter=start, MaxKeys=at_once
                )  # fmt: skip
            found = [(each["Key"], _md5(each.get("ETag", ""))) for each in page.get("Contents", [])]
            found = [each for each in found if each[0] > after]
            yield from found
            if not page.get("IsTruncated", False):
                return
            if not found or found[-1][0] == start:
                raise StoreAway(f"list {prefix} in {self.bucket}", because="there is more, and the list does not go on")
            start = found[-1][0]

    def clear_partial(self, prefix: str) -> None:
        """Remove what is partial below a prefix."""
        if not prefix.startswith(PARTIAL):
            raise NotAKey(f"{prefix[:120]!r} is not partial, and stays")
        for each in list(versions(self._client, self.bucket, prefix)):
            with speaking(f"remove {each.key}"):
                self._client.delete_object(Bucket=self.bucket, Key=each.key, VersionId=each.version_id)

    def _put(self, key: str, data: bytes, options: _Locked) -> PutObjectOutputTypeDef:
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
        with speaking(f"write {key}"):
            return self._client.put_object(
                Bucket=self.bucket, Key=check_key(key), Body=data, ChecksumSHA256=checksum, **options
            )

    def _confirm(self, key: str, data: bytes, *, locked: bool) -> None:
        there, mode = self._get(key)
        if there != data:
            raise CustodyObjectDiffers(key, there=len(there), ours=len(data))
        if locked and mode != "COMPLIANCE":
            raise NotAsAgreed(key, fact="its lock", expected="COMPLIANCE", found=mode or "none")

    def _get(self, key: str, version: str = "") -> tuple[bytes, str]:
        """All bytes, and the mode of the lock."""
        for attempt in range(1, TRIES + 1):
            with speaking(f"read {key}"):
                which: _Version = {"VersionId": version} if version else {}
                answer = self._client.get_object(Bucket=self.bucket, Key=check_key(key), **which)
            expected = int(answer["ContentLength"])
            try:
                data = answer["Body"].read()
            except BROKEN_STREAM as error:
                if attempt == TRIES:
                    raise ShortRead(key, expected=expected, got=0) from error
                continue
            if len(data) != expected:
                raise ShortRead(key, expected=expected, got=len(data))
            lock = as_stored(key, answer).lock  # type: ignore[arg-type]
            return data, lock.mode if lock else ""
        raise AssertionError("the loop returns or raises")


def _md5(etag: str) -> str:
    """The MD5 in an ETag. That of an object sent in parts, or encrypted with a key of its own, is none."""
    words = etag.strip('"').lower()
    return words if MD5.fullmatch(words) else ""
