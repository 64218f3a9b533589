"""Still pictures and sound alone: nothing lost, nothing beside what was asked for; and clips that are no copies."""

from __future__ import annotations

import io
import itertools

import av
import numpy as np
import pytest
from PIL import Image

from evidence.vocabulary import RenditionState
from tests.support.cutting import asked, body_of, likeness, made, pictures, recipe_for, samples
from tests.support.media import Footage
from tests.support.workroom import Workroom


def test_a_still_is_exactly_the_frame_that_was_asked_for(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("ntsc.mp4"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = made(
            workroom, asked(workroom, recipe_for(workroom, recording, kind="still", start=33, end=34, sounds=()))
        )
    assert row.state is RenditionState.READY, row.reason
    mine = np.asarray(Image.open(io.BytesIO(body_of(workroom, row))).convert("RGB"))
    with av.open(str(footage.of("ntsc.mp4"))) as container:
        theirs = [frame.to_ndarray(format="rgb24") for frame in container.decode(container.streams.video[0])]
    alike = [likeness(mine, each) for each in theirs]
    assert (int(np.argmax(alike)), mine.shape) == (33, theirs[33].shape)
    assert alike[33] > 45
    assert (row.content_type, row.facts["frame"], row.facts["time_us"]) == ("image/png", 33, 33 * 1001 * 1000 // 30)


def test_sound_alone_has_exactly_the_samples_between_the_points(workroom: Workroom, footage: Footage) -> None:
    names = ("speech.wav", "four.wav", "speech.flac", "adpcm.wav")
    recordings = [workroom.keeps(footage.of(name)) for name in names]
    for recording in recordings:
        workroom.examines(recording)
    cut = {"kind": "sound", "unit": "microsecond", "start": 500_000, "end": 1_250_000}
    with workroom.working():
        for recording in recordings:
            workroom.finished(recording)
        rows = [made(workroom, asked(workroom, recipe_for(workroom, each, **cut))) for each in recordings]
    for name, row in zip(names, rows, strict=True):
        assert row.state is RenditionState.READY, row.reason
        body = body_of(workroom, row)
        whole = samples(footage.of(name).read_bytes())
        with av.open(io.BytesIO(body), mode="r") as container:
            rate, channels = container.streams.audio[0].sample_rate, container.streams.audio[0].channels
        mine = samples(body)
        # Packed samples of several channels stand in one row.
        many = channels if mine.shape[0] == 1 else 1
        assert mine.shape[1] == round(0.75 * rate) * many
        begin = round(0.5 * rate) * many
        assert (mine == whole[:, begin : begin + mine.shape[1]]).all()
        assert channels == (4 if name == "four.wav" else 1)


def test_several_tracks_are_several_tracks(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("two-sounds.mkv"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        tracks = [
            each["index"] for each in workroom.recording(recording).media_facts["streams"] if each["kind"] == "audio"
        ]
        recipes = [
            recipe_for(workroom, recording, kind=kind, start=10, end=40, sounds=tracks) for kind in ("sound", "clip")
        ]
        rows = [made(workroom, asked(workroom, recipe)) for recipe in recipes]
    for row in rows:
        assert row.state is RenditionState.READY, row.reason
        with av.open(io.BytesIO(body_of(workroom, row))) as container:
            assert [stream.sample_rate for stream in container.streams.audio] == [48_000, 8_000]
        assert all(each["copied"] for each in row.facts["sounds"])
    assert rows[0].content_type == "audio/mp4"


def test_words_are_written_into_every_picture_and_only_there(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("plain.mp4"))
    workroom.examines(recording)
    burn = {"time": True, "reference": "AB/1: %{pts} ':\\", "collar": "PC 4821"}
    with workroom.working():
        workroom.finished(recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=25, end=35, burn=burn)))
    assert row.state is RenditionState.READY, row.reason
    assert row.facts["pictures"]["copied"] == 0
    mine, theirs = pictures(body_of(workroom, row)), pictures(footage.of("plain.mp4").read_bytes())[25:35]
    for (_, one), (_, other) in zip(mine, theirs, strict=True):
        assert likeness(one[:180], other[:180]) > 35
        assert likeness(one[180:240], other[180:240]) < 25
    lowest = [one[222:240] for _, one in mine]
    assert all((here != there).any() for here, there in itertools.pairwise(lowest))


@pytest.mark.parametrize("name", ["interlaced-h264.mp4", "mpeg2.ts"])
def test_what_cannot_be_copied_is_encoded_frame_by_frame(workroom: Workroom, footage: Footage, name: str) -> None:
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=5, end=20)))
    assert row.state is RenditionState.READY, row.reason
    told = row.facts["pictures"]
    assert (told["copied"], told["asked"], told["times_exact"]) == (0, 15, True)


def test_a_damaged_master_gives_a_true_clip_or_a_reason(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("damaged.mp4"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=3, end=45)))
    assert (row.state is RenditionState.READY) == (row.reason is None)
    assert workroom.history(recording)[-1] == ("clip.made" if row.reason is None else "clip.failed")
