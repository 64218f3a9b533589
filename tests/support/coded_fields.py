"""Recordings that FFmpeg's encoders do not make: pictures coded as two fields, and times in another order.

x264 codes interlaced pictures as frames only. AVCHD cameras code each field by itself (ITU-T H.264, 7.3.3,
`field_pic_flag`), and a transport stream gives each a packet of its own. Here each field is made of samples as they
are (I_PCM), so that a picture's brightness says which picture it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import av

SIDE: Final = 32
RATE: Final = 25
GROUP: Final = 10
I_PCM: Final = 25
BASELESS: Final = 90_000


class Written:
    """Bits as the standard writes them."""

    def __init__(self) -> None:
        self.bits = ""

    def plain(self, value: int, width: int) -> Written:
        self.bits += f"{value:0{width}b}" if width else ""
        return self

    def number(self, *values: int) -> Written:
        """ue(v), and se(v) of zero."""
        for value in values:
            told = f"{value + 1:b}"
            self.bits += "0" * (len(told) - 1) + told
        return self

    def aligned(self) -> Written:
        self.bits += "0" * (-len(self.bits) % 8)
        return self

    def unit(self, head: int) -> bytes:
        """As a unit behind its start code, with its stop bit and what keeps start codes out of it."""
        self.bits += "1"
        self.aligned()
        body, made, zeros = int(self.bits, 2).to_bytes(len(self.bits) // 8, "big"), bytearray(), 0
        for byte in body:
            if zeros >= 2 and byte <= 3:
                made.append(3)
                zeros = 0
            made.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b"\0\0\0\1" + bytes([head]) + bytes(made)


def sequence_set() -> bytes:
    """Main profile, order of showing as of decoding, fields allowed (7.3.2.1.1)."""
    told = Written().plain(77, 8).plain(0, 8).plain(30, 8).number(0, 0, 2, 1).plain(0, 1)
    return told.number(SIDE // 16 - 1, SIDE // 32 - 1).plain(0b00100, 5).unit(0x67)


def picture_set() -> bytes:
    """7.3.2.2, with the word about deblocking in each slice."""
    return Written().number(0, 0).plain(0, 2).number(0, 0, 0).plain(0, 3).number(0, 0, 0).plain(0b100, 3).unit(0x68)


def field(picture: int, *, bottom: bool) -> bytes:
    """One field of a picture, all of one brightness."""
    begins = picture % GROUP == 0 and not bottom
    told = Written().number(0, 7, 0).plain(picture % GROUP, 4).plain(1, 1).plain(int(bottom), 1)
    told = told.number(picture // GROUP % 2).plain(0, 2) if begins else told.plain(0, 1)
    told.number(0, 1)
    for _ in range(SIDE // 16 * SIDE // 32):
        told.number(I_PCM).aligned()
        told.bits += f"{brightness(picture):08b}" * 256 + f"{128:08b}" * 128
    return told.unit(0x65 if begins else 0x61)


def brightness(picture: int) -> int:
    """By which a picture is known."""
    return 20 + 4 * picture


def bare(pictures: int) -> bytes:
    """As a stream without a container, and so without times."""
    sets = sequence_set() + picture_set()
    made = [field(each, bottom=bottom) for each in range(pictures) for bottom in (False, True)]
    return b"".join((sets if place % (2 * GROUP) == 0 else b"") + each for place, each in enumerate(made))


def stream(pictures: int) -> bytes:
    """As a transport stream, one field in each packet."""
    made, half = io.BytesIO(), BASELESS // RATE // 2
    with av.open(io.BytesIO(bare(pictures)), mode="r", format="h264") as raw, av.open(made, "w", format="mpegts") as ts:
        out = ts.add_stream_from_template(raw.streams.video[0])
        for number, packet in enumerate(each for each in raw.demux() if each.size):
            packet.pts = packet.dts = BASELESS + number * half
            packet.time_base, packet.duration, packet.stream = Fraction(1, BASELESS), half, out
            ts.mux(packet)
    return made.getvalue()


def disordered(body: bytes, swapped: Sequence[int]) -> bytes:
    """The same pictures in MP4, each of the `swapped` ones (by its place in showing order) shown two places earlier:
    times in another order than the pictures have, as edited telephone recordings have them.
    """
    made = io.BytesIO()
    with av.open(io.BytesIO(body), mode="r") as old, av.open(made, "w", format="mp4") as new:
        source = old.streams.video[0]
        out = new.add_stream_from_template(source)
        packets = [each for each in old.demux(source) if each.size]
        times = sorted(each.pts or 0 for each in packets)
        moved = {at: times.index(at) for at in times}
        for place in swapped:
            here = times[place - 2 : place + 1]
            for at, then in zip(here, [here[1], here[2], here[0]], strict=True):
                moved[at] = times.index(then)
        for packet in packets:
            packet.pts = times[moved[packet.pts or 0]]
            packet.dts = (packet.dts or 0) - 4 * (times[1] - times[0])
            packet.stream = out
            new.mux(packet)
    return made.getvalue()
