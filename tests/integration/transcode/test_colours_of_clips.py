"""Clips encoded whole look as their masters do: full-range samples are said to be full-range."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest

from evidence.vocabulary import RenditionState
from tests.support.cutting import asked, body_of, likeness, made, recipe_for
from tests.support.media import Footage
from tests.support.workroom import Workroom

FULL = 2


def seen(source: Any) -> list[tuple[Any, int, int]]:
    """Each picture as a screen shows it, without its lowest fifth; and what it says of its range and matrix."""
    with av.open(source, mode="r") as container:
        decoded: Any = container.decode(container.streams.video[0])
        return [
            (frame.to_ndarray(format="rgb24")[:190], int(frame.color_range), int(frame.colorspace)) for frame in decoded
        ]


@pytest.mark.parametrize(("name", "matrix"), [("full-range.mp4", 1), ("mjpeg.avi", 5), ("silent.mp4", 2)])
def test_a_clip_encoded_whole_has_its_masters_colours(
    workroom: Workroom, footage: Footage, name: str, matrix: int
) -> None:
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    burn: dict[str, Any] = {"burn": {"reference": "AB/1"}, "sounds": ()}
    with workroom.working():
        workroom.finished(recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=7, end=21, **burn)))
        still = made(workroom, asked(workroom, recipe_for(workroom, recording, kind="still", start=7, end=8, **burn)))
    assert (row.state, still.state) == (RenditionState.READY, RenditionState.READY), (row.reason, still.reason)
    mine, theirs = seen(io.BytesIO(body_of(workroom, row))), seen(str(footage.of(name)))[7:21]
    assert {(matrix, span) for _, span, matrix in mine} == {(matrix, theirs[0][1])}
    assert (theirs[0][1] == FULL) is (name != "silent.mp4")
    assert min(likeness(one, other) for (one, *_), (other, *_) in zip(mine, theirs, strict=True)) > 30
    assert abs(float(np.mean(mine[0][0].astype(int) - theirs[0][0].astype(int)))) < 1
    assert likeness(seen(io.BytesIO(body_of(workroom, still)))[0][0], theirs[0][0]) > 35
