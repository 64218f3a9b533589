"""What a MasterStore says of all that it holds: every version, in order, and never a list that ends early."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import urllib3

from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.identifiers import new_id
from evidence.store import Lock, MasterStore, StoreKey, StoreSettings
from evidence.store.errors import StoreAway
from evidence.store.keys import MASTERS, PROBE, master_key
from evidence.store.listing import strangers, versions
from evidence.store.masters import S3MasterStore
from evidence.store.s3 import connect
from tests.contracts.test_master_store import digest
from tests.support.servers import Faults, lossy_door


def stored(masters: MasterStore, lock: Lock, body: bytes) -> str:
    key = master_key(new_id())
    put = masters.sign_put(key, size=len(body), sha256=digest(body), lock=lock, expires=timedelta(minutes=5))
    answer = urllib3.request("PUT", put.url, body=body, headers=dict(put.headers), timeout=60, retries=False)
    assert answer.status == 200
    return key


def test_every_master_is_listed_once_in_the_order_of_keys(masters: MasterStore, lock: Lock) -> None:
    keys = [stored(masters, lock, b"x" * size) for size in (0, 1, 700)]
    listed = list(masters.list_versions())
    assert [each.key for each in listed] == sorted(each.key for each in listed)
    ours = {each.key: each for each in listed if each.key in keys}
    assert [ours[key].size for key in keys] == [0, 1, 700]
    for key in keys:
        assert ours[key].version_id == masters.head(key).version_id
        assert ours[key].is_latest
        assert not ours[key].is_mark


def test_a_second_version_a_mark_and_a_stranger_are_seen(
    masters: MasterStore, lock: Lock, s3_server: EmbeddedS3, store_settings: StoreSettings
) -> None:
    keys = s3_server.credentials(Identity.ADMIN)
    admin = connect(
        store_settings.endpoint, key=StoreKey(keys.access_key, keys.secret_key), region=store_settings.region
    )
    key, stranger = stored(masters, lock, b"first"), f"elsewhere-{new_id()}"
    admin.put_object(Bucket=masters.bucket, Key=key, Body=b"another")
    admin.delete_object(Bucket=masters.bucket, Key=key)
    beside = [f"{stranger}/deep/file", f"{stranger}-top"]
    for each in beside:
        admin.put_object(Bucket=masters.bucket, Key=each, Body=b"s")

    paged = list(versions(admin, masters.bucket, MASTERS, at_once=2))
    assert sorted((each.size, each.is_mark) for each in paged if each.key == key) == [
        (0, True),
        (5, False),
        (7, False),
    ]
    assert [each.key for each in paged] == [each.key for each in masters.list_versions()]
    assert set(paged) == set(masters.list_versions())
    found = {each.key for each in masters.list_strangers()}
    assert found >= set(beside)
    assert not [each for each in found if each.startswith((MASTERS, PROBE))]
    again = {each.key for each in strangers(admin, masters.bucket, (MASTERS, PROBE))}
    assert again == found


def test_a_list_that_breaks_off_is_no_short_list(
    masters: MasterStore, lock: Lock, store_settings: StoreSettings
) -> None:
    stored(masters, lock, b"there")
    faults = Faults(refuses="GET /masters?versions", times=1000)
    with lossy_door(store_settings.endpoint, faults) as endpoint:
        behind = S3MasterStore(replace(store_settings, endpoint=endpoint))
        with pytest.raises(StoreAway):
            list(behind.list_versions())
    assert faults.done
