"""Masters that first seem sound and are damaged on the way: the frame table is the playing copy's, clips are of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import pytest

from evidence.models import Clip, Rendition
from evidence.vocabulary import Condition, RenditionKind, RenditionMethod, RenditionState
from tests.support.cutting import asked, body_of, clip_of, made, recipe_for, samples
from tests.support.numbered import numbered, numbers
from tests.support.workroom import Workroom

CODING = ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-bf", "2", "-c:a", "aac")
LOST = (153, 203)


@pytest.fixture(scope="module")
def rotten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of numbered pictures in MP4, with bytes turned over in two of them, which are lost by it."""
    folder = tmp_path_factory.mktemp("rotten")
    path = numbered(folder / "whole.mp4", *CODING, "-movflags", "+faststart", seconds=10)
    body, where = bytearray(path.read_bytes()), random.Random(5)  # noqa: S311 - the same damage each time
    with av.open(str(path)) as film:
        lying = {packet.pts // 512: (packet.pos, packet.size) for packet in film.demux(video=0) if packet.size}
    for number in LOST:
        begin, size = lying[number]
        for place in range(begin + 5, min(begin + 45, begin + size)):
            body[place] ^= where.randrange(1, 255)
    path = folder / "rotten.mp4"
    path.write_bytes(body)
    return path


@pytest.fixture
def damaged(workroom: Workroom, rotten: Path) -> UUID:
    """It, looked through."""
    recording = workroom.keeps(rotten)
    workroom.examines(recording)
    return recording


def copies(workroom: Workroom, recording: UUID) -> list[Rendition]:
    """Its working copies, the one that plays last."""
    rows = [row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK]
    return sorted(rows, key=lambda row: row.made_at or row.asked_at)


def playing(workroom: Workroom, recording: UUID, folder: Path) -> list[int]:
    """The number that each picture of the copy shows that plays."""
    path = folder / "playing.mp4"
    path.write_bytes(workroom.bytes_of(copies(workroom, recording)[-1]))
    return numbers(path)


def cut(workroom: Workroom, recording: UUID, **told: Any) -> Clip:
    """Ask for it, and wait until it is made or has failed."""
    return made(workroom, asked(workroom, recipe_for(workroom, recording, **told)), within=25)


def shown(workroom: Workroom, row: Clip, folder: Path) -> list[int]:
    """The number that each picture of a clip shows."""
    assert row.state is RenditionState.READY, row.reason
    path = folder / "clip.bin"
    path.write_bytes(body_of(workroom, row))
    return numbers(path)


def test_the_table_is_that_of_the_copy_which_plays_instead(workroom: Workroom, damaged: UUID, tmp_path: Path) -> None:
    with workroom.working():
        rows = workroom.finished(damaged)
    assert workroom.recording(damaged).condition is Condition.DAMAGED
    assert [row.method for row in copies(workroom, damaged)] == [RenditionMethod.DIRECT, RenditionMethod.TRANSCODE]
    table = json.loads(workroom.bytes_of(rows[RenditionKind.FRAMES]))
    there = playing(workroom, damaged, tmp_path)
    assert there == [number for number in range(250) if number not in LOST]
    assert table["frames"] == len(there)
    later = copies(workroom, damaged)[-1].made_at
    shown_beside = (RenditionKind.POSTER, RenditionKind.STORYBOARD, RenditionKind.WAVEFORM)
    assert later is not None
    assert [rows[kind].made_at >= later for kind in shown_beside] == [True] * 3


def test_clips_of_it_are_what_the_copy_shows(workroom: Workroom, damaged: UUID, tmp_path: Path) -> None:
    with workroom.working():
        workroom.finished(damaged)
        there = playing(workroom, damaged, tmp_path)
        gone = LOST[0]
        places = [(gone - 13, gone), (gone - 6, gone + 7), (gone + 1, gone + 13), (gone - 3, len(there)), (0, gone)]
        clips = [(place, cut(workroom, damaged, start=place[0], end=place[1])) for place in places]
        told: dict[str, Any] = {"kind": "still", "sounds": ()}
        stills = [(each, cut(workroom, damaged, start=each, end=each + 1, **told)) for each in (gone - 1, gone)]
    for (first, end), row in clips:
        assert shown(workroom, row, tmp_path) == there[first:end]
    for place, row in stills:
        assert shown(workroom, row, tmp_path) == [there[place]]


def test_numbers_of_the_copy_before_are_not_taken_for_those_of_this_one(workroom: Workroom, damaged: UUID) -> None:
    with workroom.working():
        table = workroom.finished(damaged)[RenditionKind.FRAMES]
    clip = asked(workroom, recipe_for(workroom, damaged, start=160, end=170))
    assert clip_of(workroom, clip).recipe["table"] == table.sha256
    with workroom.house.writing() as session:  # as it was asked for before this copy came
        row = session.get_one(Clip, clip)
        row.recipe = {name: told for name, told in row.recipe.items() if name != "table"}
    with workroom.working():
        before = made(workroom, clip)
    assert before.state is RenditionState.FAILED
    assert "another working copy" in (before.reason or "")


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds in a transport stream that lacks one packet out of the middle of its sound."""
    path = numbered(tmp_path_factory.mktemp("holed") / "whole.ts", *CODING, seconds=8)
    body = path.read_bytes()
    packets = [body[at : at + 188] for at in range(0, len(body), 188)]
    heard = [at for at, each in enumerate(packets) if each[1] & 0x1F == 1 and each[2] == 1 and not each[1] & 0x40]
    del packets[heard[len(heard) // 2]]
    path = path.with_name("holed.ts")
    path.write_bytes(b"".join(packets))
    return path


def test_clips_across_a_hole_are_what_the_copy_shows(workroom: Workroom, holed: Path, tmp_path: Path) -> None:
    recording = workroom.keeps(holed)
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        there = playing(workroom, recording, tmp_path)
        clip = cut(workroom, recording, start=0, end=len(there))
        clean = cut(workroom, recording, start=5, end=20)
        heard = cut(workroom, recording, kind="sound", start=0, end=len(there))
    assert shown(workroom, clip, tmp_path) == there
    assert shown(workroom, clean, tmp_path) == there[5:20]
    assert heard.state is RenditionState.READY, heard.reason
    assert abs(samples(body_of(workroom, heard)).shape[1] / 48_000 - 8) < 0.1
    assert "there is silence" in " ".join(heard.facts["remarks"])
