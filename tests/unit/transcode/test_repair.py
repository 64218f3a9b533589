"""What can be repaired, by what, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from evidence.vocabulary import Condition
from transcode.condition import Verdict
from transcode.media import MediaFacts
from transcode.repair import (
    Known,
    LookSaid,
    Repair,
    Sound,
    WrittenSaid,
    encoding,
    facts_of,
    outcome,
    plan,
    repair_by,
    sound_is_believed,
    unrepaired,
    worth_trying,
)
from transcode.signature import signature

MP4 = signature(b"\x00\x00\x00\x18ftypmp42" + bytes(100), 1000)
CUT = Verdict(Condition.DAMAGED, "cut off")


def look(**more: Any) -> LookSaid:
    told = {"codec": "h264", "sets": ("Z0I=", "aM4="), "pictures": 40, "decoded": 40, "width": 1280, "height": 720}
    return LookSaid(**{**told, **more})


def repair(**more: Any) -> Repair:
    return Repair.model_validate({"codec": "h264", "sets": (), "rate": (30, 1), "rate_from": "stream", **more})


def test_only_a_broken_mp4_is_worth_trying() -> None:
    assert worth_trying(CUT, MP4, None)
    assert not worth_trying(CUT, MP4, MediaFacts(container="mov,mp4", size=1))
    assert not worth_trying(Verdict(Condition.HOSTILE, "asks for too much"), MP4, None)
    assert not worth_trying(CUT, signature(b"RIFF\x00\x00\x00\x00AVI LIST", 1000), None)


@pytest.mark.parametrize(
    "said", [{"decoded": 0}, {"faults": 11}, {"codec": "", "sets": (), "pictures": 0, "decoded": 0}]
)
def test_what_does_not_decode_as_it_should_is_left_alone(said: dict[str, Any]) -> None:
    assert repair_by(look(**said), Known(reference="R0000001")) is None


@pytest.mark.parametrize(
    ("own", "said", "siblings", "expected"),
    [
        (True, (25, 1), (30, 1), ((25, 1), "stream")),
        (True, None, (30000, 1001), ((30000, 1001), "sibling")),
        (False, (25, 1), (30, 1), ((30, 1), "sibling")),
        (False, (25, 1), None, ((25, 1), "stream")),
        (False, (90000, 1), (0, 0), ((30, 1), "assumed")),
    ],
)
def test_the_pace_comes_from_whoever_knows_best(own: bool, said: Any, siblings: Any, expected: Any) -> None:
    found = repair_by(look(own_sets=own, rate=said), Known(reference="R0000007", rate=siblings))
    assert found is not None
    assert (found.rate, found.rate_from) == expected
    assert found.sibling == ("" if own else "R0000007")


def test_a_person_is_told_what_was_recovered_and_what_was_made_up() -> None:
    said = WrittenSaid(pictures=1240, total=1000, used=985)
    told = outcome(repair(sibling="R0000007", rate_from="sibling"), said, 1234)
    assert told["says"] == (
        "Repaired copy: 1,234 pictures recovered from 98% of the file (0 to 41.1 s), decoded as in R0000007 "
        "of the same device; times are estimated at 30 a second, as the device's other recordings have; "
        "sound not recovered"
    )
    assert (told["pictures"], told["pictures_found"], told["made_up"]) == (1234, 1240, ["times"])


def test_zeros_that_nobody_wrote_are_no_loss() -> None:
    told = outcome(repair(rate_from="assumed"), WrittenSaid(pictures=10, total=1000, used=500, blank=500), 10)
    assert "100% of what was written into the file" in told["says"]
    assert "a guess" in told["says"]
    assert told["says"].endswith("there is no sound in it")


def test_pictures_are_spaced_evenly_in_the_order_of_showing() -> None:
    mine = repair(rate=(30000, 1001))
    facts = facts_of(look(), mine, 5_000_000)
    assert facts.has_media
    assert not facts.length_ms
    assert encoding(facts, mine, longest_hours=1).filters[0] == ("setpts", "N*1001/30000/TB")
    assert plan(facts, mine, longest_hours=1).with_ffmpeg


SOUND = {"codec": "aac", "config": "EYg=", "rate": 48000, "channels": 1}


def test_sound_is_believed_where_nearly_all_between_the_pictures_is_sound() -> None:
    known = Known(reference="R0000007", sound=Sound.model_validate(SOUND))
    assert repair_by(look(sound_taken=900, sound_lost=90), known).sound == known.sound  # type: ignore[union-attr]
    for said in ({}, {"sound_taken": 900, "sound_lost": 200}):
        assert repair_by(look(**said), known).sound is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (48_000 * 2, "2.0 s of sound recovered, decoded as in R0000007"),
        (48_000 * 9, "9.0 s of sound recovered, decoded as in R0000007; it is not as long as the pictures, so that"),
        (0, "sound not recovered"),
    ],
)
def test_a_person_is_told_of_the_sound(samples: int, says: str) -> None:
    said = WrittenSaid(pictures=60, total=1000, used=600, sound_taken=300 if samples else 0, sound_samples=samples)
    told = outcome(repair(sound=SOUND, sound_from="R0000007"), said, 60)
    assert says in told["says"]
    assert (told["sound_ms"], told["from_ms"], told["to_ms"]) == (samples // 48, 0, 2000)


ALAW = {"codec": "pcm_alaw", "rate": 8000, "channels": 1}
LIKE: dict[str, Any] = {"sound_gain": 40.0, "sound_rival": 3.0, "sound_level": 0.1}


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        (LIKE, True),
        ({}, False),
        ({**LIKE, "sound_gain": 1.4, "sound_rival": 1.1, "sound_level": 0.3}, False),
        ({**LIKE, "sound_gain": 3.0, "sound_rival": 40.0}, False),
        ({"sound_gain": 1.0, "sound_rival": 1.5, "sound_level": 0.002}, True),
        ({**LIKE, "sound_samples": 8000 * 13}, True),
        ({**LIKE, "sound_samples": 8000 * 15}, False),
        ({**LIKE, "sound_samples": 8000 * 9}, False),
    ],
    ids=["follows", "unknown", "noise", "another reading", "a quiet room", "nearly as long", "longer", "shorter"],
)
def test_plain_samples_have_to_show_that_they_are_sound(told: dict[str, Any], believed: bool) -> None:
    said = WrittenSaid(**{"pictures": 360, "total": 9, "sound_taken": 3, "sound_samples": 8000 * 12, **told})
    assert sound_is_believed(repair(sound=ALAW, sound_from="R0000007"), said) is believed
    if "sound_samples" not in told:
        heard = repair_by(look(sound_taken=900, **told), Known(sound=Sound.model_validate(ALAW)))
        assert heard is not None
        assert (heard.sound is not None) is believed


def test_pictures_are_turned_as_the_sibling_s_are() -> None:
    mine = repair(rotation=-90)
    made = encoding(facts_of(look(width=1920, height=1080), mine, 5_000_000), mine, longest_hours=1)
    assert made.filters[1:3] == (("transpose", "clock"), ("scale", "720:-2"))


@pytest.mark.parametrize(("tried", "said"), [(0, "no intact recording of the same device"), (7, "(7 kept)")])
def test_what_nothing_could_be_taken_out_of_says_what_would_help(tried: int, said: str) -> None:
    told = unrepaired(tried)
    assert said in told
    assert "tried again by itself" in told
