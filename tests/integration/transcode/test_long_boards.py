"""Poster and storyboard of masters too long to be decoded whole: only key frames are, one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState
from tests.support.media import REORDERED
from tests.support.numbered import numbered
from tests.support.workroom import Workroom
from transcode.settings import TranscodeSettings


@pytest.mark.parametrize(
    ("suffix", "method"), [("mp4", RenditionMethod.DIRECT), ("ts", RenditionMethod.REMUX)], ids=["direct", "copied"]
)
def test_pictures_that_are_reordered_are_shown_in_the_storyboard_as_well(
    workroom: Workroom, tmp_path: Path, suffix: str, method: RenditionMethod
) -> None:
    room = Workroom(workroom.world, TranscodeSettings(scratch=tmp_path / "scratch", check_seconds=0))
    path = numbered(tmp_path / f"long.{suffix}", *REORDERED, "-c:a", "aac", seconds=20)
    recording = room.keeps(path)
    room.examines(recording)
    with room.working():
        rows = room.finished(recording)
    assert rows[RenditionKind.PLAYBACK].method is method, rows[RenditionKind.PLAYBACK].why
    for kind in (RenditionKind.POSTER, RenditionKind.STORYBOARD):
        assert rows[kind].state is RenditionState.READY, rows[kind].reason
    assert len(rows[RenditionKind.STORYBOARD].facts["sheets"]) > 0
