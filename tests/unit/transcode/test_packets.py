"""A packet's fingerprint is the same in every container."""

from __future__ import annotations

from transcode.inside.packets import Fingerprints, is_whole, length_size, plain

UNITS = (b"\x67\x4d\x00\x1f", b"\x65\x88\x84\x21")
IN_A_STREAM = b"".join(b"\x00\x00\x00\x01" + unit for unit in UNITS)
IN_MP4 = b"".join(len(unit).to_bytes(4, "big") + unit for unit in UNITS)


def test_start_codes_and_lengths_are_the_container_s_and_not_the_picture_s() -> None:
    assert plain("h264", IN_A_STREAM, 0) == plain("h264", IN_MP4, 4)


def test_an_aac_header_of_a_stream_is_not_the_sound_s() -> None:
    assert plain("aac", bytes([0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC]) + b"sound", 0) == b"sound"
    assert plain("aac", b"sound that begins otherwise", 0) == b"sound that begins otherwise"


def test_one_changed_byte_changes_the_fingerprint() -> None:
    prints = []
    for body in (IN_MP4, IN_MP4[:-1] + b"\x00"):
        taken = Fingerprints()
        taken.take(0, "h264", body, 4)
        prints.append(taken.told())
    assert prints[0] != prints[1]


def test_the_length_of_lengths_is_read_from_the_header() -> None:
    assert length_size("h264", b"\x01\x64\x00\x1f\xff\xe1") == 4
    assert length_size("h264", b"\x01\x64\x00\x1f\xfd\xe1") == 2
    assert length_size("h264", b"\x00\x00\x00\x01\x67") == 0
    assert length_size("mjpeg", None) == 0


def test_a_broken_chain_of_lengths_is_seen() -> None:
    assert is_whole(IN_MP4, 4)
    assert not is_whole(IN_MP4[:-2], 4)
