"""What a file seems to be by its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media import POINTERS
from transcode.signature import HEAD, Seems, signature

LATE = "hls-late.mp4"  # its playlist begins behind what is looked at; the format list refuses it


@pytest.mark.parametrize("name", [name for name in POINTERS if name != LATE])
def test_a_file_that_names_other_files_is_seen_before_any_tool_opens_it(name: str) -> None:
    assert signature(POINTERS[name][:HEAD], len(POINTERS[name])).seems is Seems.POINTER


@pytest.mark.parametrize(
    ("head", "seems"),
    [
        (b"", Seems.EMPTY),
        (b"\x00\x00\x00\x18ftypmp42", Seems.MEDIA),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", Seems.MEDIA),
        (b"\x1aE\xdf\xa3\x01", Seems.MEDIA),
        (b"\x1f\x8b\x08\x00", Seems.PACKED),
        (b"PK\x03\x04", Seems.PACKED),
        (b"MZ\x90\x00", Seems.PROGRAM),
        (b"%PDF-1.7", Seems.DOCUMENT),
        (b"<!DOCTYPE html>", Seems.DOCUMENT),
        (b"\x89PNG\r\n\x1a\n", Seems.PICTURE),
        (bytes(64), Seems.BLANK),
        (b"just words\n", Seems.TEXT),
        (b"\x93\x01\x88\xfe", Seems.UNKNOWN),
        (b'{"EncryptedKey":"a","ContentEncryptionIV":"b"}', Seems.KEY),
        (b'{"EncryptedKey":"a"}', Seems.TEXT),
    ],
)
def test_first_bytes_are_named(head: bytes, seems: Seems) -> None:
    assert signature(head, len(head)).seems is seems


def test_a_sound_header_that_promises_more_than_there_is_ends_early() -> None:
    head = b"RIFF" + (10_000).to_bytes(4, "little") + b"WAVEfmt "
    assert signature(head, 5_000).ends_early
    assert not signature(head, 10_008).ends_early


def test_a_recorder_that_streams_promises_everything_and_is_believed() -> None:
    head = b"RIFF" + (0xFFFFFFFF).to_bytes(4, "little") + b"WAVEfmt "
    assert not signature(head, 5_000).ends_early


@given(st.binary(max_size=HEAD))
def test_no_bytes_are_too_strange(head: bytes) -> None:
    assert signature(head, len(head)).name
