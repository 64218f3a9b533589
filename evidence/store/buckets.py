"""Makes the three buckets. Only an administrator may; the product runs without that key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.store import StoreKey, StoreSettings
from evidence.store.errors import ObjectMissing, StoreRefused
from evidence.store.s3 import connect, speaking

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

HAVE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def make_buckets(settings: StoreSettings, *, admin: StoreKey) -> None:
    """Make the buckets of masters and custody log (versions, Object Lock) and of renditions where they are missing.

    Says nothing about a bucket that was there: the probe looks at what it can do.
    """
    client = connect(settings.endpoint, key=admin, region=settings.region)
    _make(client, settings.masters_bucket, locked=True)
    _make(client, settings.custody_bucket, locked=True)
    _make(client, settings.renditions_bucket, locked=False)


def _make(client: S3Client, bucket: str, *, locked: bool) -> None:
    try:
        with speaking(f"look for bucket {bucket}"):
            client.head_bucket(Bucket=bucket)
    except ObjectMissing:
        pass
    else:
        return
    try:
        with speaking(f"make bucket {bucket}"):
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=locked)
    except StoreRefused as refused:
        if refused.code not in HAVE:
            raise
