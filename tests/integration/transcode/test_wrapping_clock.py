"""A transport stream's clock has 33 bits: recordings across its wrap have the times that their working copy shows."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any
from uuid import UUID

import av
import numpy as np
import pytest
from PIL import Image

from evidence.models import Clip
from evidence.vocabulary import RenditionKind, RenditionState
from tests.integration.transcode.test_clips_by_number import shown_by_page
from tests.support.cutting import asked, body_of, likeness, made, pictures, recipe_for, samples
from tests.support.media import Footage
from tests.support.workroom import Workroom

SECOND = 1_000_000
MILLISECOND = Fraction(1, 1000)


def kept(workroom: Workroom, footage: Footage, name: str) -> UUID:
    """The recording, examined."""
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    return recording


def cut(workroom: Workroom, recording: UUID, **told: Any) -> Clip:
    """Ask for it, and wait until it is made."""
    row = made(workroom, asked(workroom, recipe_for(workroom, recording, **told)))
    assert row.state is RenditionState.READY, row.reason
    return row


def cues_of(workroom: Workroom, recording: UUID) -> list[str]:
    """When the storyboard's pictures are shown."""
    row = workroom.finished(recording)[RenditionKind.STORYBOARD]
    return [line for line in workroom.bytes_of(row).decode().splitlines() if "-->" in line]


def pixels(workroom: Workroom, row: Clip) -> Any:
    """A still's picture."""
    return np.asarray(Image.open(io.BytesIO(body_of(workroom, row))).convert("RGB"))


@pytest.mark.parametrize("name", ["h264", "mpeg2"])
def test_times_across_the_wrap_are_those_without_it(workroom: Workroom, footage: Footage, name: str) -> None:
    with av.open(str(footage.of(f"{name}-wrapping.ts"))) as container:
        assert -1_500_000 < (container.start_time or 0) < -500_000
    wrapping, plain = (kept(workroom, footage, each) for each in (f"{name}-wrapping.ts", f"{name}.ts"))
    with workroom.working():
        copies = [workroom.finished(each)[RenditionKind.PLAYBACK] for each in (wrapping, plain)]
        boards = [cues_of(workroom, each) for each in (wrapping, plain)]
        pages = [shown_by_page(workroom, each) for each in (wrapping, plain)]
        stills = [
            [cut(workroom, each, kind="still", start=at, end=at + 1, sounds=(), burn={"time": True}) for at in (0, 40)]
            for each in (wrapping, plain)
        ]
        clip = cut(workroom, wrapping, start=20, end=45, burn={"time": True})
        other = cut(workroom, plain, start=20, end=45, burn={"time": True})
        sounds = [
            cut(workroom, each, kind="sound", unit="microsecond", start=SECOND // 2, end=3 * SECOND // 2)
            for each in (wrapping, plain)
        ]
    assert copies[0].method == copies[1].method
    assert [cue.split(" --> ")[0] for cue in boards[0]] == [cue.split(" --> ")[0] for cue in boards[1]]
    assert boards[0][0].startswith("00:00:00.0")
    assert len(boards[0]) >= 2
    assert all(abs(one - other) < MILLISECOND for one, other in zip(*pages, strict=True))
    theirs = [pictures(workroom.bytes_of(row)) for row in copies]
    assert all(abs(one - other) < MILLISECOND for (one, _), (other, _) in zip(*theirs, strict=True))
    for one, same in zip(*stills, strict=True):
        assert one.facts["time_us"] == same.facts["time_us"]
        # MP4's edit list counts in milliseconds.
        assert abs(one.facts["time_us"] - pages[0][one.facts["frame"]] * SECOND) < 1000
        assert (pixels(workroom, one) == pixels(workroom, same)).all()
    mine, same_clip = pictures(body_of(workroom, clip)), pictures(body_of(workroom, other))
    assert [at for at, _ in mine] == [at for at, _ in same_clip]
    assert all(likeness(a, b) == 100 for (_, a), (_, b) in zip(mine, same_clip, strict=True))
    heard = [samples(body_of(workroom, row)) for row in sounds]
    assert heard[0].shape == heard[1].shape
    assert (heard[0] == heard[1]).all()
