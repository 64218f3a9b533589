"""What each kind of event may say: closed, complete, and nothing that names anybody."""

from __future__ import annotations

import string
import time
from typing import Any

import pytest

from evidence.custody.events import SAYS, SYSTEM, Actor, Event, EventType
from evidence.custody.facts import FACTS, check_facts
from evidence.custody.leaf import Leaf
from evidence.custody.shapes import Facts
from evidence.errors import NotAnEvent
from evidence.identifiers import new_id

# The names of personal values that sentences speak of; each of them is sealed.
PERSONAL = {"actor", "name", "device", "bay", "because", "key"}
ROOT = "ab" * 32


def event(kind: EventType, facts: dict[str, Any], **personal: str) -> Event:
    """An event of the system's own."""
    return Event(type=kind, subject=SYSTEM, actor=Actor.system("test"), facts=facts, personal=personal)


def test_every_kind_of_event_has_its_facts() -> None:
    assert set(FACTS) == set(EventType)


@pytest.mark.parametrize("kind", EventType)
def test_facts_are_closed_strict_and_frozen(kind: EventType) -> None:
    config = FACTS[kind].model_config
    assert (config["strict"], config["extra"], config["frozen"]) == (True, "forbid", True)
    with pytest.raises(NotAnEvent, match=r"^[a-z_.]+ cannot be recorded: "):
        check_facts(event(kind, {"somebody": "Jo Bloggs"}))


@pytest.mark.parametrize("kind", EventType)
def test_a_sentence_speaks_of_facts_and_of_what_is_sealed(kind: EventType) -> None:
    gaps = {name for _, name, _, _ in string.Formatter().parse(SAYS[kind][0]) if name}
    assert gaps <= set(FACTS[kind].model_fields) | PERSONAL


@pytest.mark.parametrize("kind", EventType)
def test_no_fact_is_free_text(kind: EventType) -> None:
    schema = FACTS[kind].model_json_schema()
    for name, member in schema.get("properties", {}).items():
        for each in member.get("anyOf", [member]):
            assert each.get("type") != "string" or {"pattern", "enum", "const"} & set(each), (kind, name)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (EventType.HEADMAP_LOGGED, {"size": 5, "entries": 2, "root": ROOT}),
        (EventType.PACKAGE_MADE, {"package": str(new_id()), "exhibits": 2}),
        (EventType.SEALED_ERASED, {"event": str(new_id()), "field": "name"}),
        (EventType.PERSON_CHANGED, {"change": "the role is now supervisor"}),
        (EventType.DEVICE_SEEN, {"files": 3, "clock_offset_ms": None}),
        (EventType.HISTORY_READ, {}),
    ],
)
def test_what_belongs_to_an_event_is_taken(kind: EventType, facts: dict[str, Any]) -> None:
    check_facts(event(kind, facts))


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (EventType.HEADMAP_LOGGED, {"size": "5", "entries": 2, "root": ROOT}),
        (EventType.HEADMAP_LOGGED, {"size": True, "entries": 2, "root": ROOT}),
        (EventType.HEADMAP_LOGGED, {"size": -1, "entries": 2, "root": ROOT}),
        (EventType.HEADMAP_LOGGED, {"size": 2**53, "entries": 2, "root": ROOT}),
        (EventType.HEADMAP_LOGGED, {"size": 5, "entries": 2, "root": ROOT.upper()}),
        (EventType.HEADMAP_LOGGED, {"size": 5, "entries": 2, "root": ROOT + "\n"}),
        (EventType.PACKAGE_MADE, {"package": new_id(), "exhibits": 2}),
        (EventType.PERSON_CHANGED, {"change": "the role is now king"}),
        (EventType.PERSON_CHANGED, {"change": "chose a new password, Jo Bloggs"}),
        (EventType.SIGN_IN_REFUSED, {"because": "Jo Bloggs again"}),
        (EventType.SIDECAR_REGISTERED, {"kind": "Jo Bloggs"}),
        (EventType.SEALED_ERASED, {"event": str(new_id()), "field": "Jo Bloggs"}),
    ],
)
def test_what_does_not_is_refused_with_the_member_at_fault(kind: EventType, facts: dict[str, Any]) -> None:
    with pytest.raises(NotAnEvent, match=f"{kind.value} cannot be recorded: ({'|'.join(facts)}): "):
        check_facts(event(kind, facts))


def test_checking_is_cheap() -> None:
    facts = {"size": 5, "entries": 2, "root": ROOT}
    checked = event(EventType.HEADMAP_LOGGED, facts)
    took = []
    for _ in range(301):
        began = time.perf_counter()
        check_facts(checked)
        took.append(time.perf_counter() - began)
    # Some thousandths of a millisecond; the bound is what appending may cost, not what this machine can do.
    assert sorted(took)[150] < 0.0002


def test_an_event_without_facts_says_nothing() -> None:
    assert Facts.model_fields == {}
    assert "facts" in Leaf.model_fields
