"""Units of H.264 and H.265 told from other bytes, and never a fall over any of them."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from transcode.inside.mdat import Bytes, Walk, media_begins, sets_in
from transcode.inside.units import Bits, EndOfBits, Reader, complete, is_message, number_bits, sets_of

SPS = bytes.fromhex("6742c032da014016ec0440000003004000000f03c60ca8")
PPS = bytes.fromhex("68ce3c80")
AVCC = b"\x01\x42\xc0\x32\xff\xe1" + len(SPS).to_bytes(2, "big") + SPS + b"\x01" + len(PPS).to_bytes(2, "big") + PPS


def lengthed(*units: bytes) -> bytes:
    return b"".join(len(each).to_bytes(4, "big") + each for each in units)


def picture(number: int, body: bytes = b"\xa7" * 40) -> bytes:
    """A slice from macroblock 0, of type P, with set 0 and a frame number of four bits."""
    head = int(f"1{'00110'}1{number:04b}", 2) << 5
    return b"\x41" + head.to_bytes(2, "big") + body


def raw(data: bytes) -> Bytes:
    return Bytes(io.BytesIO(data), len(data))


def walked(data: bytes) -> list[int]:
    return [unit.number for unit, _, _ in Walk(raw(data), Reader("h264", [SPS, PPS]), 0).units() if unit.picture]


def test_parameter_sets_are_read_from_either_form() -> None:
    behind = b"\x00\x00\x00\x01" + SPS + b"\x00\x00\x00\x01" + PPS
    assert sets_of("h264", AVCC) == sets_of("h264", behind) == [SPS, PPS]
    assert complete("h264", [SPS, PPS])
    assert not complete("hevc", [SPS, PPS])
    assert number_bits(SPS) == (4, False)


def test_numbers_are_read_as_the_standards_write_them() -> None:
    bits = Bits(bytes([0b1_010_011_0, 0b0100_0000]))
    assert [bits.number() for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(EndOfBits):
        Bits(b"\x00\x00").number()


def test_messages_add_up_to_their_end() -> None:
    assert is_message(b"\x05\x02ab\x80")
    assert not is_message(b"\x05\x03ab\x80")


def test_pictures_are_found_between_sound() -> None:
    sound = b"\x21\x1a\x4f\x00\x9e\x33" * 60
    data = b"".join(lengthed(picture(number)) + sound for number in range(8))
    assert walked(data) == list(range(8))


def test_a_hole_does_not_hide_what_comes_behind_it() -> None:
    data = b"".join(lengthed(picture(number)) for number in range(3)) + bytes(5000)
    assert walked(data + b"".join(lengthed(picture(number)) for number in (4, 5))) == [0, 1, 2, 4, 5]


def test_sound_that_looks_like_a_picture_takes_none_along() -> None:
    trap = (900).to_bytes(4, "big") + picture(3, b"\x5a" * 20)
    data = lengthed(picture(1), picture(2)) + trap + b"".join(lengthed(picture(n, b"\xa7" * 60)) for n in range(3, 15))
    assert walked(data + b"\x21" * 9000) == list(range(1, 15))


def test_media_begin_behind_the_boxes_that_make_sense() -> None:
    front = b"\x00\x00\x00\x10ftypmp42\x00\x00\x00\x00" + b"\x00\x00\x00\x08free"
    assert media_begins(raw(front + b"\x00\x00\x00\x00mdat" + bytes(50))) == len(front) + 8
    assert media_begins(raw(front + b"\x00\x00\x00\x01mdat" + bytes(50))) == len(front) + 16
    assert media_begins(raw(front + b"\xff\xff\xff\xffjunk" + bytes(50))) == len(front)
    assert sets_in(raw(b"\x21" * 500 + lengthed(SPS, PPS, picture(0))), 0, "h264") == [SPS, PPS]


class Counted(io.BytesIO):
    """Bytes that count how many of them were fetched."""

    fetched = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.fetched += len(data)
        return data


# A clock would judge how busy the machine is; what is bounded here is work.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(data=b"\x67", codec="h264")
@example(data=b"\x00\x00\x00\x41\x41" * 800, codec="h264")
@example(data=b"\x00\x00\x00\x02\x41\x88" * 660, codec="h264")
@given(data=st.binary(max_size=4000), codec=st.sampled_from(["h264", "hevc"]))
def test_no_bytes_make_it_fall(data: bytes, codec: str) -> None:
    body = lengthed(SPS, PPS) + data
    counted = Counted(body)
    source = Bytes(counted, len(body))
    walk = Walk(source, Reader(codec, [SPS, PPS, data[:30] or b"\x42"]), media_begins(source))
    list(walk.units())
    sets_in(source, 0, codec)
    sets_of(codec, data)
    assert walk.found.used + walk.found.passed <= source.size
    assert counted.fetched <= 1000 * len(body)
