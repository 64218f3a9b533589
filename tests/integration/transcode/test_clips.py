"""Clips against their masters: exact in and out, packets that are the master's own, the same bytes each time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import update

from evidence.models import Clip, Master
from evidence.store.keys import packets_key
from evidence.vocabulary import RenditionState
from tests.support.cutting import PERSON, asked, body_of, likeness, made, pictures, recipe_for, samples
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode import clip_records
from transcode.packets import read_manifest, verify_range

CUTS = [
    # file, first, end, pictures copied, sound copied
    ("ntsc.mp4", 11, 45, 23, True),
    ("ntsc.mp4", 20, 60, 40, True),
    ("ntsc.mp4", 0, 90, 90, True),
    ("ntsc.mp4", 44, 45, 0, True),
    ("ntsc.ts", 11, 45, 23, True),
    ("ntsc.mkv", 11, 45, 23, True),
    ("ntsc-uneven.mp4", 11, 45, None, None),
    ("ntsc-alaw.mov", 11, 45, 23, False),
    ("open-gop.mp4", 11, 45, 0, True),
    ("hevc.mp4", 11, 45, 0, True),
    ("asp.avi", 11, 45, 0, False),
    ("plain.mp4", 10, 37, 12, True),
    ("interlaced-h264.mp4", 4, 20, 0, None),
]


@pytest.mark.parametrize(("name", "first", "end", "copied", "sound"), CUTS)
def test_a_clip_has_exactly_the_pictures_that_were_asked_for(
    workroom: Workroom, footage: Footage, name: str, first: int, end: int, *, copied: int | None, sound: bool | None
) -> None:
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=first, end=end)))
    assert row.state is RenditionState.READY, row.reason
    told = row.facts["pictures"]
    body, whole = body_of(workroom, row), pictures(footage.of(name).read_bytes())
    mine, theirs = pictures(body), whole[first:end]
    assert len(mine) == len(theirs) == end - first
    if name != "asp.avi":  # its container does not say when pictures are shown
        assert [at for at, _ in mine] == [at - theirs[0][0] for at, _ in theirs]
    alike = [likeness(one, other) for (_, one), (_, other) in zip(mine, theirs, strict=True)]
    begin = told["encoded_before"]
    assert set(alike[begin : begin + told["copied"]]) <= {100.0}
    assert min(alike) > (20 if "interlaced" in name else 38)  # the clip's are deinterlaced
    assert copied is None or told["copied"] == copied
    assert [each["copied"] > 0 for each in row.facts["sounds"]] == ([] if sound is None else [sound])
    assert workroom.history(recording)[-2:] == ["clip.requested", "clip.made"]


def test_copied_packets_are_proved_without_the_rest_of_the_master(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("ntsc.mp4"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=11, end=45)))
    body = b"".join(workroom.house.renditions.read(packets_key(recording, row.packets_sha256 or "")))
    manifest = read_manifest(body)
    with_master = [json.loads(body)["streams"][0]["hashes"]]
    told = row.facts["pictures"]
    hashes = [bytes.fromhex(each) for each in with_master[0][told["copied_at"] : told["copied_at"] + told["copied"]]]
    master = workroom.house
    with master.reading() as session:
        digest = session.get_one(Master, recording).packets_sha256 or ""
    theirs = read_manifest(b"".join(master.renditions.read(packets_key(recording, digest))))
    proof = [bytes.fromhex(each) for each in told["range_proof"]]
    verify_range(hashes, told["master_first"], theirs.tracks[0].packets, proof, theirs.tracks[0].payload)
    assert manifest.tracks[0].packets == 34


def test_the_same_recipe_gives_the_same_bytes(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("ntsc.mp4"))
    workroom.examines(recording)
    still = {"kind": "still", "end": 12, "sounds": ()}
    burn = {"burn": {"time": True, "reference": "AB/1"}}
    wishes: tuple[dict[str, Any], ...] = ({}, burn, {"kind": "sound"}, still)
    with workroom.working():
        workroom.finished(recording)
        recipes = [recipe_for(workroom, recording, **{"start": 11, "end": 45, **more}) for more in wishes]
        first = [made(workroom, asked(workroom, recipe)) for recipe in recipes]
        assert all(row.state is RenditionState.READY for row in first), [row.reason for row in first]
        with workroom.house.writing() as session:
            session.execute(update(Clip).values(state=RenditionState.FAILED))
            for row in first:
                assert clip_records.ask_again(session, row.id, by=PERSON)
        again = [made(workroom, row.id) for row in first]
    assert [row.sha256 for row in again] == [row.sha256 for row in first]
    assert {row.key for row in again}.isdisjoint({row.key for row in first})
    assert len({row.sha256 for row in first}) == 4


def test_sound_begins_where_the_pictures_begin(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("ntsc.mp4"))
    workroom.examines(recording)
    with workroom.working():
        workroom.finished(recording)
        row = made(workroom, asked(workroom, recipe_for(workroom, recording, start=11, end=45)))
        alone = made(workroom, asked(workroom, recipe_for(workroom, recording, kind="sound", start=11, end=45)))
    whole = samples(footage.of("ntsc.mp4").read_bytes())
    begins = round(11 * 1001 / 30000 * 48000)
    for body in (body_of(workroom, row), body_of(workroom, alone)):
        mine = samples(body)
        assert 0 <= mine.shape[1] - round(34 * 1001 / 30000 * 48000) <= 1024
        theirs = whole[:, begins : begins + mine.shape[1]]
        assert abs(mine[:, 4096:-4096] - theirs[:, 4096:-4096]).max() < 1e-3
