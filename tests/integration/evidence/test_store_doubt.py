"""Lost answers, refusals and broken streams: the store is asked again, and nothing is taken for granted."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import urllib3

from evidence.identifiers import new_id
from evidence.store import Lock, MasterStore, SentPart, StoreSettings
from evidence.store.errors import MasterMissing, ShortRead, StoreAway, StoreRefused
from evidence.store.keys import master_key, rendition_key
from evidence.store.masters import S3MasterStore
from evidence.store.renditions import S3RenditionStore
from tests.support.servers import Faults, lossy_door

BODY = bytes(range(256)) * 16_384  # 4 MiB
DIGEST = hashlib.sha256(BODY).hexdigest()
HOUR = timedelta(hours=1)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def beyond(store_settings: StoreSettings, faults: Faults) -> Iterator[StoreSettings]:
    """The session's store, reached through a door with faults to order."""
    with lossy_door(store_settings.endpoint, faults) as endpoint:
        yield dataclasses.replace(store_settings, endpoint=endpoint, public_endpoint=store_settings.endpoint)


@pytest.fixture
def doubtful(beyond: StoreSettings) -> S3MasterStore:
    return S3MasterStore(beyond)


def sent(masters: MasterStore, lock: Lock) -> tuple[str, str, list[SentPart]]:
    """An upload whose one part has arrived: its key, its id, its parts."""
    key = master_key(new_id())
    upload = masters.begin(key, lock=lock)
    signed = masters.sign_part(key, upload, number=1, size=len(BODY), sha256=DIGEST, expires=HOUR)
    with urllib3.PoolManager() as dock:
        answer = dock.request("PUT", signed.url, body=BODY, headers=dict(signed.headers))
    assert answer.status == 200
    return key, upload, [SentPart(number=1, etag=answer.headers["ETag"], sha256=DIGEST)]


def kept(masters: MasterStore, lock: Lock) -> tuple[str, str]:
    """A master: its key and its version."""
    key, upload, parts = sent(masters, lock)
    return key, masters.complete(key, upload, parts=parts, size=len(BODY), lock=lock).version_id


def test_signed_urls_name_the_address_that_docks_reach(
    doubtful: S3MasterStore, store_settings: StoreSettings, lock: Lock
) -> None:
    key = master_key(new_id())
    signed = doubtful.sign_put(key, size=len(BODY), sha256=DIGEST, lock=lock, expires=HOUR)
    assert signed.url.startswith(store_settings.endpoint)


@pytest.mark.parametrize("times", [1, 99], ids=["one lost answer", "no answer ever"])
def test_a_completion_whose_answer_is_lost_is_found_out(
    doubtful: S3MasterStore, faults: Faults, lock: Lock, times: int
) -> None:
    key, upload, parts = sent(doubtful, lock)
    faults.loses_answer_to, faults.times = f"POST /masters/{key}?uploadId", times
    stored = doubtful.complete(key, upload, parts=parts, size=len(BODY), lock=lock)
    assert faults.done
    assert stored.size == len(BODY)
    assert doubtful.head(key) == stored


def test_a_completion_that_never_arrives_is_not_taken_for_one(
    doubtful: S3MasterStore, faults: Faults, lock: Lock
) -> None:
    key, upload, parts = sent(doubtful, lock)
    faults.refuses, faults.times = f"POST /masters/{key}?uploadId", 99
    with pytest.raises(StoreAway):
        doubtful.complete(key, upload, parts=parts, size=len(BODY), lock=lock)
    with pytest.raises(MasterMissing):
        doubtful.head(key)
    faults.refuses = None
    assert doubtful.complete(key, upload, parts=parts, size=len(BODY), lock=lock).size == len(BODY)


def test_a_passing_refusal_is_not_noticed(doubtful: S3MasterStore, faults: Faults, lock: Lock) -> None:
    faults.refuses = "POST /masters/"
    key, version = kept(doubtful, lock)
    assert len(faults.done) == 1
    assert hashlib.sha256(b"".join(doubtful.read(key, version_id=version))).hexdigest() == DIGEST


def test_a_stream_that_breaks_is_taken_up_where_it_broke(doubtful: S3MasterStore, faults: Faults, lock: Lock) -> None:
    key, version = kept(doubtful, lock)
    faults.cuts_answer_to, faults.times = f"GET /masters/{key}", 3
    assert b"".join(doubtful.read(key, version_id=version)) == BODY
    assert len(faults.done) == 3


def test_a_range_that_breaks_is_read_again(doubtful: S3MasterStore, faults: Faults, lock: Lock) -> None:
    key, version = kept(doubtful, lock)
    ranges = doubtful.ranges(key, version_id=version)
    faults.cuts_answer_to = f"GET /masters/{key}"
    assert ranges.read_at(1000, 2_000_000) == BODY[1000:2_001_000]
    assert len(faults.done) == 1


def test_a_stream_that_always_breaks_is_short_and_says_so(doubtful: S3MasterStore, faults: Faults, lock: Lock) -> None:
    key, version = kept(doubtful, lock)
    faults.cuts_answer_to, faults.times = f"GET /masters/{key}", 9999
    got = bytearray()
    with pytest.raises(ShortRead) as raised:
        deque(map(got.extend, doubtful.read(key, version_id=version)), maxlen=0)
    assert (raised.value.expected, raised.value.got) == (len(BODY), len(got))
    assert got == BODY[: len(got)]
    with pytest.raises(ShortRead):
        doubtful.ranges(key, version_id=version).read_at(0, 1000)


def test_a_read_without_an_answer_is_a_store_that_is_away(doubtful: S3MasterStore, faults: Faults, lock: Lock) -> None:
    key, version = kept(doubtful, lock)
    faults.loses_answer_to, faults.times = f"GET /masters/{key}", 9999
    with pytest.raises(StoreAway):
        list(doubtful.read(key, version_id=version))


def test_a_store_that_is_away_is_said_to_be_away(store_settings: StoreSettings, lock: Lock) -> None:
    nowhere = S3MasterStore(dataclasses.replace(store_settings, endpoint="http://127.0.0.1:9"))
    with pytest.raises(StoreAway) as raised:
        nowhere.begin(master_key(new_id()), lock=lock)
    assert raised.value.try_again


def test_an_object_without_its_lock_is_locked_before_it_counts_as_stored(
    masters: S3MasterStore, doubtful: S3MasterStore, store_settings: StoreSettings, lock: Lock
) -> None:
    """As a store that forgets locks on uploads would leave it."""
    key = master_key(new_id())
    with urllib3.PoolManager() as dock:
        url = masters._ingest.generate_presigned_url("put_object", Params={"Bucket": masters.bucket, "Key": key})
        assert dock.request("PUT", url, body=BODY).status == 200
    assert masters.head(key).lock is None
    assert masters.confirm(key, size=len(BODY), lock=lock).lock == Lock(lock.mode, lock.kept_until)


def test_an_object_that_cannot_be_locked_is_not_stored(store_settings: StoreSettings, lock: Lock) -> None:
    """The renditions bucket has no locks: nothing there is a master."""
    plain = dataclasses.replace(
        store_settings, masters_bucket=store_settings.renditions_bucket, ingest=store_settings.renditions
    )
    key = master_key(new_id())
    S3RenditionStore(store_settings).put_bytes(key, BODY, content_type="video/mp4")
    with pytest.raises(StoreRefused):
        S3MasterStore(plain).confirm(key, size=len(BODY), lock=lock)


def test_a_rendition_whose_answer_is_lost_is_stored_all_the_same(
    beyond: StoreSettings, faults: Faults, tmp_path: Path
) -> None:
    key = rendition_key(new_id(), kind="playback", job_id=1, attempt=1, file="video.mp4")
    (tmp_path / "made").write_bytes(BODY)
    faults.loses_answer_to = "PUT /renditions/"
    stored = S3RenditionStore(beyond).put_file(key, tmp_path / "made", content_type="video/mp4")
    assert stored.sha256 == DIGEST
    assert faults.done
