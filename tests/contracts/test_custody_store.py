"""What every CustodyStore promises, tried on a real S3 server with the identity that the product has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evidence.identifiers import new_id
from evidence.store import CustodyStore, StoreSettings
from evidence.store.custody import S3CustodyStore
from evidence.store.errors import CustodyObjectDiffers, NotAsAgreed, ObjectMissing, StoreRefused
from evidence.store.keys import NotAKey
from evidence.store.listing import versions
from evidence.store.s3 import connect, speaking
from tests.support.servers import Faults, lossy_door


@pytest.fixture(scope="module")
def custody(store_settings: StoreSettings) -> CustodyStore:
    return S3CustodyStore(store_settings)


@pytest.fixture
def key() -> str:
    return f"tile/0/{new_id()}"


def test_what_is_stored_reads_back(custody: CustodyStore, key: str) -> None:
    custody.put_new(key, b"\x00" * 8192, locked=True)
    assert custody.get(key) == b"\x00" * 8192


def test_the_same_bytes_again_are_fine_and_other_bytes_are_not(custody: CustodyStore, key: str) -> None:
    for _ in range(3):
        custody.put_new(key, b"first", locked=True)
    with pytest.raises(CustodyObjectDiffers):
        custody.put_new(key, b"other", locked=True)
    assert custody.get(key) == b"first"


def test_an_object_that_should_be_locked_and_is_not_is_found_out(custody: CustodyStore, key: str) -> None:
    custody.put_new(key, b"first", locked=False)
    with pytest.raises(NotAsAgreed, match="COMPLIANCE"):
        custody.put_new(key, b"first", locked=True)


def test_nothing_that_is_missing_is_made_up(custody: CustodyStore, key: str) -> None:
    with pytest.raises(ObjectMissing):
        custody.get(key)


def test_a_locked_object_cannot_be_removed_by_whoever_wrote_it(
    custody: CustodyStore, store_settings: StoreSettings, key: str
) -> None:
    custody.put_new(key, b"locked", locked=True)
    client = connect(store_settings.endpoint, key=store_settings.custody, region=store_settings.region)
    (version,) = versions(client, custody.bucket, key)
    for bypass in (False, True):
        with pytest.raises(StoreRefused), speaking("remove a locked version"):
            client.delete_object(
                Bucket=custody.bucket, Key=key, VersionId=version.version_id, BypassGovernanceRetention=bypass
            )
    with pytest.raises(StoreRefused), speaking("hide it behind a mark"):
        client.delete_object(Bucket=custody.bucket, Key=key)
    assert custody.get(key) == b"locked"


def test_it_reaches_into_no_other_bucket(store_settings: StoreSettings, key: str) -> None:
    for bucket in (store_settings.masters_bucket, store_settings.renditions_bucket):
        astray = S3CustodyStore(replace(store_settings, custody_bucket=bucket))
        with pytest.raises(StoreRefused):
            astray.put_new(key, b"x", locked=False)
        with pytest.raises(StoreRefused):
            list(astray.list(""))


def test_the_newest_replaces_the_one_before_and_nothing_is_left_of_that(
    custody: CustodyStore, store_settings: StoreSettings
) -> None:
    for size in range(3):
        custody.put_latest("checkpoint", f"{size}".encode())
    assert custody.get("checkpoint") == b"2"
    client = connect(store_settings.endpoint, key=store_settings.custody, region=store_settings.region)
    assert len(list(versions(client, custody.bucket, "checkpoint"))) <= 2, "at most one of an earlier process"


def test_what_is_partial_can_be_cleared_away_and_nothing_else(custody: CustodyStore, key: str) -> None:
    for width in (1, 7, 255):
        custody.put_new(f"partial/{key}.p/{width}", bytes(width), locked=False)
    custody.put_new(f"partial/{key}1.p/3", b"of another", locked=False)
    custody.clear_partial(f"partial/{key}.p/")
    assert list(custody.list(f"partial/{key}")) == [f"partial/{key}1.p/3"]
    for prefix in ("", "tile/", "checkpoints/"):
        with pytest.raises(NotAKey):
            custody.clear_partial(prefix)


def test_a_list_is_in_order_whole_and_begins_where_it_is_asked_to(custody: CustodyStore) -> None:
    folder = f"checkpoints/{new_id()}"
    keys = [f"{folder}/{number:020d}" for number in range(0, 36, 3)]
    for each in reversed(keys):
        custody.put_new(each, b"x", locked=False)
    assert list(custody.list(f"{folder}/")) == keys
    assert list(custody.list(f"{folder}/", after=keys[3])) == keys[4:]
    assert list(custody.list(f"{folder}/", after=f"{folder}/{4:020d}")) == keys[2:]
    assert list(custody.list(f"{folder}/", after=keys[-1])) == []


def test_a_long_list_goes_over_pages(custody: CustodyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = f"partial/{new_id()}"
    for number in range(7):
        custody.put_new(f"{folder}/{number}", b"x", locked=False)
    monkeypatch.setattr("evidence.store.custody.AT_ONCE", 2)
    assert list(custody.list(f"{folder}/")) == [f"{folder}/{number}" for number in range(7)]


@pytest.mark.parametrize("how", ["loses_answer_to", "refuses"])
def test_a_put_without_an_answer_is_found_out_by_reading(store_settings: StoreSettings, key: str, how: str) -> None:
    faults = Faults(times=1)
    setattr(faults, how, f"PUT /{store_settings.custody_bucket}/{key}")
    with lossy_door(store_settings.endpoint, faults) as door:
        S3CustodyStore(replace(store_settings, endpoint=door)).put_new(key, b"whole", locked=True)
    assert len(faults.done) == 1
    assert S3CustodyStore(store_settings).get(key) == b"whole"


def test_a_read_that_is_cut_off_is_begun_again(store_settings: StoreSettings, custody: CustodyStore, key: str) -> None:
    custody.put_new(key, bytes(100_000), locked=False)
    faults = Faults(cuts_answer_to=f"GET /{store_settings.custody_bucket}/{key}", times=1)
    with lossy_door(store_settings.endpoint, faults) as door:
        assert S3CustodyStore(replace(store_settings, endpoint=door)).get(key) == bytes(100_000)
    assert len(faults.done) == 1


def test_what_another_object_was_laid_over_is_given_with_its_key(custody: CustodyStore, key: str) -> None:
    for each in "1234":
        custody.put_new(f"{key}/{each}", each.encode(), locked=True)
    for each in "134":
        custody.put_latest(f"{key}/{each}", b"over it")
    assert list(custody.beneath(f"{key}/1", f"{key}/3")) == [(f"{key}/1", b"1"), (f"{key}/3", b"3")]
    assert list(custody.beneath(f"{key}/2", f"{key}/2")) == []
    assert list(custody.beneath(f"{key}/4", f"{key}/4")) == [(f"{key}/4", b"4")]
