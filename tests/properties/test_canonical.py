"""The canonical form, on values and bytes that nobody thought of."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from evidence.custody.canonical import LARGEST
from tests.properties import invariants

# Busy machines are slow; only what is wrong may fail here.
patient = settings(deadline=None, max_examples=200)

words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20).map(
    lambda text: unicodedata.normalize("NFC", text)
)
names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=10)
numbers = st.integers(-LARGEST, LARGEST)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)
mappings = st.dictionaries(names, values, max_size=8)


@patient
@given(values)
def test_every_value_of_the_profile_reads_back_as_itself(value: Any) -> None:
    invariants.reads_back_as_itself(value)


@patient
@given(mappings, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_show(value: dict[str, Any], chance: random.Random) -> None:
    members = list(value.items())
    chance.shuffle(members)
    invariants.has_one_form(value, shuffled=dict(members))


@patient
@given(values, values)
@example(1, True)
@example({"a": None}, {})
@example([], {})
@example("1", 1)
def test_different_values_have_different_bytes(value: Any, other: Any) -> None:
    invariants.differs_when_changed(value, other)


@patient
@given(st.binary(max_size=60))
def test_any_bytes_are_read_truly_or_refused(body: bytes) -> None:
    invariants.says_what_it_means_or_refuses(body)


@patient
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_json_is_read_truly_or_refused(value: Any, escaped: bool, spaced: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped, separators=None if spaced else (",", ":"))
    invariants.says_what_it_means_or_refuses(text.encode("utf-8", "surrogatepass"))
