"""The one byte form: what has one, what has none, and what the reader refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evidence.custody.canonical import LARGEST, NotCanonical, canonical, read_canonical
from evidence.vocabulary import Role


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (None, b"null"),
        (True, b"true"),
        (0, b"0"),
        (LARGEST, b"9007199254740991"),
        (-LARGEST, b"-9007199254740991"),
        ("", b'""'),
        ('say "this" \\ that', rb'"say \"this\" \\ that"'),
        ("é", '"é"'.encode()),
        ("\u2028", '"\u2028"'.encode()),
        ([], b"[]"),
        ((1, [2]), b"[1,[2]]"),
        ({}, b"{}"),
        ({"b": 1, "a": {"d": 2, "c": 3}}, b'{"a":{"c":3,"d":2},"b":1}'),
        (Role.OFFICER, b'"officer"'),
    ],
)
def test_a_value_has_one_form_and_reads_back(value: Any, body: bytes) -> None:
    assert canonical(value) == body
    assert read_canonical(body) == json.loads(body)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        LARGEST + 1,
        -LARGEST - 1,
        b"bytes",
        bytearray(b"bytes"),
        {1, 2},
        object(),
        "a\nline feed",
        "nothing\x00at all",
        "delete\x7f",
        "a lone \ud800 surrogate",
        "e\u0301 in two code points",
        {1: "a number for a name"},
        {"é": "a name outside ASCII"},
        {"tab\t": 1},
        {"deep": [{"in": [0.5]}]},
    ],
)
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b' {"a":1}',
        b'{"a":1}\n',
        b"[1,]",
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        rb'"\u0041"',
        rb'"\/"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        rb'"\ud800"',
        b'\xef\xbb\xbf"mark"',
        b"[" * 100_000,
    ],
)
def test_bytes_outside_the_one_form_are_refused(body: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_canonical(body)


@pytest.mark.parametrize("body", [b"1" * 5000, b"[" * 600 + b"]" * 600])
def test_bytes_beyond_python_s_own_limits_are_refused_too(body: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_canonical(body)


@pytest.fixture
def shared_vectors() -> Path:
    """The public RFC 8785 vectors, where they are there."""
    beside = Path(__file__).resolve().parents[4] / "shared"
    folder = Path(os.environ.get("CONTINUITY_SHARED", beside)) / "vectors" / "rfc8785-jcs"
    if not folder.is_dir():
        pytest.skip("no shared vectors here (CONTINUITY_SHARED)")
    return folder


@pytest.mark.shared
def test_the_public_vectors_agree_where_our_profile_reaches(shared_vectors: Path) -> None:
    # The profile is narrower: what it refuses, it refuses aloud; what it takes, it writes as the RFC does.
    taken, refused = set(), set()
    for source in sorted((shared_vectors / "input").glob("*.json")):
        try:
            ours = canonical(json.loads(source.read_bytes()))
        except NotCanonical:
            refused.add(source.stem)
        else:
            assert ours == (shared_vectors / "output" / source.name).read_bytes(), source.stem
            taken.add(source.stem)
    assert taken == {"arrays"}
    assert refused == {"french", "structures", "unicode", "values", "weird"}
