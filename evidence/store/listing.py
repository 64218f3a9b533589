"""What a bucket really holds: every version of every object, in the order of keys. Never ends early in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, TypedDict

from evidence.store import ListedVersion
from evidence.store.errors import StoreAway
from evidence.store.s3 import speaking

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef


AT_ONCE = 1000  # versions in a page; S3 gives no more


class _Place(TypedDict, total=False):
    KeyMarker: str
    VersionIdMarker: str


def versions(
    client: S3Client, bucket: str, prefix: str, *, after: str = "", at_once: int = AT_ONCE
) -> Iterator[ListedVersion]:
    """Every version below `prefix`, of keys behind `after`, page by page.

    Raises StoreAway where a page does not come, or does not go on.
    """
    for page in _pages(client, bucket, prefix, delimiter="", after=after, at_once=at_once):
        yield from sorted(_of(page), key=lambda each: each.key.encode())


def strangers(client: S3Client, bucket: str, known: Collection[str]) -> Iterator[ListedVersion]:
    """Every version outside the top folders that are known (`masters/`)."""
    folders: list[str] = []
    for page in _pages(client, bucket, "", delimiter="/", at_once=AT_ONCE):
        yield from _of(page)
        folders += [each["Prefix"] for each in page.get("CommonPrefixes", []) if each["Prefix"] not in known]
    for folder in folders:
        yield from versions(client, bucket, folder)


def _pages(
    client: S3Client, bucket: str, prefix: str, *, delimiter: str, after: str = "", at_once: int
) -> Iterator[ListObjectVersionsOutputTypeDef]:
    """The pages of one listing. A page that says "there is more" and not where is a listing that failed."""
    key, version = after, ""
    while True:
        with speaking(f"list the versions in {bucket}"):
            page = client.list_object_versions(
                Bucket=bucket, Prefix=prefix, Delimiter=delimiter, MaxKeys=at_once, **_after(key, version)
            )  # fmt: skip
        yield page
        if not page["IsTruncated"]:
            return
        before, key, version = (key, version), page.get("NextKeyMarker", ""), page.get("NextVersionIdMarker", "")
        if not key or (key, version) == before:
            raise StoreAway(f"list the versions in {bucket}", because="the list breaks off before its end")


def _after(key: str, version: str) -> _Place:
    """Where the next page begins. An empty marker of a version is refused by some stores."""
    if version:
        return {"KeyMarker": key, "VersionIdMarker": version}
    return {"KeyMarker": key} if key else {}


def _of(page: ListObjectVersionsOutputTypeDef) -> list[ListedVersion]:
    found = [
        ListedVersion(key=each["Key"], version_id=each["VersionId"], size=each["Size"], is_latest=each["IsLatest"])
        for each in page.get("Versions", [])
    ]
    return found + [
        ListedVersion(key=each["Key"], version_id=each["VersionId"], size=0, is_latest=each["IsLatest"], is_mark=True)
        for each in page.get("DeleteMarkers", [])
    ]
