"""What a child says of a master is checked before it is believed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from transcode.media import MediaFacts, StreamFacts


def test_times_that_no_recording_has_are_no_times() -> None:
    stream = StreamFacts(index=0, kind="video", duration_ms=10**15, first_ms=-(10**15))
    assert stream.duration_ms is None
    assert stream.first_ms is None


def test_words_lose_their_control_characters_and_their_length() -> None:
    facts = MediaFacts(container="mp4", size=1, tags={"title": "a\x1b[31m\u202eb" + "x" * 5000})
    assert "\x1b" not in facts.tags["title"]
    assert "\u202e" not in facts.tags["title"]
    assert len(facts.tags["title"]) <= 1000


@pytest.mark.parametrize("wrong", [{"width": -1}, {"channels": 10**9}, {"kind": "sausage"}, {"index": -1}])
def test_impossible_numbers_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StreamFacts.model_validate({"index": 0, "kind": "video", **wrong})


def test_a_turned_picture_is_as_high_as_it_was_wide() -> None:
    stream = StreamFacts(index=0, kind="video", width=720, height=576, rotation=-90, sample_aspect=(16, 15))
    assert stream.shown_size == (576, 720)
    assert stream.shown_aspect < 1


@pytest.mark.parametrize("rate", [None, (0, 1), (2_147_483_647, 1), (30, 0)])
def test_an_absurd_frame_rate_is_not_reckoned_with(rate: tuple[int, int] | None) -> None:
    assert 0 < StreamFacts(index=0, kind="video", rate=rate).frames_a_second <= 240


def test_what_the_row_keeps_can_be_read_back() -> None:
    facts = MediaFacts(container="mp4", size=1, streams=(StreamFacts(index=3, kind="audio", channels=2),))
    assert MediaFacts.model_validate(facts.model_dump(mode="json", exclude_defaults=True)) == facts
