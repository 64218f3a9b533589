"""Packet manifests: their form, their roots, their times, and proofs for a run of packets."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from evidence.custody.canonical import read_canonical
from evidence.tlog.errors import NotProved
from transcode.packets import (
    UNSAID,
    Header,
    Manifest,
    NotAManifest,
    Track,
    range_proof,
    read_manifest,
    times,
    verify_range,
)

HEADER = Header(kind="video", codec="h264", config="c" * 64, width=160, height=120)


def packet(number: int) -> bytes:
    return sha256(bytes([number])).digest()


def track(numbers: range = range(10), **more: Any) -> Track:
    count = len(numbers)
    usual: dict[str, Any] = {
        "header": HEADER,
        "packets": count,
        "hashes": b"".join(map(packet, numbers)),
        "dts": [40_000 * number for number in range(count)],
        "pts": [40_000 * number for number in range(count)],
        "keys": [0],
    }
    return Track(**usual | more)


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if len(leaves) < 2:
        return sha256(b"\x00" + leaves[0]).digest() if leaves else sha256(b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root(leaves[:half]) + root(leaves[half:])).digest()


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 65])
def test_roots_are_those_of_the_format(count: int) -> None:
    counted = track(range(count), pts=[-number for number in range(count)])
    hashes = [packet(number) for number in range(count)]
    timed = [
        each + dts.to_bytes(8, "big", signed=True) + pts.to_bytes(8, "big", signed=True)
        for each, dts, pts in zip(hashes, counted.dts, counted.pts, strict=True)
    ]
    assert (counted.payload, counted.timed) == (root(hashes), root(timed))
    assert counted.neutral == counted.payload
    other = track(range(count), neutral_hashes=b"".join(hashes[::-1]))
    assert other.neutral == root(hashes[::-1])


def test_a_manifest_is_canonical_and_reads_back() -> None:
    sound = Header(kind="audio", codec="aac", config="d" * 64, rate=48_000, channels=2)
    turned = Header(kind="video", codec="h264", config="c" * 64, width=1, height=2, matrix=(0, 1, 0, -1, 0, 0, 0, 0, 9))
    body = Manifest((track(), track(header=sound, neutral_hashes=packet(3) * 10), track(header=turned))).as_bytes()
    value = read_canonical(body)
    assert value["v"] == 1
    assert set(value["streams"][0]) == {
        *("kind", "codec", "config", "width", "height", "matrix", "packets", "payload", "neutral", "timed"),
        *("hashes", "neutral_hashes", "dts", "pts", "keys"),
    }
    assert (value["streams"][1]["rate"], value["streams"][1]["channels"]) == (48_000, 2)
    assert read_manifest(body).as_bytes() == body


def test_no_hash_and_no_time_of_a_manifest_can_be_changed() -> None:
    """What no root covers can be; the manifest's own digest, in the event that names it, covers that too."""
    mine = track(range(3))
    body = Manifest((mine,)).as_bytes()
    for place in range(len(body)):
        for bit in (1, 32):
            other = bytearray(body)
            other[place] ^= bit
            try:
                (changed,) = read_manifest(bytes(other)).tracks
            except NotAManifest:
                continue
            assert (changed.payload, changed.timed, changed.packets) == (mine.payload, mine.timed, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"streams":1,"v":1}', b'{"streams":[],"v":2}', b'{"streams":[],"v":1,"v":1}',
        b"[" * 99_999, b'{"streams":[{}],"v":1}', b'{"streams": [],"v":1}', b"\xff", b'{"streams":[],"v":1e0}',
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(NotAManifest):
        read_manifest(body)


def test_columns_of_unequal_length_are_no_track() -> None:
    for column in ({"dts": [0]}, {"pts": []}, {"hashes": b"1" * 33}, {"neutral_hashes": b""}, {"packets": 9}):
        with pytest.raises(NotAManifest):
            track(**column)


def test_too_many_packets_have_roots_and_no_manifest() -> None:
    folded = track(hashes=b"", dts=(), pts=(), folded=(packet(1), packet(2)))
    assert (folded.payload, folded.neutral, folded.listed) == (packet(1), packet(2), False)
    with pytest.raises(NotAManifest):
        Manifest((folded,)).as_bytes()


def test_times_are_microseconds_from_the_first_packet() -> None:
    dts, pts = times([-1024, -512, 0], [0, 2048, 1024], numerator=1, denominator=12_800)
    assert (list(dts), list(pts)) == ([0, 40_000, 80_000], [0, 160_000, 80_000])
    dts, _ = times([0, 1, 2, 3], [0, 1, 2, 3], numerator=1, denominator=90_000)
    assert list(dts) == [0, 11, 22, 33]


def test_times_that_a_container_leaves_out_are_filled_in() -> None:
    dts, pts = times([UNSAID, UNSAID, 23, 63], [23, 183, 103, 63], numerator=1, denominator=1000)
    assert list(dts) == [0, 40_000, 80_000, 120_000]
    assert list(pts) == [0, 160_000, 80_000, 40_000]
    assert list(times([0, 1], [UNSAID, UNSAID], numerator=1, denominator=25)[1]) == [0, 40_000]
    assert list(times([UNSAID, UNSAID], [5, 4], numerator=1, denominator=25)[1]) == [40_000, 0]
    assert list(times([UNSAID], [UNSAID], numerator=1, denominator=25)[0]) == [0]
    assert list(times([0, 2, 4], [0, 1, 2], numerator=1, denominator=25)[1]) == [0, 80_000, 160_000]  # shown too early


def test_times_beyond_reason_are_refused() -> None:
    for told in ({"numerator": 1 << 40, "denominator": 1}, {"numerator": 1, "denominator": 0}):
        with pytest.raises(NotAManifest):
            times([0, 1 << 62], [0, 1 << 62], **told)


@pytest.mark.parametrize(("first", "end"), [(0, 1), (0, 50), (25, 50), (13, 14), (1, 49), (49, 50)])
def test_a_run_of_packets_is_proved_without_the_others(first: int, end: int) -> None:
    master = track(range(50))
    proof = range_proof(master, first, end)
    mine = [packet(number) for number in range(first, end)]
    verify_range(mine, first, 50, proof, master.payload)
    assert len(proof) < 12
    for wrong in (
        (mine[:-1], first, 50, proof),
        (mine, first + 1, 50, proof),
        ([*mine[:-1], packet(99)], first, 50, proof),
        (mine, first, 50, [*proof, packet(1)]),
        (mine, first, 50, [packet(1), *proof][: len(proof)] if proof else [packet(1)]),
        (mine, first, 50, proof[:-1] if proof else [b""]),
        ([], first, 50, proof),
    ):
        with pytest.raises(NotProved):
            verify_range(*wrong, master.payload)


def test_packets_that_are_not_there_cannot_be_proved() -> None:
    for first, end in ((0, 0), (5, 5), (0, 51), (-1, 3)):
        with pytest.raises(NotProved):
            range_proof(track(range(50)), first, end)
