"""What stands in a transport stream behind its pictures and sound is taken for what it is."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from evidence.models import Master
from evidence.vocabulary import RenditionKind, RenditionState
from tests.integration.transcode.test_clips_of_broken_masters import cut
from tests.integration.transcode.test_laps import made
from tests.support.cutting import body_of
from tests.support.media import REORDERED
from tests.support.numbered import numbered, numbers
from tests.support.workroom import Workroom

OTHER = "the last N% of the master are other data, in which no pictures and no sound are found"


def packet(pid: int, body: bytes, *, begins: bool = False) -> bytes:
    return bytes([0x47, begins << 6 | pid >> 8, pid & 255, 0x10]) + body.ljust(184, b"\xff")


BEHIND = {
    "null packets": packet(0x1FFF, b"") * 2000,
    "zeros": bytes(60_000),
    "many zeros": bytes(400_000),
    "private data": packet(0x300, b"a note of the maker's", begins=True) * 2000,
    "metadata": packet(0x300, b"\0\0\1\xbd\0\x20\x80\0\0" + b"\x06\x0e\x2b\x34", begins=True) * 2000,
}


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("sound", ["aac", "ac3"], ids=["copied", "encoded"])
def test_of_what_is_not_pictures_or_sound_nothing_is_said_to_be_missing(
    workroom: Workroom, tmp_path: Path, sound: str, behind: str
) -> None:
    master = numbered(tmp_path / "first.ts", *REORDERED, "-c:a", sound, seconds=4)
    master.write_bytes(master.read_bytes() + BEHIND[behind])
    recording = workroom.keeps(master)
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    row = rows[RenditionKind.PLAYBACK]
    assert row.state is RenditionState.READY, row.reason
    said = [] if behind in ("null packets", "zeros", "many zeros") else [OTHER]
    assert [re.sub(r"\d+%", "N%", each) for each in row.facts["remarks"]] == said
    with workroom.house.reading() as session:
        assert session.get_one(Master, recording).packets_reason is None


def spoiled(film: bytes, marks: int, *, tracks: tuple[int, ...] = (0x100, 0x101)) -> bytes:
    """The film, of which nothing but the headers of these tracks' packets is left in the second half."""
    noise, left = random.Random(5), bytearray(film)  # noqa: S311 - no secret
    for at in range(len(film) // 376 * 188, len(film), 188):
        number, field = (film[at + 1] & 31) << 8 | film[at + 2], film[at + 3] & 0x20
        begins = min(at + 4 + (film[at + 4] + 1 if field else 0), at + 188)
        if number in tracks:
            left[at + 3] |= marks
            left[begins : at + 188] = noise.randbytes(at + 188 - begins)
    return bytes(left)


@pytest.mark.parametrize("marks", [0x80, 0], ids=["scrambled", "garbled"])
def test_a_half_of_which_nothing_can_be_read_is_said_to_be_missing(
    workroom: Workroom, tmp_path: Path, marks: int
) -> None:
    master = numbered(tmp_path / "first.ts", *REORDERED, "-vf", "noise=alls=30", "-c:a", "aac", seconds=8)
    master.write_bytes(spoiled(master.read_bytes(), marks))
    row, _ = made(workroom, master)
    (said,) = [each for each in row.facts["remarks"] if "a part of the master is not shown" in each]
    told = "its last N% hold nothing readable of the pictures and sound that it begins with"
    assert re.sub(r"\d+%", "N%", said).endswith(told)


@pytest.mark.parametrize("sound", ["aac", "ac3"])
def test_clips_are_cut_up_to_the_end_before_much_fill(workroom: Workroom, tmp_path: Path, sound: str) -> None:
    master = numbered(tmp_path / "first.ts", *REORDERED, "-c:a", sound, seconds=4)
    master.write_bytes(master.read_bytes() + BEHIND["many zeros"])
    recording = workroom.keeps(master)
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        clip = cut(workroom, recording, start=80, end=100)
        heard = cut(workroom, recording, kind="sound", unit="microsecond", start=2_000_000, end=3_900_000)
    assert clip.state is RenditionState.READY, clip.reason
    assert heard.state is RenditionState.READY, heard.reason
    (tmp_path / "clip.mp4").write_bytes(body_of(workroom, clip))
    assert numbers(tmp_path / "clip.mp4") == [*range(80, 100)]


def test_pictures_that_come_to_nothing_while_sound_goes_on_are_told_of(workroom: Workroom, tmp_path: Path) -> None:
    master = numbered(tmp_path / "first.ts", *REORDERED, "-vf", "noise=alls=30", "-c:a", "aac", seconds=8)
    master.write_bytes(spoiled(master.read_bytes(), 0, tracks=(0x100,)))
    row, _ = made(workroom, master)
    (said,) = [each for each in row.facts["remarks"] if each.startswith("the pictures end at ")]
    assert re.fullmatch(r"the pictures end at [34]\.\d s, and sound goes on to 8\.\d s", said)
