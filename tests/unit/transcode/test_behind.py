"""What stands behind a stream's pictures and sound is passed over, named or told to be missing, by what it is."""

from __future__ import annotations

import io
import random
import time

import pytest

from transcode.inside.behind import behind

BEGINNING = 100_000
MISSING, OTHER = "ended_early", "beside"
NOISE = random.Random(5).randbytes(60_000)  # noqa: S311 - no secret


def packets(number: int, body: bytes, *, first: int = 0x40, third: int = 0x10) -> bytes:
    return (bytes([0x47, first | number >> 8, number & 255, third]) + body.ljust(184, b"\xff")) * 300


PES = b"\0\0\1%c\0\x20\x80\0\0"
CASES = {
    "null packets": (packets(0x1FFF, b""), None),
    "fill": (b"\xff" * 60_000, None),
    "the last of what is shown": (packets(0x100, PES % 0xE0)[: 188 * 150] + packets(0x1FFF, b""), None),
    "clocks of what is shown": (packets(0x100, b"\xb7\x10" + bytes(6), third=0x20), None),
    "what would be shown and is broken": (packets(0x100, NOISE[:184]), MISSING),
    "what would be shown and is marked as broken": (packets(0x100, PES % 0xE0, first=0xC0), MISSING),
    "what would be shown and is scrambled": (packets(0x100, NOISE[:184], third=0x90), MISSING),
    "known data": (packets(0x102, PES % 0xBD + b"\x0b\x77"), OTHER),
    "private data": (packets(0x300, b"a note"), OTHER),
    "metadata in which a sound seems to begin": (packets(0x300, PES % 0xBD + b"\x06\x0e\x2b\x34\x0b\x77"), OTHER),
    "metadata": (packets(0x300, PES % 0xBD + b"\x06\x0e\x2b\x34"), OTHER),
    "pictures": (packets(0x300, PES % 0xE0), MISSING),
    "pictures behind an adaptation field": (packets(0x300, b"\x01\x00" + PES % 0xE0, third=0x30), MISSING),
    "sound": (packets(0x300, PES % 0xC0), MISSING),
    "sound sent as private data": (packets(0x300, PES % 0xBD + b"\x0b\x77"), MISSING),
    "pictures behind null packets": (packets(0x1FFF, b"") * 9 + packets(0x300, PES % 0xE0), MISSING),
    "pictures behind bytes of nothing": (b"\x47" + bytes(50_001) + packets(0x300, PES % 0xE0), MISSING),
    "sound behind a longer header": (packets(0x300, PES[:-1] % 0xBD + b"\x05" + bytes(5) + b"\x0b\x77"), MISSING),
    "less than a header": (packets(0x300, PES[:-1] % 0xBD, third=0x30)[:6], None),
    "fill between what is nothing": ((b"G" + bytes(999)) * 90, None),
    "what is scrambled": (packets(0x300, b"", third=0x90), MISSING),
    "what is no packet": (NOISE, MISSING),
    "little": (packets(0x300, PES % 0xE0)[: 188 * 50], None),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("step", [188, 192, 204])
def test_what_stands_behind_is_taken_for_what_it_is(name: str, step: int) -> None:
    found, said = CASES[name]
    if found[:1] == b"\x47" and len(found) % 188 == 0:
        found = b"".join(found[at : at + 188] + bytes(step - 188) for at in range(0, len(found), 188))
    raw = io.BytesIO(bytes(BEGINNING) + found)
    told = behind(raw, BEGINNING, BEGINNING + len(found), shown={0x100, 0x101}, data={0x102})
    assert list(told) == ([said] if said else [])


def test_of_a_file_of_which_nothing_was_read_nothing_is_said() -> None:
    assert behind(io.BytesIO(NOISE), 0, len(NOISE), shown=(), data=()) == {}


def test_an_end_of_what_looks_like_beginnings_is_read_at_once() -> None:
    spent, stray = time.process_time(), b"G\0G\0\0\0\0" * ((4 << 20) // 7)
    told = behind(io.BytesIO(stray), 1, len(stray), shown=(), data=())
    assert list(told) == [MISSING]
    assert time.process_time() - spent < 0.6
