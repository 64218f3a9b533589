"""The reader of leaves: the one form that it takes, and everything else that it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from evidence.custody.canonical import DEEPEST, canonical
from evidence.custody.events import Operation
from evidence.custody.leaf import EMPTY_ROOT, LONGEST, Leaf, hash_of, read_leaf, write_leaf
from evidence.errors import NotALeaf, NotAnEvent

DIGEST = "ab" * 32
ID = "0190c000-0000-7000-8000-000000000001"
GOOD: dict[str, Any] = {
    "v": 1,
    "log": "custody.test.example/main",
    "id": ID,
    "type": "rendition.viewed",
    "at": "2026-02-28T23:59:59.999999Z",
    "subj": ID,
    "n": 2,
    "prev": DIGEST,
    "seen": {"size": 0, "root": EMPTY_ROOT},
    "s62": "consultation",
    "actor": {"kind": "person", "ref": ID},
    "auth": {"method": "password"},
    "obj": [{"role": "rendition", "sha256": DIGEST, "size": 7}],
    "facts": {"kind": "playback", "more": [1, None, True, "x"]},
    "sealed": {"actor": DIGEST},
}


def changed(**members: Any) -> bytes:
    """The good leaf with other members."""
    return canonical({**GOOD, **members})


def test_a_leaf_is_read_as_it_was_written() -> None:
    body = write_leaf(GOOD)
    leaf = read_leaf(body)
    assert (leaf.n, leaf.type, leaf.obj[0].size, leaf.facts["kind"]) == (2, "rendition.viewed", 7, "playback")
    assert leaf.model_dump(exclude_unset=True) == GOOD
    assert hash_of(body) != hash_of(body[:-1])


def test_the_hash_is_that_of_rfc_6962() -> None:
    assert hash_of(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_the_operations_are_those_of_the_events() -> None:
    assert set(Leaf.model_json_schema()["properties"]["s62"]["enum"]) == set(Operation)


@pytest.mark.parametrize("name", GOOD)
def test_each_member_is_needed(name: str) -> None:
    with pytest.raises(NotALeaf, match="Field required"):
        read_leaf(canonical({key: value for key, value in GOOD.items() if key != name}))


def of(name: str, /, **members: Any) -> dict[str, Any]:
    """One member of the good leaf, changed inside."""
    return {name: {**GOOD[name], **members}}


@pytest.mark.parametrize(
    "members",
    [
        {"more": 1},
        {"v": 2},
        {"v": True},
        {"v": "1"},
        {"log": ""},
        {"id": ID.upper()},
        {"id": ID.replace("-", "")},
        {"id": "{" + ID + "}"},
        {"type": ""},
        {"type": None},
        {"at": "2026-02-28T23:59:59Z"},
        {"at": "2026-02-28 23:59:59.999999Z"},
        {"at": "2026-02-30T23:59:59.999999Z"},
        {"at": "2026-02-28T23:59:59.999999+00:00"},
        {"n": 0},
        {"n": -1},
        {"n": True},
        {"n": "2"},
        {"n": 1},
        {"prev": "00" * 32},
        {"prev": DIGEST.upper()},
        {"prev": DIGEST[2:]},
        {"s62": "viewing"},
        {"s62": ""},
        of("seen", size=1, more=1),
        of("seen", size=-1),
        of("seen", root=DIGEST),
        of("actor", name="Jo Bloggs"),
        of("actor", kind=""),
        {"actor": {"kind": "person"}},
        {"auth": {}},
        {"obj": None},
        {"obj": {}},
        {"obj": [{"role": "rendition", "sha256": DIGEST}]},
        {"obj": [{**GOOD["obj"][0], "md5": "x"}]},
        {"obj": [{**GOOD["obj"][0], "tree": None}]},
        {"obj": [{**GOOD["obj"][0], "sha512": DIGEST}]},
        {"obj": [{**GOOD["obj"][0], "packets": "x"}]},
        {"facts": []},
        {"sealed": {"actor": "Jo Bloggs"}},
        {"sealed": []},
    ],
    ids=json.dumps,
)
def test_a_member_that_is_otherwise_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(NotALeaf, match="these bytes are no leaf: "):
        read_leaf(changed(**members))
    with pytest.raises(NotAnEvent, match="cannot be recorded: "):
        write_leaf({**GOOD, **members})


def test_what_may_stand_beside_may() -> None:
    whole = {**GOOD["obj"][0], "sha512": DIGEST * 2, "tree": DIGEST, "version_id": "v", "packets": DIGEST}
    leaf = read_leaf(changed(obj=[whole, whole], auth={"method": "token", "key": "x"}, n=1, prev="00" * 32))
    assert leaf.obj[1].packets == DIGEST


BODY = canonical(GOOD)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nothing", b""),
        ("a list", b"[]"),
        ("a number", b"1"),
        ("null", b"null"),
        ("not UTF-8", BODY.replace(b"playback", b"play\xff\xfeck")),
        ("a byte order mark", b"\xef\xbb\xbf" + BODY),
        ("a line feed after it", BODY + b"\n"),
        ("a space before it", b" " + BODY),
        ("two leaves", BODY + BODY),
        ("a leaf that breaks off", BODY[:-1]),
        ("a member twice", BODY[:-1] + b',"v":1}'),
        ("a member twice inside", BODY.replace(b'"kind":"playback"', b'"kind":"playback","kind":"playback"')),
        ("members in another order", json.dumps(GOOD, separators=(",", ":")).encode()),
        ("spaces", json.dumps(GOOD, sort_keys=True).encode()),
        ("a fraction", BODY.replace(b'"size":7', b'"size":7.0')),
        ("an exponent", BODY.replace(b'"size":7', b'"size":7e0')),
        ("not a number", BODY.replace(b'"size":7', b'"size":NaN')),
        ("infinity", BODY.replace(b'"size":7', b'"size":-Infinity')),
        ("minus nought", BODY.replace(b'"size":7', b'"size":-0')),
        ("a number that is too large", BODY.replace(b'"size":7', b'"size":9007199254740992')),
        ("a huge number", BODY.replace(b'"size":7', b'"size":' + b"9" * 10_000)),
        ("a lone surrogate", BODY.replace(b"playback", rb"\ud800")),
        ("an escape that is not needed", BODY.replace(b"playback", rb"pl\u0061yback")),
        ("a control character", BODY.replace(b"playback", rb"play\u0000back")),
        ("text that is not in form C", BODY.replace(b"playback", "e\u0301".encode())),
        ("a name outside ASCII", BODY.replace(b'"actor":"ab', '"\u00e9":"ab'.encode())),
        ("deep nesting", BODY.replace(b'"playback"', b"[" * 20_000 + b"]" * 20_000)),
        ("a little too deep", BODY.replace(b'"playback"', b"[" * DEEPEST + b"]" * DEEPEST)),
        ("too long", BODY.replace(b"playback", b"x" * LONGEST)),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_other_bytes_are_no_leaf(name: str, body: bytes) -> None:
    with pytest.raises(NotALeaf):
        read_leaf(body)
    assert body != BODY, name


def test_a_reader_deep_in_the_stack_reads_the_same() -> None:
    nested = BODY.replace(b'"playback"', b"[" * 60 + b"]" * 60)

    def deeper(levels: int, then: Callable[[], Leaf]) -> Leaf:
        return then() if levels == 0 else deeper(levels - 1, then)

    assert deeper(500, lambda: read_leaf(nested)) == read_leaf(nested)


def test_every_flipped_byte_is_refused_or_shows_in_the_hash() -> None:
    for place in range(len(BODY)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            other = bytearray(BODY)
            other[place] ^= flip
            assert hash_of(bytes(other)) != hash_of(BODY)
            try:
                leaf = read_leaf(bytes(other))
            except NotALeaf:
                continue
            assert leaf != read_leaf(BODY), place
