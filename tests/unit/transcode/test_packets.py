"""A packet's neutral form is the same in every container, and nothing of the picture is left out of it."""

from __future__ import annotations

from transcode.inside.packets import (
    _Decoder,
    is_adts,
    is_whole,
    length_size,
    neutral,
    parameter_sets,
    set_name,
)
from transcode.inside.roots import Root
from transcode.packets import leaf_hash, root_of

SPS, PPS, AUD, SLICE = b"\x67\x4d\x00\x1f\x80", b"\x68\xce\x3c\x80", b"\x09\xf0", b"\x65\x88\x84\x21"
AVCC = b"\x01\x4d\x00\x1f\xff\xe1" + len(SPS).to_bytes(2, "big") + SPS + b"\x01" + len(PPS).to_bytes(2, "big") + PPS
IN_MP4 = len(SLICE).to_bytes(4, "big") + SLICE


def stream(*units: bytes) -> bytes:
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in units)


def adts(sound: bytes) -> bytes:
    length = len(sound) + 7
    return bytes([0xFF, 0xF1, 0x50, 0x80 | length >> 11, length >> 3 & 255, (length & 7) << 5 | 0x1F, 0xFC]) + sound


def test_start_codes_delimiters_and_sets_are_the_container_s_and_not_the_picture_s() -> None:
    assert neutral("h264", stream(AUD, SPS, PPS, SLICE), 0) == (IN_MP4, [SPS, PPS])
    assert neutral("h264", IN_MP4, 4)[0] is IN_MP4
    assert neutral("h264", len(SLICE).to_bytes(2, "big") + SLICE, 2)[0] == IN_MP4


def test_hevc_has_its_own_numbers() -> None:
    units = [bytes([kind << 1, 1]) + b"\x42" for kind in (32, 33, 34, 35, 19)]
    left, sets = neutral("hevc", stream(*units), 0)
    assert left == b"\x00\x00\x00\x03" + units[4]
    assert sets == units[:3]


def test_an_aac_header_of_a_stream_is_not_the_sound_s() -> None:
    assert neutral("aac", adts(b"sound"), 0)[0] == b"sound"
    assert neutral("aac", b"\xff\xf1 sound that only begins like one", 0)[0].startswith(b"\xff\xf1")
    assert not is_adts(b"\xff\xf1")


def test_other_codecs_are_left_as_they_are() -> None:
    body = stream(SPS, SLICE)
    assert neutral("mjpeg", body, 0)[0] is body


def test_one_changed_byte_of_the_picture_changes_the_neutral_form() -> None:
    for place in range(1, len(SLICE)):
        other = bytearray(SLICE)
        other[place] ^= 1
        assert neutral("h264", stream(AUD, bytes(other)), 0)[0] != IN_MP4


def test_a_packet_whose_lengths_do_not_fit_is_left_as_it_is() -> None:
    broken = IN_MP4[:-1]
    assert neutral("h264", broken, 4) == (broken, [])


def test_the_length_of_lengths_is_read_from_the_header() -> None:
    assert length_size("h264", b"\x01\x64\x00\x1f\xff\xe1") == 4
    assert length_size("h264", b"\x01\x64\x00\x1f\xfd\xe1") == 2
    assert length_size("h264", b"\x00\x00\x00\x01\x67") == 0
    assert length_size("mjpeg", None) == 0


def test_a_broken_chain_of_lengths_is_seen() -> None:
    assert is_whole(IN_MP4, 4)
    assert not is_whole(IN_MP4[:-2], 4)


def test_parameter_sets_are_the_same_wherever_they_are_kept() -> None:
    assert parameter_sets("h264", AVCC) == parameter_sets("h264", stream(SPS, PPS)) == [SPS, PPS]
    for cut in range(len(AVCC)):
        parameter_sets("h264", AVCC[:cut])  # a header that ends early is read as far as it goes
    hvcc = b"\x01" + bytes(20) + b"\xff" + b"\x01" + b"\x21\x00\x01\x00\x03" + b"\x42\x01\x09"
    assert parameter_sets("hevc", hvcc) == [b"\x42\x01\x09"]


def test_a_decoder_that_is_set_up_alike_is_told_alike() -> None:
    kept_in_the_header, kept_in_packets = _Decoder("h264", AVCC), _Decoder("h264", b"")
    for number in (0, 25):
        kept_in_packets.take(number, [PPS, SPS], b"")
    assert kept_in_the_header.told() == kept_in_packets.told() != ""


def test_parameter_sets_that_change_on_the_way_are_another_set_up() -> None:
    other = SPS[:-1] + b"\x81"
    told = set()
    for changes in ((), ((10, other),), ((20, other),), ((10, other), (20, SPS))):
        decoder = _Decoder("h264", AVCC)
        for number, unit in changes:
            decoder.take(number, [unit], b"")
        told.add(decoder.told())
    assert len(told) == 4


def test_sets_of_other_numbers_do_not_replace_each_other() -> None:
    assert set_name("h264", b"\x67\x4d\x00\x1f\x80") != set_name("h264", b"\x67\x4d\x00\x1f\x40")
    assert set_name("h264", b"\x68\x80") != set_name("h264", b"\x67\x4d\x00\x1f\x80")
    assert set_name("h264", b"\x67") == set_name("h264", b"\x67\x00")


def test_an_adts_header_says_what_a_configuration_says() -> None:
    with_header, bare = _Decoder("aac", b""), _Decoder("aac", b"\x12\x10\x56\xe5\x00")
    with_header.take(0, [], adts(b"sound"))
    assert with_header.told() == bare.told() == "1210"


def test_an_extension_of_the_sound_is_part_of_its_configuration() -> None:
    assert _Decoder("aac", b"\x12\x10\x56\xe5\x98").told() != _Decoder("aac", b"\x12\x10").told()


def test_the_child_s_root_is_the_tree_s() -> None:
    leaves = [bytes([number]) * 32 for number in range(37)]
    for count in range(38):
        root = Root()
        for leaf in leaves[:count]:
            root.take(leaf)
        assert root.hex() == root_of([leaf_hash(leaf) for leaf in leaves[:count]]).hex()
