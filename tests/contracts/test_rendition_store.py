"""What every RenditionStore promises, tried on a real S3 server."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from evidence.identifiers import new_id
from evidence.store import MasterStore, RenditionStore, StoreSettings
from evidence.store.errors import RenditionMissing, StoreRefused
from evidence.store.keys import NotAKey, master_key, rendition_key
from evidence.store.renditions import S3RenditionStore


@pytest.fixture
def key() -> str:
    return rendition_key(new_id(), kind="playback", job_id=1, attempt=1, file="video.mp4")


@pytest.mark.parametrize("size", [0, 1, 200_000, 35 << 20], ids=["empty", "one byte", "poster", "video"])
def test_a_file_reads_back_as_it_was(renditions: RenditionStore, key: str, tmp_path: Path, size: int) -> None:
    body = random.Random(size).randbytes(size)  # noqa: S311 - only bytes, no secret
    path = tmp_path / "made"
    path.write_bytes(body)

    stored = renditions.put_file(key, path, content_type="video/mp4")

    assert (stored.key, stored.size, stored.sha256) == (key, size, hashlib.sha256(body).hexdigest())
    assert b"".join(renditions.read(key)) == body
    assert renditions.ranges(key).read_at(size // 2, 9) == body[size // 2 : size // 2 + 9]


def test_bytes_in_memory_are_kept_too(renditions: RenditionStore, key: str) -> None:
    stored = renditions.put_bytes(key, b"waveform", content_type="application/octet-stream")
    assert stored.sha256 == hashlib.sha256(b"waveform").hexdigest()
    assert renditions.head(key).size == 8


def test_a_rendition_can_be_removed_and_made_again(renditions: RenditionStore, key: str) -> None:
    renditions.put_bytes(key, b"first", content_type="text/plain")
    renditions.delete(key)
    renditions.delete(key)
    with pytest.raises(RenditionMissing):
        renditions.head(key)
    with pytest.raises(RenditionMissing):
        list(renditions.read(key))
    with pytest.raises(RenditionMissing):
        renditions.ranges(key)
    renditions.put_bytes(key, b"second", content_type="text/plain")
    assert b"".join(renditions.read(key)) == b"second"


def test_a_missing_file_stores_nothing(renditions: RenditionStore, key: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        renditions.put_file(key, tmp_path / "never made", content_type="video/mp4")
    with pytest.raises(RenditionMissing):
        renditions.head(key)


def test_the_writer_of_renditions_cannot_touch_masters(store_settings: StoreSettings, masters: MasterStore) -> None:
    astray = StoreSettings(
        endpoint=store_settings.endpoint,
        ingest=store_settings.ingest,
        reader=store_settings.reader,
        renditions=store_settings.renditions,
        custody=store_settings.custody,
        renditions_bucket=masters.bucket,
    )
    with pytest.raises(StoreRefused):
        S3RenditionStore(astray).put_bytes(master_key(new_id()), b"x", content_type="text/plain")
    with pytest.raises(StoreRefused):
        S3RenditionStore(astray).delete(master_key(new_id()))


def test_no_name_from_outside_becomes_a_key(renditions: RenditionStore) -> None:
    with pytest.raises(NotAKey):
        renditions.put_bytes("renditions/../masters/x", b"x", content_type="text/plain")
