"""What every MasterStore promises, tried on a real S3 server with the client library that docks use."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import urllib3

from evidence import clock
from evidence.identifiers import new_id
from evidence.store import CHUNK, Lock, MasterStore, SentPart, SignedPut
from evidence.store.errors import MasterMissing, NotAsAgreed, PartsMissing, ShortRead, UploadGone
from evidence.store.keys import NotAKey, master_key

HOUR = timedelta(hours=1)
MIB = 1 << 20
LONG = random.Random(7).randbytes(5 * MIB)  # noqa: S311 - 5 MiB: the least for a part before the last
SHORT = b"the last bytes of the recording"


@pytest.fixture
def key() -> str:
    return master_key(new_id())


@pytest.fixture(scope="module")
def dock() -> Iterator[urllib3.PoolManager]:
    """Puts bytes the way a dock does: with a signed URL and no key of its own."""
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


def put(dock: urllib3.PoolManager, signed: SignedPut, body: bytes) -> urllib3.BaseHTTPResponse:
    return dock.request("PUT", signed.url, body=body, headers=dict(signed.headers))


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def send(masters: MasterStore, dock: urllib3.PoolManager, key: str, upload: str, number: int, body: bytes) -> SentPart:
    signed = masters.sign_part(key, upload, number=number, size=len(body), sha256=digest(body), expires=HOUR)
    answer = put(dock, signed, body)
    assert answer.status == 200, answer.data
    return SentPart(number=number, etag=answer.headers["ETag"], sha256=digest(body))


def test_a_recording_sent_in_parts_is_one_locked_master(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    upload = masters.begin(key, lock=lock)
    parts = [send(masters, dock, key, upload, number, body) for number, body in ((2, SHORT), (1, LONG))]
    assert [(part.number, part.size) for part in masters.stored_parts(key, upload)] == [
        (1, len(LONG)),
        (2, len(SHORT)),
    ]

    stored = masters.complete(key, upload, parts=parts, size=len(LONG) + len(SHORT), lock=lock)

    assert stored.size == len(LONG) + len(SHORT)
    assert stored.lock == Lock(lock.mode, lock.kept_until)
    assert stored.version_id
    assert masters.head(key) == stored
    pieces = list(masters.read(key, version_id=stored.version_id))
    assert b"".join(pieces) == LONG + SHORT
    assert all(len(piece) == CHUNK for piece in pieces[:-1])


@pytest.mark.parametrize("body", [b"", b"\x00", SHORT], ids=["empty", "one byte", "short"])
def test_a_small_recording_is_one_put(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock, body: bytes
) -> None:
    signed = masters.sign_put(key, size=len(body), sha256=digest(body), lock=lock, expires=HOUR)
    assert put(dock, signed, body).status == 200

    stored = masters.confirm(key, size=len(body), lock=lock)

    assert stored.lock == Lock(lock.mode, lock.kept_until)
    assert b"".join(masters.read(key, version_id=stored.version_id)) == body


def test_a_key_is_used_once(masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock) -> None:
    signed = masters.sign_put(key, size=len(SHORT), sha256=digest(SHORT), lock=lock, expires=HOUR)
    assert put(dock, signed, SHORT).status == 200
    assert put(dock, signed, SHORT).status == 412


def test_a_part_with_other_bytes_is_refused_by_the_store(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    upload = masters.begin(key, lock=lock)
    signed = masters.sign_part(key, upload, number=1, size=len(SHORT), sha256=digest(SHORT), expires=HOUR)

    assert put(dock, signed, SHORT.swapcase()).status == 400
    assert masters.stored_parts(key, upload) == []


def test_a_put_with_other_bytes_is_refused_by_the_store(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    signed = masters.sign_put(key, size=len(SHORT), sha256=digest(SHORT), lock=lock, expires=HOUR)
    assert put(dock, signed, SHORT.swapcase()).status == 400
    with pytest.raises(MasterMissing):
        masters.head(key)


@pytest.mark.parametrize("left_out", ["x-amz-checksum-sha256", "x-amz-object-lock-mode", "if-none-match"])
def test_no_signed_header_can_be_left_out(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock, left_out: str
) -> None:
    signed = masters.sign_put(key, size=len(SHORT), sha256=digest(SHORT), lock=lock, expires=HOUR)
    headers = {name: value for name, value in signed.headers.items() if name != left_out}
    assert put(dock, SignedPut(url=signed.url, headers=headers), SHORT).status == 403


@pytest.mark.parametrize("body", [SHORT + b"!", SHORT[:-1]], ids=["longer", "shorter"])
def test_another_length_than_the_signed_one_is_refused(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock, body: bytes
) -> None:
    upload = masters.begin(key, lock=lock)
    signed = masters.sign_part(key, upload, number=1, size=len(SHORT), sha256=digest(SHORT), expires=HOUR)
    assert put(dock, signed, body).status == 403


def test_a_signed_url_is_good_for_its_own_part_only(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    upload = masters.begin(key, lock=lock)
    signed = masters.sign_part(key, upload, number=1, size=len(SHORT), sha256=digest(SHORT), expires=HOUR)
    elsewhere = signed.url.replace("partNumber=1&", "partNumber=2&")
    assert elsewhere != signed.url
    assert put(dock, SignedPut(url=elsewhere, headers=signed.headers), SHORT).status == 403


def test_completing_again_gives_the_same_master(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    upload = masters.begin(key, lock=lock)
    parts = [send(masters, dock, key, upload, 1, SHORT)]
    first = masters.complete(key, upload, parts=parts, size=len(SHORT), lock=lock)
    assert masters.complete(key, upload, parts=parts, size=len(SHORT), lock=lock) == first


def test_missing_parts_are_named(masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock) -> None:
    upload = masters.begin(key, lock=lock)
    there = send(masters, dock, key, upload, 1, LONG)
    missing = SentPart(number=2, etag='"0"', sha256=digest(SHORT))
    other = SentPart(number=1, etag='"0"', sha256=digest(LONG))
    with pytest.raises(PartsMissing) as raised:
        masters.complete(key, upload, parts=[there, missing], size=len(LONG + SHORT), lock=lock)
    assert raised.value.numbers == (2,)
    with pytest.raises(PartsMissing) as raised:
        masters.complete(key, upload, parts=[other], size=len(LONG), lock=lock)
    assert raised.value.numbers == (1,)
    with pytest.raises(PartsMissing):
        masters.complete(key, upload, parts=[], size=0, lock=lock)


def test_parts_that_do_not_add_up_are_not_completed(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    upload = masters.begin(key, lock=lock)
    parts = [send(masters, dock, key, upload, 1, SHORT)]
    with pytest.raises(NotAsAgreed):
        masters.complete(key, upload, parts=parts, size=len(SHORT) + 1, lock=lock)
    with pytest.raises(MasterMissing):
        masters.head(key)


def test_an_upload_that_was_aborted_is_gone(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    upload = masters.begin(key, lock=lock)
    parts = [send(masters, dock, key, upload, 1, SHORT)]
    masters.abort(key, upload)
    masters.abort(key, upload)
    with pytest.raises(UploadGone):
        masters.stored_parts(key, upload)
    with pytest.raises(UploadGone):
        masters.complete(key, upload, parts=parts, size=len(SHORT), lock=lock)


def kept(masters: MasterStore, dock: urllib3.PoolManager, key: str, body: bytes, lock: Lock) -> str:
    """Keep a small master; returns its version."""
    signed = masters.sign_put(key, size=len(body), sha256=digest(body), lock=lock, expires=HOUR)
    assert put(dock, signed, body).status == 200
    return masters.confirm(key, size=len(body), lock=lock).version_id


def test_a_master_of_another_size_is_not_confirmed(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    kept(masters, dock, key, SHORT, lock)
    with pytest.raises(NotAsAgreed):
        masters.confirm(key, size=len(SHORT) - 1, lock=lock)


def test_a_lock_grows_and_never_shrinks(masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock) -> None:
    version = kept(masters, dock, key, SHORT, lock)
    longer = Lock("GOVERNANCE", clock.now() + timedelta(days=3))
    grown = masters.extend_lock(key, version_id=version, lock=longer)
    assert grown.lock == Lock("GOVERNANCE", longer.kept_until)
    assert masters.extend_lock(key, version_id=version, lock=lock) == grown
    assert masters.confirm(key, size=len(SHORT), lock=lock) == grown


def test_a_compliance_lock_is_never_loosened(masters: MasterStore, dock: urllib3.PoolManager, key: str) -> None:
    soon = Lock("COMPLIANCE", clock.now() + timedelta(seconds=20))
    version = kept(masters, dock, key, SHORT, soon)
    later = Lock("GOVERNANCE", clock.now() + timedelta(seconds=40))
    grown = masters.extend_lock(key, version_id=version, lock=later)
    assert grown.lock == Lock("COMPLIANCE", later.kept_until)


def test_any_range_reads_as_the_master_is(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    body = LONG[: 3 * MIB + 17]
    version = kept(masters, dock, key, body, lock)
    ranges = masters.ranges(key, version_id=version)
    assert ranges.size == len(body)
    for start, stop in ((0, 1), (0, len(body)), (MIB - 1, MIB + 1), (len(body) - 1, len(body)), (5, 5)):
        assert b"".join(masters.read(key, version_id=version, start=start, stop=stop)) == body[start:stop]
        assert ranges.read_at(start, stop - start) == body[start:stop]
    assert ranges.read_at(len(body) - 3, 100) == body[-3:]
    assert ranges.read_at(len(body) + 3, 100) == b""


@pytest.mark.parametrize(("start", "stop"), [(0, 32), (31, 32), (32, 40), (5, 999)])
def test_a_range_past_the_end_is_a_short_read(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock, start: int, stop: int
) -> None:
    assert len(SHORT) == 31
    version = kept(masters, dock, key, SHORT, lock)
    with pytest.raises(ShortRead):
        list(masters.read(key, version_id=version, start=start, stop=stop))


def test_nothing_reads_as_nothing_in_silence(
    masters: MasterStore, dock: urllib3.PoolManager, key: str, lock: Lock
) -> None:
    version = kept(masters, dock, key, SHORT, lock)
    other = master_key(new_id())
    with pytest.raises(MasterMissing):
        list(masters.read(other, version_id=version))
    with pytest.raises(MasterMissing):
        list(masters.read(key, version_id=uuid4().hex))
    with pytest.raises(MasterMissing):
        masters.ranges(other, version_id=version)
    with pytest.raises(MasterMissing):
        masters.head(other)
    with pytest.raises(MasterMissing):
        masters.confirm(other, size=1, lock=lock)
    with pytest.raises(MasterMissing):
        masters.extend_lock(other, version_id=version, lock=lock)


def test_no_name_from_outside_becomes_a_key(masters: MasterStore, lock: Lock) -> None:
    with pytest.raises(NotAKey):
        masters.begin("masters/../../etc/passwd", lock=lock)
    with pytest.raises(NotAKey):
        masters.sign_put("masters//x", size=1, sha256=digest(b"x"), lock=lock, expires=HOUR)


def test_a_lock_date_knows_its_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Lock("GOVERNANCE", clock.now().replace(tzinfo=None))


def test_what_was_acknowledged_can_be_put_on_the_disk(masters: MasterStore) -> None:
    masters.make_durable()
