"""A rendition is held against its master; what is not true is not kept."""

from __future__ import annotations

from typing import Any

import pytest

from evidence.vocabulary import Condition, RenditionMethod
from transcode.check import Checked, Compared, check
from transcode.errors import OutputUntrue
from transcode.media import MediaFacts, StreamFacts
from transcode.plan import Limits, Plan
from transcode.said import PacketsSaid, ReadingSaid

TIMES = tuple(40_000 * number for number in range(250))
FILM = StreamFacts(index=0, kind="video", codec="hevc", decoded=True, duration_ms=10_000)
VOICE = StreamFacts(index=1, kind="audio", codec="aac", decoded=True, duration_ms=10_000)
FACTS = MediaFacts(container="mp4", size=1, duration_ms=10_000, streams=(FILM, VOICE))
PRINT = PacketsSaid(sha256="a" * 64, packets=250)


def compared(**more: Any) -> Compared:
    plan = Plan(
        method=more.pop("method", RenditionMethod.TRANSCODE),
        reason="",
        content_type="video/mp4",
        picture=0,
        sounds=(1,),
        limits=Limits(seconds=1, cpu_seconds=1, file_size=1),
    )
    reading = ReadingSaid(times_us=TIMES, sound_us=(10_000_000,), packets={0: PRINT, 1: PRINT})
    usual: dict[str, Any] = {
        "plan": plan,
        "facts": FACTS,
        "condition": Condition.SOUND,
        "master": reading,
        "copy": reading,
        "output": FACTS,
    }
    return Compared(**usual | more)


def copy_with(**more: Any) -> ReadingSaid:
    told: dict[str, Any] = {"times_us": TIMES, "sound_us": (10_000_000,), "packets": {0: PRINT, 1: PRINT}}
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


def test_copied_packets_must_be_the_master_s() -> None:
    assert check(compared(method=RenditionMethod.REMUX)).packets_proven
    other = {0: PacketsSaid(sha256="b" * 64, packets=250), 1: PRINT}
    assert findings(compared(method=RenditionMethod.REMUX, copy=copy_with(packets=other)))


def test_no_packets_at_all_prove_nothing() -> None:
    nothing = {0: PacketsSaid(sha256="a" * 64, packets=0), 1: PRINT}
    reading = copy_with(packets=nothing)
    assert findings(compared(method=RenditionMethod.REMUX, master=reading, copy=reading))


def test_more_sound_than_its_packets_promise_is_expected_when_the_decoder_found_it() -> None:
    short = copy_with(sound_us=(46_000,))
    assert findings(compared(master=short, copy=short, decoded_ms=2_000))
