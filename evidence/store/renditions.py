"""Renditions over S3. Keeps the promises of RenditionStore."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

from evidence.store import Ranges, StoredObject, StoredRendition, StoreSettings
from evidence.store.errors import NotAsAgreed, RenditionMissing
from evidence.store.keys import check_key
from evidence.store.reading import ObjectRanges, Place, read
from evidence.store.s3 import connect, speaking, upload_file


class S3RenditionStore:
    """The renditions bucket, as the identity that may write and delete there and nowhere else."""

    def __init__(self, settings: StoreSettings) -> None:
        self.bucket = settings.renditions_bucket
        self._client = connect(settings.endpoint, key=settings.renditions, region=settings.region)

    def put_file(self, key: str, path: Path, *, content_type: str) -> StoredRendition:
        """Store a file. It is read twice, once for its digest; the second read comes from memory."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
        with speaking(f"store {key}"):
            upload_file(self._client, path, bucket=self.bucket, key=check_key(key), content_type=content_type)
        return self._checked(StoredRendition(key=key, size=size, sha256=sha256))

    def put_bytes(self, key: str, data: bytes, *, content_type: str) -> StoredRendition:
        """Store a small rendition; the store checks its SHA-256."""
        digest = hashlib.sha256(data)
        with speaking(f"store {key}"):
            self._client.put_object(
                Bucket=self.bucket, Key=check_key(key), Body=data, ContentType=content_type,
                ChecksumSHA256=base64.b64encode(digest.digest()).decode("ascii"),
            )  # fmt: skip
        return self._checked(StoredRendition(key=key, size=len(data), sha256=digest.hexdigest()))

    def head(self, key: str) -> StoredObject:
        """What the store says about it."""
        return self._place(key).head()

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of [start, stop)."""
        return read(self._place(key), start=start, stop=stop)

    def ranges(self, key: str) -> Ranges:
        """Random access."""
        return ObjectRanges(self._place(key))

    def delete(self, key: str) -> None:
        """Remove it."""
        with speaking(f"remove {key}"):
            self._client.delete_object(Bucket=self.bucket, Key=check_key(key))

    def _checked(self, sent: StoredRendition) -> StoredRendition:
        found = self.head(sent.key)
        if found.size != sent.size:
            raise NotAsAgreed(sent.key, fact="the size", expected=sent.size, found=found.size)
        return sent

    def _place(self, key: str) -> Place:
        return Place(self._client, self.bucket, check_key(key), "", RenditionMissing)
