"""A rendition is held against its master; what is not true is not kept."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from evidence.vocabulary import Condition, RenditionMethod
from transcode.check import Checked, Compared, Manifests, check
from transcode.errors import OutputUntrue
from transcode.media import MediaFacts, StreamFacts
from transcode.packets import Header, Manifest, Track
from transcode.plan import Limits, Plan
from transcode.said import ReadingSaid

TIMES = tuple(40_000 * number for number in range(250))
FILM = StreamFacts(index=0, kind="video", codec="hevc", decoded=True, duration_ms=10_000)
VOICE = StreamFacts(index=1, kind="audio", codec="aac", decoded=True, duration_ms=10_000)
FACTS = MediaFacts(container="mp4", size=1, duration_ms=10_000, streams=(FILM, VOICE))
HASHES = b"".join(sha256(bytes([number])).digest() for number in range(250))
SHOWN = Header(kind="video", codec="hevc", config="c" * 64, width=160, height=120, index=0)
HEARD = Header(kind="audio", codec="aac", config="d" * 64, rate=48_000, channels=1, index=1)


def packets(*headers: Header, hashes: bytes = HASHES, times: tuple[int, ...] = TIMES) -> Manifest:
    count = len(hashes) // 32
    tracks = [
        Track(header=header, packets=count, hashes=hashes, dts=times[:count], pts=times[:count]) for header in headers
    ]
    return Manifest(tuple(tracks))


COUNTED = packets(SHOWN, HEARD)


def compared(**more: Any) -> Compared:
    plan = Plan(
        method=more.pop("method", RenditionMethod.TRANSCODE),
        reason="",
        content_type="video/mp4",
        picture=0,
        sounds=(1,),
        limits=Limits(seconds=1, cpu_seconds=1, file_size=1),
    )
    reading = ReadingSaid(times_us=TIMES, sound_us=(10_000_000,))
    usual: dict[str, Any] = {
        "plan": plan,
        "facts": FACTS,
        "condition": Condition.SOUND,
        "master": reading,
        "copy": reading,
        "output": FACTS,
        "packets": Manifests(COUNTED, COUNTED),
    }
    return Compared(**usual | more)


def copy_with(**more: Any) -> ReadingSaid:
    told: dict[str, Any] = {"times_us": TIMES, "sound_us": (10_000_000,)}
    return ReadingSaid(**told | more)


def findings(made: Compared, **more: bool) -> tuple[str, ...]:
    with pytest.raises(OutputUntrue) as refused:
        check(made, **more)
    return refused.value.findings


def test_a_true_copy_is_kept() -> None:
    checked = check(compared())
    assert isinstance(checked, Checked)
    assert checked.agreement.exact
    assert not checked.remarks


def shifted(by_us: int) -> tuple[int, ...]:
    return tuple(each + by_us for each in TIMES)


@pytest.mark.parametrize(("by", "words"), [(34_000_000, "34.0 s later"), (-5_000_000, "5.0 s sooner")])
def test_pictures_that_lie_otherwise_to_the_sound_are_told_of(by: int, words: str) -> None:
    checked = check(compared(copy=copy_with(times_us=shifted(by))))
    assert any(words in remark for remark in checked.remarks)


def test_of_a_copy_as_a_whole_shifted_or_without_sound_no_such_thing_is_said() -> None:
    whole = copy_with(times_us=shifted(2_000_000), start_us=2_000_000, sound_us=(12_000_000,))
    assert not [each for each in check(compared(copy=whole)).remarks if "sound" in each]
    silent = ReadingSaid(times_us=TIMES)
    assert not check(compared(master=silent, copy=ReadingSaid(times_us=shifted(2_000_000)))).remarks


@pytest.mark.parametrize(("pictures", "said"), [(125, True), (190, True), (205, False), (250, False)])
def test_sound_that_goes_on_when_the_pictures_have_ended_is_told_of(pictures: int, said: bool) -> None:
    both = copy_with(times_us=TIMES[:pictures])
    told = f"the pictures end at {pictures * 0.04:.1f} s, and sound goes on to 10.0 s"
    assert (told in check(compared(master=both, copy=both)).remarks) is said


def test_a_copy_with_more_pictures_than_the_master_says_so() -> None:
    more = copy_with(times_us=(*TIMES, 10_000_000))
    told = check(compared(copy=more)).remarks
    assert any("251 pictures could be decoded, the master says that it has 250" in remark for remark in told)


def test_a_copy_that_ends_early_is_a_failure_and_not_a_result() -> None:
    assert findings(compared(copy=copy_with(times_us=TIMES[:150])))


def test_a_copy_whose_sound_ends_early_is_a_failure() -> None:
    assert findings(compared(copy=copy_with(sound_us=(6_000_000,))))


def test_a_copy_without_the_sound_is_a_failure() -> None:
    assert findings(compared(copy=copy_with(sound_us=())))


def test_a_copy_that_cannot_be_opened_is_a_failure() -> None:
    assert findings(compared(output=None))


def test_a_copy_that_decodes_with_errors_is_a_failure() -> None:
    noisy = FACTS.model_copy(update={"messages": ("[h264] error while decoding",)})
    assert findings(compared(output=noisy))


def test_a_shorter_copy_of_a_damaged_master_is_kept_and_says_what_is_missing() -> None:
    checked = check(compared(condition=Condition.DAMAGED, copy=copy_with(times_us=TIMES[:150])))
    assert "150 of the master's 250" in checked.remarks[0]


def test_damage_that_shows_only_while_encoding_counts_too() -> None:
    assert check(compared(copy=copy_with(times_us=TIMES[:150])), complaints=True).remarks


def remuxed(copy: Manifest, master: Manifest = COUNTED) -> Compared:
    return compared(method=RenditionMethod.REMUX, packets=Manifests(master, copy))


def test_copied_packets_must_be_the_master_s() -> None:
    assert check(remuxed(COUNTED)).packets_proven
    assert findings(remuxed(packets(SHOWN, HEARD, hashes=HASHES[:-32])))
    assert findings(remuxed(packets(SHOWN, HEARD, hashes=HASHES[32:] + HASHES[:32])))


def test_copied_packets_must_be_shown_at_the_master_s_times_by_the_master_s_decoder() -> None:
    (slow,) = findings(
        remuxed(Manifest((packets(SHOWN, times=tuple(2 * at for at in TIMES)).tracks[0], COUNTED.tracks[1])))
    )
    assert "plays at 0.5" in slow
    (cropped,) = findings(remuxed(packets(replace(SHOWN, width=120, config="e" * 64), HEARD)))
    assert "display altered" in cropped


def test_one_copied_picture_at_another_time_is_a_failure() -> None:
    (moved,) = packets(SHOWN, times=(TIMES[0] - 33_000, *TIMES[1:])).tracks
    (said,) = findings(remuxed(Manifest((moved, COUNTED.tracks[1]))))
    assert "1 packet is shown" in said


def test_a_copy_that_lacks_a_stream_proves_nothing() -> None:
    assert findings(remuxed(packets(SHOWN)))
    assert findings(remuxed(COUNTED, master=packets(SHOWN)))
    assert findings(remuxed(Manifest((), "its packets could not be counted")))


def test_no_packets_at_all_prove_nothing() -> None:
    nothing = packets(SHOWN, HEARD, hashes=b"")
    assert findings(remuxed(nothing, master=nothing))


def test_what_was_encoded_is_said_to_be_other_packets() -> None:
    other = packets(SHOWN, HEARD, hashes=HASHES[::-1])
    checked = check(compared(packets=Manifests(COUNTED, other)))
    assert not checked.packets_proven
    assert [each["kind"] for each in checked.as_facts()["packets"]] == ["not_the_masters"] * 2  # type: ignore[attr-defined]


def test_more_sound_than_its_packets_promise_is_expected_when_the_decoder_found_it() -> None:
    short = copy_with(sound_us=(46_000,))
    assert findings(compared(master=short, copy=short, decoded_ms=2_000))
