"""Keys of objects: made of our own identifiers, in an alphabet that every store keeps as it is."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.store.keys import LONGEST, NotAKey, check_key, master_key, rendition_folder, rendition_key

MASTER = UUID("01923c5e-7b1a-7cc0-8000-0123456789ab")


def test_a_master_is_kept_under_its_own_identifier() -> None:
    assert master_key(MASTER) == "masters/01923c5e-7b1a-7cc0-8000-0123456789ab"


def test_two_attempts_at_a_rendition_never_meet() -> None:
    first = rendition_key(MASTER, kind="playback", job_id=7, attempt=1, file="video.mp4")
    second = rendition_key(MASTER, kind="playback", job_id=7, attempt=2, file="video.mp4")
    assert first == f"renditions/{MASTER}/playback/7-1/video.mp4"
    assert first != second


def test_files_of_one_attempt_share_a_folder() -> None:
    folder = rendition_folder(MASTER, kind="storyboard", job_id=7, attempt=1)
    key = rendition_key(MASTER, kind="storyboard", job_id=7, attempt=1, file="001.jpg")
    assert key == f"{folder}/001.jpg"


@pytest.mark.parametrize(
    "key",
    [
        "", "/", "a/", "/a", "a//b", "..", "a/../b", ".hidden", "a b", "a+b", "a%2fb", "ä", "a\nb", "a\x00b", "a\\b",
        "a" * 201, "/".join(["a" * 100] * 9),
    ],
)  # fmt: skip
def test_what_some_store_would_lose_is_not_a_key(key: str) -> None:
    with pytest.raises(NotAKey):
        check_key(key)


def test_a_name_from_outside_cannot_reach_into_a_key() -> None:
    with pytest.raises(NotAKey):
        rendition_key(MASTER, kind="playback", job_id=1, attempt=1, file="../../masters/x")


@given(st.text())
def test_whatever_passes_is_plain(text: str) -> None:
    try:
        key = check_key(text)
    except NotAKey:
        return
    assert key == text
    assert key.isascii()
    assert 0 < len(key) <= LONGEST
    assert "//" not in key
    assert not key.startswith(("/", "."))
    assert not key.endswith("/")
