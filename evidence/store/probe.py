"""Finds out, before anything is taken in, whether a store deserves masters. Fails closed.

Stores are known that accept a lock and forget it (on multipart uploads above all), or take bytes whose
checksum is wrong. What they claim is therefore tried out on throw-away objects under `probe/`, each locked
for LOCK_FOR and a few bytes long; they stay until a person with the right to delete removes them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from evidence import clock
from evidence.identifiers import new_id
from evidence.store import Lock, LockMode, StoreKey, StoreSettings
from evidence.store.errors import (
    ChecksumRefused,
    MasterMissing,
    ObjectMissing,
    PromiseBroken,
    StoreAway,
    StoreError,
    StoreRefused,
)
from evidence.store.keys import probe_key
from evidence.store.reading import Place
from evidence.store.s3 import connect, speaking

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Kept = TypeVar("Kept")

LOCK_FOR = timedelta(minutes=5)  # longer than the clocks of store and server may differ
BODY = b"Continuity tries out this store.\n"
OTHER = b"Not the bytes that were announced.\n"


class Promise(StrEnum):
    """What a store must keep; each is the sentence that a refusal quotes."""

    VERSIONS = "every version of an object is kept (versioning is enabled)"
    LOCKS = "objects can be locked (Object Lock is enabled)"
    LOCKED_PUT = "an object that is put with a lock is locked"
    LOCKED_PARTS = "an object that is sent in parts with a lock is locked"
    NEVER_SHORTER = "a lock is never shortened"
    NO_DELETION = "whoever takes masters in cannot delete a locked version"
    LOCK_HOLDS = "a locked version is not deleted even by one who may delete"
    OLD_VERSION_STAYS = "a second put under the same key leaves the first version as it was"
    CHECKED_PUT = "bytes that differ from their announced SHA-256 are refused"
    CHECKED_PART = "a part that differs from its announced SHA-256 is refused"
    LOG_LOCKED = "an object of the custody log is locked in COMPLIANCE mode, and whoever wrote it cannot delete it"
    LOG_ONCE = "a key of the custody log that is taken is not written a second time"
    RENDITIONS = "renditions can be written, read and removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """What was found. `refuses_taken_keys` is welcome and not required of masters: their keys are used once anyway."""

    kept: tuple[Promise, ...]
    refuses_taken_keys: bool


def probe(settings: StoreSettings, *, mode: LockMode) -> ProbeReport:
    """Try the store out, within a second or so. Raises PromiseBroken at the first failure, or StoreAway."""
    return _Probe(settings, mode).run()


class _Probe:
    """One run of the probe over one pair of buckets."""

    def __init__(self, settings: StoreSettings, mode: LockMode) -> None:
        self._settings = settings
        self._bucket = settings.masters_bucket
        self._id = new_id()
        self._lock = Lock(mode, clock.now() + LOCK_FOR)
        self._ingest = self._connect(settings.ingest)
        self._kept: list[Promise] = []

    def run(self) -> ProbeReport:
        self._keeps(Promise.VERSIONS, self._versioning)
        self._keeps(Promise.LOCKS, self._locking)
        put = self._keeps(Promise.LOCKED_PUT, self._locked_put)
        parts = self._keeps(Promise.LOCKED_PARTS, self._locked_parts)
        self._keeps(Promise.NEVER_SHORTER, lambda: self._shortening(put))
        for place in (put, parts):
            self._deletions(place)
        self._keeps(Promise.OLD_VERSION_STAYS, lambda: self._second_put(put))
        self._keeps(Promise.CHECKED_PUT, self._wrong_put)
        self._keeps(Promise.CHECKED_PART, self._wrong_part)
        log = self._keeps(Promise.LOG_LOCKED, self._locked_log)
        self._keeps(Promise.LOG_ONCE, lambda: self._log_once(log))
        self._keeps(Promise.RENDITIONS, self._rendition)
        taken = self._is_refused_as_taken(self._ingest, self._bucket, put.key)
        return ProbeReport(kept=tuple(dict.fromkeys(self._kept)), refuses_taken_keys=taken)

    def _deletions(self, place: Place) -> None:
        no, holds = Promise.NO_DELETION, Promise.LOCK_HOLDS
        self._keeps(no, lambda: self._deletion(self._ingest, place, promise=no))
        if self._settings.disposer is not None:
            disposer = self._connect(self._settings.disposer)
            self._keeps(holds, lambda: self._deletion(disposer, place, promise=holds))

    def _connect(self, key: StoreKey) -> S3Client:
        return connect(self._settings.endpoint, key=key, region=self._settings.region)

    def _keeps(self, promise: Promise, trial: Callable[[], Kept]) -> Kept:
        """Run one trial; a refusal or a difference that comes out of it means that the promise is not kept."""
        try:
            result = trial()
        except (StoreAway, PromiseBroken):
            raise
        except StoreError as error:
            raise self._broken(promise, str(error)) from error
        self._kept.append(promise)
        return result

    def _broken(self, promise: Promise, found: str) -> PromiseBroken:
        log, plain = self._settings.custody_bucket, self._settings.renditions_bucket
        others = {Promise.RENDITIONS: plain, Promise.LOG_LOCKED: log, Promise.LOG_ONCE: log}
        return PromiseBroken(promise, bucket=others.get(promise, self._bucket), found=found)

    def _versioning(self) -> None:
        with speaking("ask whether versions are kept"):
            status = self._ingest.get_bucket_versioning(Bucket=self._bucket).get("Status")
        if status != "Enabled":
            raise self._broken(Promise.VERSIONS, f"versioning is {status or 'off'}")

    def _locking(self) -> None:
        with speaking("ask whether objects can be locked"):
            answer = self._ingest.get_object_lock_configuration(Bucket=self._bucket)
        enabled: str | None = answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
        if enabled != "Enabled":
            raise self._broken(Promise.LOCKS, f"Object Lock is {enabled or 'off'}")

    def _locked_put(self) -> Place:
        key = probe_key(self._id, "put")
        with speaking(f"put {key}"):
            answer = self._ingest.put_object(
                Bucket=self._bucket, Key=key, Body=BODY, ChecksumSHA256=_checksum(BODY),
                ObjectLockMode=self._lock.mode, ObjectLockRetainUntilDate=self._lock.kept_until,
            )  # fmt: skip
        return self._is_locked(Promise.LOCKED_PUT, key, answer.get("VersionId", ""))

    def _locked_parts(self) -> Place:
        key = probe_key(self._id, "parts")
        with speaking(f"send {key} in parts"):
            upload = self._ingest.create_multipart_upload(
                Bucket=self._bucket, Key=key, ChecksumAlgorithm="SHA256",
                ObjectLockMode=self._lock.mode, ObjectLockRetainUntilDate=self._lock.kept_until,
            )["UploadId"]  # fmt: skip
            etag = self._ingest.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=1, Body=BODY, ChecksumSHA256=_checksum(BODY)
            )["ETag"]
            answer = self._ingest.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload,
                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag, "ChecksumSHA256": _checksum(BODY)}]},
            )  # fmt: skip
        return self._is_locked(Promise.LOCKED_PARTS, key, answer.get("VersionId", ""))

    def _is_locked(self, promise: Promise, key: str, version_id: str) -> Place:
        place = Place(self._ingest, self._bucket, key, version_id, MasterMissing)
        found = place.head()
        if not version_id or found.version_id != version_id:
            raise self._broken(Promise.VERSIONS, f"{key} has no version of its own")
        if found.size != len(BODY):
            raise self._broken(promise, f"{key} has {found.size} bytes instead of {len(BODY)}")
        if found.lock != Lock(self._lock.mode, self._lock.kept_until):
            raise self._broken(promise, f"{key} has {found.lock or 'no lock'} instead of {self._lock}")
        return place

    def _shortening(self, place: Place) -> None:
        sooner = clock.now() + LOCK_FOR / 2
        try:
            with speaking(f"shorten the lock of {place.key}"):
                self._ingest.put_object_retention(
                    Bucket=self._bucket, Key=place.key, VersionId=place.version_id,
                    Retention={"Mode": self._lock.mode, "RetainUntilDate": sooner},
                )  # fmt: skip
        except StoreRefused:
            self._is_locked(Promise.NEVER_SHORTER, place.key, place.version_id)
            return
        raise self._broken(Promise.NEVER_SHORTER, f"the lock of {place.key} could be shortened")

    def _deletion(self, client: S3Client, place: Place, *, promise: Promise) -> None:
        """Try to delete the version plainly and past its lock: both must be refused, and it must be there."""
        for bypass in (False, True):
            try:
                with speaking(f"delete the locked {place.key}"):
                    client.delete_object(
                        Bucket=self._bucket, Key=place.key, VersionId=place.version_id,
                        BypassGovernanceRetention=bypass,
                    )  # fmt: skip
            except StoreRefused:
                self._is_locked(promise, place.key, place.version_id)
                continue
            how = "past its lock" if bypass else "at once"
            raise self._broken(promise, f"{place.key} could be deleted {how}")

    def _second_put(self, first: Place) -> None:
        """Put other bytes under the same key, as an overwriting fault or an attacker would."""
        with speaking(f"put {first.key} again"):
            self._ingest.put_object(Bucket=self._bucket, Key=first.key, Body=OTHER, ChecksumSHA256=_checksum(OTHER))
        body = first.get(0, len(BODY))["Body"].read()
        if body != BODY:
            raise self._broken(Promise.OLD_VERSION_STAYS, f"the first version of {first.key} has other bytes now")

    def _wrong_put(self) -> None:
        key = probe_key(self._id, "wrong")
        try:
            with speaking(f"put {key} with a wrong checksum"):
                self._ingest.put_object(Bucket=self._bucket, Key=key, Body=OTHER, ChecksumSHA256=_checksum(BODY))
        except ChecksumRefused:
            return
        raise self._broken(Promise.CHECKED_PUT, f"{key} was accepted with another object's checksum")

    def _wrong_part(self) -> None:
        key = probe_key(self._id, "wrong-part")
        with speaking(f"begin {key}"):
            upload = self._ingest.create_multipart_upload(Bucket=self._bucket, Key=key, ChecksumAlgorithm="SHA256")[
                "UploadId"
            ]
        try:
            with speaking(f"send a part of {key} with a wrong checksum"):
                self._ingest.upload_part(
                    Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=1, Body=OTHER,
                    ChecksumSHA256=_checksum(BODY),
                )  # fmt: skip
        except ChecksumRefused:
            return
        finally:
            with speaking(f"abort {key}"):
                self._ingest.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
        raise self._broken(Promise.CHECKED_PART, f"a part of {key} was accepted with another part's checksum")

    def _locked_log(self) -> Place:
        client, bucket = self._connect(self._settings.custody), self._settings.custody_bucket
        key, lock = probe_key(self._id, "log"), Lock("COMPLIANCE", self._lock.until)
        with speaking(f"put {key} in {bucket}"):
            answer = client.put_object(
                Bucket=bucket, Key=key, Body=BODY, ChecksumSHA256=_checksum(BODY), IfNoneMatch="*",
                ObjectLockMode=lock.mode, ObjectLockRetainUntilDate=lock.kept_until,
            )  # fmt: skip
        place = Place(client, bucket, key, answer.get("VersionId", ""), ObjectMissing)
        for bypass in (False, True):
            try:
                with speaking(f"delete the locked {key} in {bucket}"):
                    client.delete_object(
                        Bucket=bucket, Key=key, VersionId=place.version_id, BypassGovernanceRetention=bypass
                    )
            except StoreRefused:
                continue
            raise self._broken(Promise.LOG_LOCKED, f"{key} could be deleted")
        found = place.head().lock
        if found != Lock(lock.mode, lock.kept_until):
            raise self._broken(Promise.LOG_LOCKED, f"{key} has {found or 'no lock'} instead of {lock}")
        return place

    def _log_once(self, place: Place) -> None:
        if self._is_refused_as_taken(place.client, place.bucket, place.key):
            return
        raise self._broken(Promise.LOG_ONCE, f"{place.key} was put although it was taken")

    def _rendition(self) -> None:
        client, bucket = self._connect(self._settings.renditions), self._settings.renditions_bucket
        key = probe_key(self._id, "rendition")
        with speaking(f"write, read and remove {key} in {bucket}"):
            client.put_object(Bucket=bucket, Key=key, Body=BODY, ChecksumSHA256=_checksum(BODY))
            body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            client.delete_object(Bucket=bucket, Key=key)
        if body != BODY:
            raise self._broken(Promise.RENDITIONS, f"{key} in {bucket} reads back as other bytes")

    @staticmethod
    def _is_refused_as_taken(client: S3Client, bucket: str, key: str) -> bool:
        try:
            with speaking(f"put {key} although it is taken"):
                client.put_object(Bucket=bucket, Key=key, Body=OTHER, ChecksumSHA256=_checksum(OTHER), IfNoneMatch="*")
        except StoreRefused:
            return True
        return False


def _checksum(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
