"""Clips of masters whose packets are not their pictures one to one, or whose clock starts again on the way."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from evidence.models import Clip
from evidence.vocabulary import RenditionKind, RenditionState
from tests.integration.transcode.test_clips_by_number import shown_by_page
from tests.support.cutting import asked, body_of, likeness, made, pictures, recipe_for, samples
from tests.support.media import Footage
from tests.support.workroom import Workroom

SECOND = 1_000_000


def cut(workroom: Workroom, recording: UUID, **told: Any) -> Clip:
    """Ask for it, and wait until it is made or has failed."""
    return made(workroom, asked(workroom, recipe_for(workroom, recording, **told)))


def shown(workroom: Workroom, recording: UUID) -> list[Any]:
    """The pictures of the working copy, in their order."""
    row = workroom.finished(recording)[RenditionKind.PLAYBACK]
    return [luma for _, luma in pictures(workroom.bytes_of(row))]


def tones(heard: Any, rate: int = 48_000) -> list[int]:
    """The loudest tone of each half second, in Hz."""
    pieces = [heard[0][at : at + rate // 2] for at in range(0, heard.shape[1] - rate // 2 + 1, rate // 2)]
    return [int(np.argmax(np.abs(np.fft.rfft(piece.astype(float)))) * 2) for piece in pieces]


@pytest.mark.parametrize("name", ["mid-group.ts", "clock-again.ts"])
def test_a_clip_shows_the_pictures_of_the_working_copy_at_its_times(
    workroom: Workroom, footage: Footage, name: str
) -> None:
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    with workroom.working():
        theirs, page = shown(workroom, recording), shown_by_page(workroom, recording)
        row = cut(workroom, recording, start=40, end=60)
        still = cut(workroom, recording, kind="still", start=55, end=56, sounds=(), burn={"time": True})
    assert (row.state, still.state) == (RenditionState.READY, RenditionState.READY), (row.reason, still.reason)
    mine = pictures(body_of(workroom, row))
    alike = [max(range(len(theirs)), key=lambda place: likeness(one, theirs[place])) for _, one in mine]
    assert alike == list(range(40, 60))
    assert [at for at, _ in mine] == [at - page[40] for at in page[40:60]]
    assert still.facts["time_us"] == int(page[55] * SECOND)
    assert row.facts["pictures"]["copied"] == 0
    assert "those of the working copy" in row.facts["pictures"]["why"]


def test_sound_of_a_clock_that_starts_again_is_whole_and_in_order(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("clock-again.ts"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        whole = cut(workroom, recording, kind="sound", unit="microsecond", start=0, end=4 * SECOND)
        late = cut(workroom, recording, kind="sound", unit="microsecond", start=5 * SECOND // 2, end=7 * SECOND // 2)
        beside = cut(workroom, recording, start=10, end=90)
    assert all(row.state is RenditionState.READY for row in (whole, late, beside)), (whole.reason, beside.reason)
    assert abs((workroom.recording(recording).duration_ms or 0) - 4000) < 100  # its header says two seconds
    heard = samples(body_of(workroom, whole))
    assert heard.shape[1] == 4 * 48_000
    assert tones(heard) == [300] * 4 + [1500] * 4
    assert tones(samples(body_of(workroom, late))) == [1500, 1500]
    assert abs(samples(body_of(workroom, beside)).shape[1] / 48_000 - 80 / 25) < 0.1


def test_sound_alone_whose_clock_starts_again_follows_on(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("clock-again-alone.ts"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = cut(workroom, recording, kind="sound", unit="microsecond", start=SECOND, end=3 * SECOND)
    assert row.state is RenditionState.READY, row.reason
    assert tones(samples(body_of(workroom, row))) == [300] * 4


def test_sound_that_ends_before_the_out_point_is_remarked(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("ntsc.mp4"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = cut(workroom, recording, kind="sound", unit="microsecond", start=SECOND, end=3 * SECOND)
    assert row.state is RenditionState.READY, row.reason
    assert "before the out point" in row.facts["remarks"][0]


def test_sound_without_one_sample_is_refused_and_one_sample_is_one(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("ntsc.mp4"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        none = cut(workroom, recording, kind="sound", unit="microsecond", start=0, end=1)
        one = cut(workroom, recording, kind="sound", unit="microsecond", start=SECOND, end=SECOND + 21)
    assert none.state is RenditionState.FAILED
    assert "not one sample" in (none.reason or "")
    assert one.state is RenditionState.READY, one.reason
    assert samples(body_of(workroom, one)).shape[1] == 1
