"""Sound of recordings without an index: found between the pictures, as an intact recording's sound is decoded."""

from __future__ import annotations

import re
import subprocess
from array import array
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from evidence.vocabulary import Condition, Playability, RenditionKind, RenditionState
from tests.support.house import until
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode import sweep


def samples(path: Path) -> array[int]:
    """The first channel of a file's sound, a thousand samples a second."""
    told = ["-v", "error", "-i", str(path), "-vn", "-af", "pan=mono|c0=c0", "-ar", "8000", "-f", "s16le", "-"]
    return array("h", subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *told], capture_output=True, check=True).stdout)


def likeness(one: array[int], other: array[int]) -> float:
    """How alike two sounds are at their best alignment within 50 ms: 1 is the same."""
    best = 0.0
    for shift in range(-400, 401, 2):
        mine, theirs = one[max(0, shift) :], other[max(0, -shift) :]
        pairs = list(zip(mine[:12_000:7], theirs[:12_000:7], strict=False))
        top = sum(a * b for a, b in pairs)
        best = max(best, top / (sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs) or 1) ** 0.5)
    return best


def repaired(workroom: Workroom, whole: Path, broken: Path, place: Path) -> tuple[dict[str, Any], Path]:
    """What is said of the repaired copy, and the copy."""
    with workroom.working():
        sibling = workroom.keeps(whole)
        workroom.examines(sibling)
        workroom.settled(sibling)
        recording = workroom.keeps(broken)
        workroom.examines(recording)
        rows = workroom.finished(recording)
    row = rows[RenditionKind.PLAYBACK]
    assert row.state is RenditionState.READY, row.reason
    place.write_bytes(workroom.bytes_of(row))
    streams = workroom.recording(recording).media_facts["streams"]
    assert [each["kind"] for each in streams] == ["video"], "how its sound was coded is the sibling's word alone"
    return row.facts["repair"], place


@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        ("sweep.mp4", "no-moov-sweep.mp4"),
        ("sweep.mp4", "no-moov-sweep-repeats.mp4"),
        ("samples.mov", "no-moov-samples.mov"),
        ("alaw.mov", "no-moov-alaw.mov"),
    ],
    ids=["AAC", "AAC, pictures that say themselves how", "samples", "A-law"],
)
def test_the_sound_that_was_recorded_is_heard(
    whole: str, broken: str, workroom: Workroom, footage: Footage, tmp_path: Path
) -> None:
    told, copy = repaired(workroom, footage.of(whole), footage.of(broken), tmp_path / "copy.mp4")
    assert told["sound"] == "recovered"
    assert told["sound_from"] == "R0000001"
    assert abs(told["sound_ms"] - 2000) < 60
    assert "of sound recovered, decoded as in R0000001" in told["says"]
    assert likeness(samples(copy), samples(footage.of(whole))) > 0.97


def test_what_lies_between_the_pictures_and_is_no_sound_is_not_played(
    workroom: Workroom, footage: Footage, tmp_path: Path
) -> None:
    """A sibling with another kind of sound: the decoder refuses what it is given."""
    whole, broken = footage.of("sweep-plain.mp4"), footage.of("no-moov-samples.mov")
    told, _ = repaired(workroom, whole, broken, tmp_path / "copy.mp4")
    assert (told["sound"], told["sound_ms"]) == ("not recovered", 0)
    assert told["says"].endswith("sound not recovered")


def test_other_bytes_are_not_played_as_samples_that_decode_out_of_anything(
    workroom: Workroom, footage: Footage, tmp_path: Path
) -> None:
    """A sibling with A-law, which fits AAC of the same rate to the byte and to the second."""
    told, copy = repaired(workroom, footage.of("alaw.mov"), footage.of("no-moov-sweep-plain.mp4"), tmp_path / "a.mp4")
    assert (told["sound"], told["sound_ms"], told["sound_from"]) == ("not recovered", 0, "")
    assert told["says"].endswith("sound not recovered")
    with pytest.raises(subprocess.CalledProcessError):
        samples(copy)  # there is none


def test_it_is_turned_as_its_sibling_is(workroom: Workroom, footage: Footage, tmp_path: Path) -> None:
    told, copy = repaired(workroom, footage.of("turned.mp4"), footage.of("no-moov-sweep.mp4"), tmp_path / "copy.mp4")
    assert abs(told["rotation"]) == 90
    assert "turned as in R0000001" in told["says"]
    compare = "[0:v]trim=end_frame=1[a];[1:v]trim=end_frame=1,scale=240:320[b];[a][b]ssim=stats_file=-"
    asked = ["-v", "error", "-i", str(copy), "-i", str(footage.of("turned.mp4")), "-lavfi", compare, "-f", "null", "-"]
    said = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *asked], capture_output=True, check=True, text=True).stdout
    assert float(said.split("All:")[1].split()[0]) > 0.9


def test_a_sibling_that_is_docked_later_is_tried_once(workroom: Workroom, footage: Footage) -> None:
    """Nobody has to ask again: the round finds that there is one more recording to go by."""
    with workroom.working():
        recording = workroom.keeps(footage.of("no-moov-sweep.mp4"))
        workroom.examines(recording)
        assert workroom.settled(recording).playability is Playability.UNPLAYABLE
    with workroom.house.writing() as session:
        assert sweep.nudge_mending(session) == 0
    with workroom.working():
        other = workroom.keeps(footage.of("hevc.mp4"))
        workroom.examines(other)
        workroom.settled(other)
    with workroom.house.writing() as session:
        assert sweep.nudge_mending(session) == 1
        assert sweep.nudge_mending(session) == 0, "it is being looked at"
    with workroom.working():
        until(lambda: workroom.recording(recording).siblings_tried == 1, what="another look")
    with workroom.house.writing() as session:
        assert sweep.nudge_mending(session) == 0, "nobody new"
    with workroom.working():
        right = workroom.keeps(footage.of("sweep.mp4"))
        workroom.examines(right)
        workroom.settled(right)
        with workroom.house.writing() as session:
            assert sweep.nudge_mending(session) == 1
        until(lambda: workroom.recording(recording).playability is Playability.PLAYABLE, within=90, what="a copy")
    assert "decoded as in R0000003" in (workroom.recording(recording).playability_reason or "")


@pytest.mark.parametrize("name", ["truncated.mp4", "truncated.mkv", "truncated.ts", "truncated.avi"])
def test_what_has_its_index_plays_as_far_as_it_goes_and_says_how_far(
    name: str, workroom: Workroom, footage: Footage
) -> None:
    with workroom.working():
        recording = workroom.keeps(footage.of(name))
        workroom.examines(recording)
        row = workroom.finished(recording)[RenditionKind.PLAYBACK]
    assert row.state is RenditionState.READY, row.reason
    if row.facts.get("recovered") is None:
        assert workroom.recording(recording).condition is Condition.SOUND, "cut where nothing shows it"
        return
    told = row.facts["recovered"]
    assert 5 < told["pictures"] < 50
    assert 200 < told["to_ms"] < 1900
    assert told["sound_ms"] > 0
    assert re.search(r"pictures.*, from 0\.[01] to [0-9.]+ s; [0-9.]+ s of sound$", told["says"])
