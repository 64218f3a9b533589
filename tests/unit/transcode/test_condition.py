"""What condition a master's bytes are in, in words for a person."""

from __future__ import annotations

import pytest

from evidence.vocabulary import Condition
from transcode.condition import judge
from transcode.ending import Ending, How
from transcode.media import MediaFacts, StreamFacts
from transcode.signature import Seems, Signature

CLEAN = Ending(how=How.CLEAN)
MP4 = Signature(Seems.MEDIA, "an MP4 or QuickTime file")
NOISE = Signature(Seems.UNKNOWN, "a file of no known kind")


def film(**more: object) -> MediaFacts:
    stream = StreamFacts.model_validate({"index": 0, "kind": "video", "codec": "h264", "decoded": True, **more})
    return MediaFacts(container="mp4", size=1, streams=(stream,))


def said(*messages: str) -> Ending:
    return Ending(how=How.WITH_MESSAGES, messages=messages)


def test_a_quiet_film_is_sound() -> None:
    assert judge(MP4, CLEAN, film()).condition is Condition.SOUND


@pytest.mark.parametrize(
    ("signature", "ending", "facts", "condition", "words"),
    [
        (Signature(Seems.EMPTY, "an empty file"), CLEAN, None, Condition.EMPTY, "empty"),
        (Signature(Seems.POINTER, "a concat script"), CLEAN, None, Condition.HOSTILE, "names other files"),
        (Signature(Seems.TEXT, "plain text"), CLEAN, None, Condition.UNKNOWN, "plain text"),
        (Signature(Seems.BLANK, "zeros"), CLEAN, None, Condition.DAMAGED, "never wrote"),
        (NOISE, CLEAN, None, Condition.UNKNOWN, "no known kind"),
        (MP4, said("[mov] moov atom not found"), None, Condition.DAMAGED, "loss of power"),
        (NOISE, said("[hls] Format not on whitelist 'mov'"), None, Condition.HOSTILE, "hls script"),
        (MP4, said("[h264] error while decoding MB"), film(), Condition.DAMAGED, "error while decoding"),
        (MP4, Ending(how=How.SIGNAL, code=11), None, Condition.HOSTILE, "makes the decoder fail"),
        (MP4, Ending(how=How.SIGNAL, code=9), None, Condition.UNKNOWN, "was ended from outside"),
        (MP4, CLEAN, film(indexed=100, beyond_end=40), Condition.DAMAGED, "40%"),
        (MP4, CLEAN, film(fault="Invalid data"), Condition.DAMAGED, "Invalid data"),
        (MP4, said("Picture size 30000x30000 is invalid"), film(decoded=False), Condition.HOSTILE, "larger than any"),
        (MP4, CLEAN, MediaFacts(container="mp4", size=1), Condition.UNKNOWN, "neither pictures nor sound"),
    ],
)
def test_each_kind_of_trouble_has_its_word_and_its_sentence(
    signature: Signature, ending: Ending, facts: MediaFacts | None, condition: Condition, words: str
) -> None:
    verdict = judge(signature, ending, facts)
    assert verdict.condition is condition
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("track", "words"),
    [
        ({"kind": "audio", "codec": None}, "Track 2 (sound) does not say how it is coded"),
        ({"kind": "video", "codec": "h264"}, "Track 2 (pictures) is there and holds nothing"),
    ],
)
def test_a_track_that_nobody_can_see_or_hear_is_damage(track: dict[str, object], words: str) -> None:
    whole = film()
    facts = whole.model_copy(update={"streams": (*whole.streams, StreamFacts.model_validate({"index": 1, **track}))})
    verdict = judge(MP4, CLEAN, facts)
    assert verdict.condition is Condition.DAMAGED
    assert words in verdict.sentence


def test_a_sound_track_that_the_device_left_empty_is_no_damage() -> None:
    whole = film()
    silent = StreamFacts(index=1, kind="audio", codec="aac")
    assert (
        judge(MP4, CLEAN, whole.model_copy(update={"streams": (*whole.streams, silent)})).condition is Condition.SOUND
    )


@pytest.mark.parametrize("how", [How.OUT_OF_MEMORY, How.CPU_LIMIT, How.TOO_MUCH_READ, How.SIGNAL])
def test_a_file_that_had_to_be_stopped_is_hostile(how: How) -> None:
    assert judge(MP4, Ending(how=how), None).condition is Condition.HOSTILE


@pytest.mark.parametrize("signature", [NOISE, MP4])
def test_a_clip_with_its_key_beside_it_is_encrypted_and_not_damaged(signature: Signature) -> None:
    assert judge(signature, CLEAN, None, has_key=True).condition is Condition.ENCRYPTED


def test_noise_that_happens_to_open_is_still_encrypted() -> None:
    assert judge(NOISE, said("Header missing"), film(), has_key=True).condition is Condition.ENCRYPTED
