"""Hardware encoders: really tried behind the wall, and what happens when one that was there fails.

No machine of ours has such hardware: what is tried here is that its absence is noticed and told, and that an encode
by a device that fails ends in software. The devices themselves stand in docs/decisions as not run.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.media import Footage
from transcode.hardware import KNOWN, LIBX264, STRIKES, Choice
from transcode.making import Made, Source, Work, make
from transcode.plan import Plan, decide
from transcode.probe import examine
from transcode.ranges import FileRanges
from transcode.room import GIB, Room
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings
from transcode.trying import Bench, bench, try_encoder

WORDS = sorted(KNOWN)


def copy_of(path: Path, settings: TranscodeSettings, using: Bench) -> Made:
    """A playback copy by the encoder of this bench."""
    body = path.read_bytes()
    with FileRanges(path) as ranges, scratch(settings, needed=0) as folder:
        found = examine(ranges, settings)
        assert found.facts is not None
        plan = decide(found.facts, found.verdict.condition)
        assert isinstance(plan, Plan)
        source = Source(
            ranges=ranges, stream=lambda: iter([body]), sha256=hashlib.sha256(body).hexdigest(), size=len(body)
        )
        work = Work(
            plan=plan,
            facts=found.facts,
            condition=found.verdict.condition,
            source=source,
            folder=folder,
            settings=settings,
            bench=using,
        )
        made = make(work)
        assert made.playback.stat().st_size > 0
        return made


@pytest.mark.parametrize("word", WORDS)
def test_a_device_that_is_not_there_is_named(word: str, settings: TranscodeSettings) -> None:
    absent = replace(KNOWN[word], devices=("/dev/continuity-none",))
    tried = try_encoder(word, absent, settings)
    assert not tried.works
    assert tried.reason == "there is no /dev/continuity-none on this host"


@pytest.mark.parametrize("word", WORDS)
def test_a_device_that_does_not_encode_says_why(word: str, settings: TranscodeSettings, tmp_path: Path) -> None:
    plain = tmp_path / "renderD128"
    plain.touch()
    words = tuple(each.replace("/dev/dri/renderD128", str(plain)) for each in KNOWN[word].before)
    tried = try_encoder(word, replace(KNOWN[word], devices=(str(plain),), before=words), settings)
    assert not tried.works
    assert tried.reason.startswith(f"{KNOWN[word].name} did not encode: ")
    assert len(tried.reason) > len(f"{KNOWN[word].name} did not encode: ")


def test_the_same_trial_holds_for_what_does_encode(settings: TranscodeSettings) -> None:
    tried = try_encoder("software", LIBX264, settings)
    assert tried.works, tried.reason


def test_a_process_tries_its_hardware_once_and_tells(settings: TranscodeSettings) -> None:
    using = bench(settings)
    assert using is bench(settings)
    facts = using.choice.as_facts()
    assert facts["encoder"]
    assert facts["encoder_because"]
    assert using.room.whole >= GIB // 2


@pytest.mark.parametrize("word", WORDS)
def test_where_hardware_fails_software_makes_the_copy_and_says_why(
    word: str, footage: Footage, settings: TranscodeSettings
) -> None:
    if (tried := try_encoder(word, KNOWN[word], settings)).works:
        pytest.skip(f"this host has what the test needs to be missing: {tried.reason}")
    using = Bench(Choice(KNOWN[word], "it worked when the process began", (KNOWN[word].name,)), Room(4 * GIB))
    for number in range(STRIKES + 1):
        made = copy_of(footage.of("mpeg2.ts"), settings, using)
        assert made.checked.agreement.exact
        assert made.tool["encoder"] == "libx264"
        assert "-threads:v" in made.argv
        if number < STRIKES:
            assert made.tool["instead_of"] == KNOWN[word].name
            assert "making the playback copy did not succeed" in made.tool["because"]
        else:
            assert "instead_of" not in made.tool, "after some failures in a row it is not tried again"
    assert using.encoder is LIBX264


def test_an_encode_waits_for_memory_and_is_let_in_alone_however_large(
    footage: Footage, settings: TranscodeSettings
) -> None:
    using = Bench(Choice(LIBX264, "software"), Room(1))
    assert copy_of(footage.of("mpeg2.ts"), settings, using).tool["encoder"] == "libx264"
    assert using.room.taken == 0
