"""Clips of masters whose packets or times do not say by themselves which picture is which."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import pytest

from evidence.vocabulary import RenditionKind, RenditionState
from tests.support.coded_fields import brightness
from tests.support.cutting import asked, body_of, likeness, made, pictures, recipe_for
from tests.support.media import Footage
from tests.support.workroom import Workroom


def shown_by_page(workroom: Workroom, recording: UUID) -> list[Fraction]:
    """When the page shows each frame, in seconds: by the working copy's own table."""
    row = workroom.finished(recording)[RenditionKind.FRAMES]
    table = json.loads(workroom.bytes_of(row))
    ticks = [table["first"]]
    for step, count in table["steps"]:
        ticks += [ticks[-1] + step * each for each in range(1, count + 1)]
    return [Fraction(tick, table["timescale"]) for tick in ticks]


def in_decoding_order(path: Path) -> list[Any]:
    """Every picture as the decoder gives it, whatever its time."""
    with av.open(str(path), mode="r") as container:
        decoded: Any = container.decode(container.streams.video[0])
        return [frame.to_ndarray(format="yuv420p") for frame in decoded]


@pytest.mark.parametrize("name", ["fields.ts", "fields.h264"])
def test_two_fields_in_two_packets_are_one_picture(workroom: Workroom, footage: Footage, name: str) -> None:
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    with workroom.working():
        page = shown_by_page(workroom, recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=7, end=25)))
        still = made(workroom, asked(workroom, recipe_for(workroom, recording, kind="still", start=12, end=13)))
    assert (row.state, still.state) == (RenditionState.READY, RenditionState.READY), (row.reason, still.reason)
    mine = pictures(body_of(workroom, row))
    assert len(page) == 25
    assert [at for at, _ in mine] == [at - page[7] for at in page[7:25]]
    assert [abs(float(luma[:32].mean()) - brightness(7 + place)) < 2 for place, (_, luma) in enumerate(mine)] == (
        [True] * 18
    )
    assert still.facts["time_us"] == int((page[12] - page[0]) * 1_000_000)
    assert row.facts["pictures"]["copied"] == 0


@pytest.mark.parametrize("name", ["bare.h264", "bare.hevc"])
def test_a_bare_stream_is_cut_by_number_at_the_times_of_its_working_copy(
    workroom: Workroom, footage: Footage, name: str
) -> None:
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    with workroom.working():
        page = shown_by_page(workroom, recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=11, end=45)))
    assert row.state is RenditionState.READY, row.reason
    mine, theirs = pictures(body_of(workroom, row)), in_decoding_order(footage.of(name))
    assert [at for at, _ in mine] == [at - page[11] for at in page[11:45]]
    assert min(likeness(one, theirs[11 + place]) for place, (_, one) in enumerate(mine)) > 38
    assert "no times" in row.facts["pictures"]["why"]


@pytest.mark.parametrize(("first", "end"), [(0, 12), (4, 5), (5, 7), (20, 30)])
def test_pictures_whose_times_have_another_order_are_those_of_the_page(
    workroom: Workroom, footage: Footage, first: int, end: int
) -> None:
    recording = workroom.keeps(footage.of("disordered.mp4"))
    workroom.examines(recording)
    with workroom.working():
        page = shown_by_page(workroom, recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=first, end=end)))
    assert row.state is RenditionState.READY, row.reason
    mine, theirs = pictures(body_of(workroom, row)), in_decoding_order(footage.of("disordered.mp4"))
    assert len(page) == len(theirs)
    assert len(mine) == end - first
    alike = [max(range(len(theirs)), key=lambda place: likeness(one, theirs[place])) for _, one in mine]
    assert alike == list(range(first, end))
