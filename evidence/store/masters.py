"""Masters over S3. Keeps the promises of MasterStore; asks the store again after every doubtful answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from evidence.store import ListedVersion, Lock, Ranges, SentPart, SignedPut, StoredObject, StoredPart, StoreSettings
from evidence.store.durability import sync_folder
from evidence.store.errors import (
    MasterMissing,
    NotAsAgreed,
    ObjectMissing,
    PartsMissing,
    StoreAway,
    StoreRefused,
    UploadGone,
)
from evidence.store.keys import MASTERS, PROBE, check_key
from evidence.store.listing import strangers, versions
from evidence.store.reading import ObjectRanges, Place, read
from evidence.store.s3 import connect, speaking

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MOST_PARTS = 10_000
# The store's words for an upload that may be complete already: a repeated complete meets one of these.
PERHAPS_DONE = {"PreconditionFailed", "ConditionalRequestConflict", "InvalidRequest", "InternalError"}


class S3MasterStore:
    """The masters bucket, as its ingest identity (which cannot delete) and its reader identity."""

    def __init__(self, settings: StoreSettings) -> None:
        self.bucket = settings.masters_bucket
        self._local_folder = settings.local_folder
        self._ingest = connect(settings.endpoint, key=settings.ingest, region=settings.region)
        self._reader = connect(settings.endpoint, key=settings.reader, region=settings.region)
        outside = settings.public_endpoint or settings.endpoint
        self._signer = connect(outside, key=settings.ingest, region=settings.region)

    def begin(self, key: str, *, lock: Lock) -> str:
        """Begin an upload; the store will check SHA-256 part by part."""
        with speaking(f"begin {key}"):
            answer = self._ingest.create_multipart_upload(
                Bucket=self.bucket, Key=check_key(key), ChecksumAlgorithm="SHA256",
                ObjectLockMode=lock.mode, ObjectLockRetainUntilDate=lock.kept_until,
            )  # fmt: skip
        return answer["UploadId"]

    def sign_part(
        self, key: str, upload_id: str, *, number: int, size: int, sha256: str, expires: timedelta
    ) -> SignedPut:
        """A PUT of one part, with its length and its SHA-256 in the signature."""
        if not 1 <= number <= MOST_PARTS:
            raise ValueError(f"there is no part {number}")
        named = {"Key": check_key(key), "UploadId": upload_id, "PartNumber": number}
        return self._signed("upload_part", named, size=size, sha256=sha256, expires=expires)

    def sign_put(self, key: str, *, size: int, sha256: str, lock: Lock, expires: timedelta) -> SignedPut:
        """A PUT of a whole object, with length, SHA-256 and lock in the signature."""
        until = lock.kept_until.strftime("%Y-%m-%dT%H:%M:%SZ")
        named = {
            "Key": check_key(key), "ObjectLockMode": lock.mode, "ObjectLockRetainUntilDate": until,
            "IfNoneMatch": "*",
        }  # fmt: skip
        also = {
            "x-amz-object-lock-mode": lock.mode,
            "x-amz-object-lock-retain-until-date": until,
            "if-none-match": "*",
        }
        return self._signed("put_object", named, size=size, sha256=sha256, expires=expires, also=also)

    def _signed(
        self, operation: str, named: Mapping[str, object], *, size: int, sha256: str, expires: timedelta,
        also: Mapping[str, str] | None = None,
    ) -> SignedPut:  # fmt: skip
        checksum = _base64(sha256)
        url = self._signer.generate_presigned_url(
            operation,
            Params={"Bucket": self.bucket, "ContentLength": size, "ChecksumSHA256": checksum, **named},
            ExpiresIn=int(expires.total_seconds()),
        )
        return SignedPut(url=url, headers={"x-amz-checksum-sha256": checksum, **(also or {})})

    def stored_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """The parts that have arrived; every page of the list is asked for."""
        pages = self._ingest.get_paginator("list_parts")
        with speaking(f"list the parts of {key}", missing=MasterMissing):
            listed = [
                StoredPart(number=part["PartNumber"], size=part["Size"], etag=part["ETag"])
                for page in pages.paginate(Bucket=self.bucket, Key=check_key(key), UploadId=upload_id)
                for part in page.get("Parts", [])
            ]  # fmt: skip
        return sorted(listed, key=lambda part: part.number)

    def complete(self, key: str, upload_id: str, *, parts: Sequence[SentPart], size: int, lock: Lock) -> StoredObject:
        """Make one object of the parts, then ask the store what it has made.

        The sizes are added up before: an object of the wrong size would be locked for weeks.
        """
        version_id = None
        try:
            agreed = self._agreed(key, upload_id, parts, size)
            version_id = self._complete(key, upload_id, agreed)
        except (UploadGone, StoreAway) as doubt:
            # The upload may be complete all the same: a lost answer, or a second try after one.
            try:
                return self.confirm(key, size=size, lock=lock)
            except MasterMissing:
                raise doubt from None
        return self.confirm(key, size=size, lock=lock, version_id=version_id)

    def _agreed(self, key: str, upload_id: str, parts: Sequence[SentPart], size: int) -> list[CompletedPartTypeDef]:
        """The parts as the store wants them named, after a look at what has really arrived."""
        stored = {part.number: part for part in self.stored_parts(key, upload_id)}
        missing = [
            part.number for part in parts
            if part.number not in stored or stored[part.number].etag.strip('"') != part.etag.strip('"')
        ]  # fmt: skip
        if missing or not parts:
            raise PartsMissing(key, missing)
        total = sum(stored[part.number].size for part in parts)
        if total != size:
            raise NotAsAgreed(key, fact="the size of all parts", expected=size, found=total)
        return [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumSHA256": _base64(part.sha256)}
            for part in sorted(parts, key=lambda part: part.number)
        ]

    def _complete(self, key: str, upload_id: str, parts: list[CompletedPartTypeDef]) -> str | None:
        try:
            with speaking(f"complete {key}"):
                answer = self._ingest.complete_multipart_upload(
                    Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts},
                    IfNoneMatch="*",
                )  # fmt: skip
        except StoreRefused as refused:
            if refused.code in PERHAPS_DONE:
                raise StoreAway(f"complete {key}", because=str(refused)) from refused
            if refused.code in {"InvalidPart", "InvalidPartOrder"}:
                raise PartsMissing(key, [part["PartNumber"] for part in parts]) from refused
            raise
        return answer.get("VersionId")

    def confirm(self, key: str, *, size: int, lock: Lock, version_id: str | None = None) -> StoredObject:
        """Ask the store for the object, compare its size, and see that it is locked at least as agreed."""
        found = self._place(self._ingest, key, version_id).head()
        if found.size != size:
            raise NotAsAgreed(key, fact="the size", expected=size, found=found.size)
        return self._locked(found, lock)

    def abort(self, key: str, upload_id: str) -> None:
        """Forget an unfinished upload. A part that is still on its way may need a second abort."""
        try:
            with speaking(f"abort the upload of {key}"):
                self._ingest.abort_multipart_upload(Bucket=self.bucket, Key=check_key(key), UploadId=upload_id)
        except (UploadGone, ObjectMissing):
            return

    def head(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """What the store says about the object now."""
        return self._place(self._reader, key, version_id).head()

    def list_versions(self) -> Iterator[ListedVersion]:
        """Every version of every master, in the order of keys."""
        return versions(self._reader, self.bucket, MASTERS)

    def list_strangers(self) -> Iterator[ListedVersion]:
        """What else there is in the bucket, but for the probe's own."""
        return strangers(self._reader, self.bucket, (MASTERS, PROBE))

    def read(self, key: str, *, version_id: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of [start, stop)."""
        return read(self._place(self._reader, key, version_id), start=start, stop=stop)

    def ranges(self, key: str, *, version_id: str) -> Ranges:
        """Random access."""
        return ObjectRanges(self._place(self._reader, key, version_id))

    def make_durable(self) -> None:
        """Have an embedded store's files written to the disk; another store answers for its own."""
        if self._local_folder is None:
            return
        try:
            sync_folder(self._local_folder)
        except OSError as error:
            raise StoreAway("write to the disk", because=str(error)) from error

    def extend_lock(self, key: str, *, version_id: str, lock: Lock) -> StoredObject:
        """Lock at least until then; nothing is ever shortened or loosened."""
        return self._locked(self._place(self._ingest, key, version_id).head(), lock)

    def _locked(self, found: StoredObject, lock: Lock) -> StoredObject:
        """The object, with a lock no shorter and no looser than asked for; asks again after setting one."""
        if _is_as_strong(found.lock, lock):
            return found
        wanted = _strongest(found.lock, lock)
        with speaking(f"lock {found.key}", missing=MasterMissing):
            self._ingest.put_object_retention(
                Bucket=self.bucket, Key=found.key, VersionId=found.version_id,
                Retention={"Mode": wanted.mode, "RetainUntilDate": wanted.until},
            )  # fmt: skip
        now = self._place(self._ingest, found.key, found.version_id).head()
        if not _is_as_strong(now.lock, lock):
            raise NotAsAgreed(found.key, fact="the lock", expected=wanted, found=now.lock)
        return now

    def _place(self, client: S3Client, key: str, version_id: str | None) -> Place:
        return Place(client, self.bucket, check_key(key), version_id or "", MasterMissing)


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode("ascii")


def _is_as_strong(found: Lock | None, wanted: Lock) -> bool:
    if found is None or found.until < wanted.kept_until:
        return False
    return found.mode in {wanted.mode, "COMPLIANCE"}


def _strongest(found: Lock | None, wanted: Lock) -> Lock:
    if found is None:
        return Lock(wanted.mode, wanted.kept_until)
    mode = "COMPLIANCE" if "COMPLIANCE" in (found.mode, wanted.mode) else wanted.mode
    return Lock(mode, max(found.until, wanted.kept_until))
