"""Children that somebody else ends: their work is tried once more, and the second time is what the record says."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.vocabulary import Condition, Playability, RenditionKind, RenditionState
from tests.support.cutting import PERSON, asked, made, recipe_for
from tests.support.killing import Killer
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode import clip_records


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    """Kills nothing yet."""
    return Killer(monkeypatch)


def test_an_examination_that_is_killed_once_is_tried_again(
    workroom: Workroom, footage: Footage, killer: Killer
) -> None:
    killer.kills("probe", 1)
    with workroom.working():
        recording = workroom.keeps(footage.of("h264.flv"))
        workroom.examines(recording)
        found = workroom.settled(recording, within=60)
    assert killer.killed == 1
    assert (found.condition, found.playability) == (Condition.SOUND, Playability.PLAYABLE)
    assert not workroom.quarantined(recording)
    assert workroom.history(recording).count("recording.examined") == 1


def test_an_examination_that_is_killed_again_ends_with_a_record_that_says_so(
    workroom: Workroom, footage: Footage, killer: Killer
) -> None:
    killer.kills("probe", 9)
    with workroom.working():
        recording = workroom.keeps(footage.of("h264.flv"))
        workroom.examines(recording)
        found = workroom.settled(recording, within=60)
    assert killer.killed == 2, "tried once more, and not for ever"
    assert (found.condition, found.playability) == (Condition.UNKNOWN, Playability.UNPLAYABLE)
    for said in (found.condition_reason, found.playability_reason, workroom.quarantined(recording)[0].reason):
        assert said is not None
        assert "ended from outside" in said
        assert "signal 9" in said


@pytest.mark.parametrize("times", [1, 2])
def test_a_repair_that_is_looked_for_and_killed_is_not_a_repair_that_was_not_found(
    workroom: Workroom, footage: Footage, killer: Killer, tmp_path: Path, times: int
) -> None:
    whole = footage.of("reordered.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: whole.index(b"moov") - 4])
    with workroom.working():
        sibling = workroom.keeps(footage.of("reordered.mp4"))
        workroom.examines(sibling)
        workroom.finished(sibling)
        killer.kills("repair", times)
        recording = workroom.keeps(cut)
        workroom.examines(recording)
        found = workroom.settled(recording, within=60)
    assert killer.killed == times
    assert found.condition is Condition.DAMAGED
    if times == 1:
        assert found.playability is Playability.PLAYABLE
    else:
        assert found.playability is Playability.UNPLAYABLE
        assert "Looking for a repair was ended from outside" in (found.condition_reason or "")


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_shown_beside_a_recording_is_tried_once_more(
    workroom: Workroom, footage: Footage, killer: Killer, times: int
) -> None:
    killer.kills("survey", times)
    with workroom.working():
        recording = workroom.keeps(footage.of("plain.mp4"))
        workroom.examines(recording)
        rows = workroom.finished(recording, within=60)
    assert killer.killed == times
    assert rows[RenditionKind.PLAYBACK].state is RenditionState.READY
    poster = rows[RenditionKind.POSTER]
    assert poster.state is (RenditionState.READY if times == 1 else RenditionState.FAILED), poster.reason
    assert ("signal 9" in (poster.reason or "")) is (times == 2)


def test_a_clip_is_tried_once_more_and_asked_for_again_it_begins_anew(
    workroom: Workroom, footage: Footage, killer: Killer
) -> None:
    with workroom.working():
        recording = workroom.keeps(footage.of("plain.mp4"))
        workroom.examines(recording)
        workroom.finished(recording)
        recipe = recipe_for(workroom, recording, kind="still", start=3, end=4, sounds=())
        killer.kills("clips", 2)
        clip = made(workroom, asked(workroom, recipe))
        assert (killer.killed, clip.state) == (2, RenditionState.FAILED)
        assert "signal 9" in (clip.reason or "")
        with workroom.house.writing() as session:
            clip_records.ask_again(session, clip.id, by=PERSON)
        killer.kills("clips", 1)
        clip = made(workroom, clip.id)
    assert (killer.killed, clip.state) == (1, RenditionState.READY), clip.reason
