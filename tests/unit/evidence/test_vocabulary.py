"""Closed lists: each word fit to be stored, explained, and said in a sentence."""

from __future__ import annotations

import inspect
import re
import string
from enum import StrEnum

import pytest

from evidence import access, vocabulary
from evidence.custody.events import SAYS, EventType, Operation, sentence

LISTS = [
    each
    for _, each in inspect.getmembers(vocabulary, inspect.isclass)
    if issubclass(each, StrEnum) and each is not StrEnum
]


@pytest.mark.parametrize("words", LISTS, ids=lambda words: words.__name__)
def test_a_stored_word_is_short_plain_and_named_like_its_member(words: type[StrEnum]) -> None:
    for word in words:
        assert re.fullmatch(r"[a-z][a-z_]{1,39}", word.value), word
        assert word.name == word.value.upper()


@pytest.mark.parametrize("words", LISTS, ids=lambda words: words.__name__)
def test_a_list_says_what_it_is_a_list_of(words: type[StrEnum]) -> None:
    assert words.__doc__
    assert words.__doc__.strip().endswith(".")


def test_every_event_has_one_sentence_and_one_operation() -> None:
    assert set(SAYS) == set(EventType)
    assert all(isinstance(operation, Operation) for _, operation in SAYS.values())


@pytest.mark.parametrize("event", EventType)
def test_an_event_says_thing_and_what_happened(event: EventType) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", event.value)


@pytest.mark.parametrize("event", EventType)
def test_a_sentence_fills_its_gaps_from_facts_and_shows_what_is_missing(event: EventType) -> None:
    gaps = {name for _, name, _, _ in string.Formatter().parse(SAYS[event][0]) if name}
    facts = {name: f"<{name}>" for name in gaps - {"actor"}}
    whole = sentence(event, facts=facts, actor="<actor>")
    assert all(f"<{name}>" in whole for name in gaps)
    assert "?" not in whole
    assert sentence(event, facts={}, actor="<actor>").count("?") == len(
        [name for _, name, _, _ in string.Formatter().parse(SAYS[event][0]) if name and name != "actor"]
    )


def test_facts_that_hold_braces_are_shown_as_they_are() -> None:
    said = sentence(EventType.ARRIVAL_CLAIMED, facts={"name": "{actor.__class__}", "size": 1}, actor="dock 1")
    assert said == "dock 1 offered {actor.__class__}, 1 bytes"


def test_numbers_are_written_for_people() -> None:
    said = sentence(EventType.ARRIVAL_CLAIMED, facts={"name": "2026.mp4", "size": 21_474_836_480}, actor="dock 1")
    assert said == "dock 1 offered 2026.mp4, 21,474,836,480 bytes"


def test_viewing_is_consultation_and_release_is_erasure() -> None:
    # What DPA 2018 s.62 wants logged is decided here once; these two are what an inspector asks for first.
    assert SAYS[EventType.RENDITION_VIEWED][1] is Operation.CONSULTATION
    assert SAYS[EventType.MASTER_VIEWED][1] is Operation.CONSULTATION
    assert SAYS[EventType.SOURCE_RELEASED][1] is Operation.ERASURE


def test_every_role_has_its_rules() -> None:
    assert set(access.RULES) == set(vocabulary.Role)
