"""The start-up probe: it passes the embedded store, and says exactly which promise any other breaks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.store import LockMode, StoreKey, StoreSettings
from evidence.store import probe as probing
from evidence.store.errors import PromiseBroken, StoreAway
from evidence.store.probe import Promise, probe
from evidence.store.s3 import connect


@pytest.fixture(scope="session")
def admin(s3_server: EmbeddedS3) -> StoreKey:
    keys = s3_server.credentials(Identity.ADMIN)
    return StoreKey(keys.access_key, keys.secret_key)


def refused(settings: StoreSettings, mode: LockMode = "GOVERNANCE") -> PromiseBroken:
    with pytest.raises(PromiseBroken) as raised:
        probe(settings, mode=mode)
    assert raised.value.promise in str(raised.value)
    return raised.value


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_the_embedded_store_keeps_every_promise(store_settings: StoreSettings, mode: LockMode) -> None:
    report = probe(store_settings, mode=mode)
    assert set(report.kept) == set(Promise)
    assert report.refuses_taken_keys


def test_without_the_disposer_s_key_one_promise_goes_untried(store_settings: StoreSettings) -> None:
    report = probe(dataclasses.replace(store_settings, disposer=None), mode="GOVERNANCE")
    assert set(Promise) - set(report.kept) == {Promise.LOCK_HOLDS}


def test_a_bucket_without_versions_is_refused(store_settings: StoreSettings, admin: StoreKey) -> None:
    plain = dataclasses.replace(store_settings, masters_bucket=store_settings.renditions_bucket, ingest=admin)
    assert refused(plain).promise == Promise.VERSIONS


def test_a_bucket_with_versions_and_without_locks_is_refused(store_settings: StoreSettings, admin: StoreKey) -> None:
    client = connect(store_settings.endpoint, key=admin, region=store_settings.region)
    client.create_bucket(Bucket="versions-only")
    client.put_bucket_versioning(Bucket="versions-only", VersioningConfiguration={"Status": "Enabled"})
    unlocked = dataclasses.replace(store_settings, masters_bucket="versions-only", ingest=admin)
    assert refused(unlocked).promise == Promise.LOCKS


def test_a_bucket_that_is_not_there_is_refused(store_settings: StoreSettings, admin: StoreKey) -> None:
    absent = dataclasses.replace(store_settings, masters_bucket="never-made", ingest=admin)
    assert refused(absent).bucket == "never-made"


def test_an_intake_that_may_delete_is_refused(store_settings: StoreSettings, admin: StoreKey) -> None:
    mighty = dataclasses.replace(store_settings, ingest=admin)
    broken = refused(mighty)
    assert broken.promise == Promise.NO_DELETION
    assert "past its lock" in broken.found


def test_an_intake_without_rights_is_refused(store_settings: StoreSettings) -> None:
    helpless = dataclasses.replace(store_settings, ingest=store_settings.reader)
    assert refused(helpless).promise == Promise.LOCKED_PUT
    wrong = dataclasses.replace(store_settings, ingest=StoreKey("nobody", "knows"))
    assert refused(wrong).promise == Promise.VERSIONS


def test_renditions_that_cannot_be_written_are_refused(store_settings: StoreSettings) -> None:
    helpless = dataclasses.replace(store_settings, renditions=store_settings.reader)
    broken = refused(helpless)
    assert (broken.promise, broken.bucket) == (Promise.RENDITIONS, store_settings.renditions_bucket)


def test_a_log_that_its_writer_could_remove_or_write_twice_is_refused(
    store_settings: StoreSettings, admin: StoreKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    helpless = dataclasses.replace(store_settings, custody=store_settings.reader)
    assert (refused(helpless).promise, refused(helpless).bucket) == (Promise.LOG_LOCKED, store_settings.custody_bucket)
    unlocked = dataclasses.replace(store_settings, custody=admin, custody_bucket=store_settings.renditions_bucket)
    assert refused(unlocked).promise == Promise.LOG_LOCKED

    def careless(endpoint: str, *, key: StoreKey, region: str) -> Any:
        client = connect(endpoint, key=key, region=region)
        client.meta.events.register("provide-client-params.s3.PutObject", drops("IfNoneMatch"))
        return client

    monkeypatch.setattr(probing, "connect", careless)
    assert refused(store_settings).promise == Promise.LOG_ONCE


def test_a_store_that_is_away_is_no_broken_promise(store_settings: StoreSettings) -> None:
    with pytest.raises(StoreAway):
        probe(dataclasses.replace(store_settings, endpoint="http://127.0.0.1:9"), mode="GOVERNANCE")


def drops(*names: str) -> Callable[..., None]:
    """Take parameters out of a request before it is signed, as a gateway that ignores them would."""

    def before_parameters(params: dict[str, Any], **_: object) -> None:
        for name in names:
            params.pop(name, None)

    return before_parameters


FORGETFUL = {
    "locks of uploads in parts": (
        "CreateMultipartUpload", ("ObjectLockMode", "ObjectLockRetainUntilDate"), Promise.LOCKED_PARTS,
    ),
    "locks of puts": ("PutObject", ("ObjectLockMode", "ObjectLockRetainUntilDate"), Promise.LOCKED_PUT),
    "checksums of puts": ("PutObject", ("ChecksumSHA256",), Promise.CHECKED_PUT),
    "checksums of parts": ("UploadPart", ("ChecksumSHA256",), Promise.CHECKED_PART),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGETFUL)
def test_a_store_that_forgets_is_refused(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The real server, reached through a client that leaves out what such stores ignore in silence."""
    operation, names, promise = FORGETFUL[what]

    def forgetful(endpoint: str, *, key: StoreKey, region: str) -> Any:
        client = connect(endpoint, key=key, region=region)
        client.meta.events.register(f"provide-client-params.s3.{operation}", drops(*names))
        return client

    monkeypatch.setattr(probing, "connect", forgetful)
    assert refused(store_settings).promise == promise
