"""Which event told of each of very many differences: found again among others, and nothing where it is not that."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from evidence.completeness.packed import Packed, entry


def test_each_event_is_found_by_its_difference_and_no_other_is() -> None:
    told = {f"extra masters/{each} 1": uuid4() for each in range(1000)}
    packed = Packed.read(Packed.of(entry(*each) for each in told.items()).as_text)
    assert len(packed) == 1000
    assert {each: packed.get(each) for each in told} == told
    assert packed.get("extra masters/1000 1") is None


def test_one_difference_that_was_told_twice_has_one_of_its_events() -> None:
    events = {uuid4(), uuid4()}
    assert Packed.of(entry("changed a 1", each) for each in events).get("changed a 1") in events


@pytest.mark.parametrize("said", [None, 5, [], "", "no base64", "AAAA", "ä"])
def test_what_is_not_packed_is_empty(said: object) -> None:
    assert len(Packed.read(said)) == 0
    assert Packed.read(said).get("extra a 1") is None


def test_what_is_out_of_order_breaks_nothing() -> None:
    entries = sorted((entry(f"extra {each} 1", UUID(int=each)) for each in range(9)), reverse=True)
    packed = Packed(b"".join(entries))
    assert {packed.get(f"extra {each} 1") for each in range(9)} <= {
        None,
        *map(UUID, [f"{each:032x}" for each in range(9)]),
    }
