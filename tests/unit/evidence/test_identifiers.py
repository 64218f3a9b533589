"""Identifiers: their shape, their order, and digests checked at the door."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from evidence import clock
from evidence.identifiers import Fingerprint, NotADigest, new_id, recording_reference

DIGEST = hashlib.sha256(b"").hexdigest()


def test_an_id_is_a_version_7_uuid_of_this_moment() -> None:
    before = clock.now()
    made = new_id()
    after = clock.now()
    at = datetime.fromtimestamp((made.int >> 80) / 1000, tz=UTC)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= at <= after


def test_ids_never_repeat_and_sort_by_the_millisecond() -> None:
    made = [new_id() for _ in range(2000)]
    assert len(set(made)) == len(made)
    moments = [each.int >> 80 for each in made]
    assert moments == sorted(moments)


def test_a_fingerprint_is_checked_where_it_comes_in() -> None:
    assert Fingerprint.parse(DIGEST, 0) == Fingerprint(DIGEST, 0)


@pytest.mark.parametrize("text", ["", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), DIGEST + "\n", "g" * 64, " " + DIGEST])
def test_text_that_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(NotADigest):
        Fingerprint.parse(text, 1)


def test_bytes_cannot_be_fewer_than_none() -> None:
    with pytest.raises(ValueError, match="-1 bytes"):
        Fingerprint.parse(DIGEST, -1)


@pytest.mark.parametrize(("number", "shown"), [(1, "R0000001"), (1234567, "R1234567"), (12345678, "R12345678")])
def test_people_see_a_reference_and_never_the_id(number: int, shown: str) -> None:
    assert recording_reference(number) == shown
