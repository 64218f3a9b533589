"""What holds for every sidecar there can be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.facts import settle_facts
from ingest.findings import FindingCode
from ingest.names import facts_from_name
from ingest.sidecars import Listing, SidecarFacts, SidecarKind, as_row, belongs_to, from_row, kind_of, read
from ingest.sidecars.mapping import mappings_from_toml

MAPPINGS = mappings_from_toml("""
[[mapping]]
name = "sheet"
format = "csv"
files = ["*"]
row = "file"
fields = { serial = "serial", started = "start" }

[[mapping]]
name = "tree"
format = "xml"
files = ["*"]
fields = { serial = "a/b[@c='d']/@e", channels = "a", note = "@n" }

[[mapping]]
name = "groups"
format = "json"
files = ["mapped*"]
fields = { serial = "a.b[0]", started = "DataPoints[].Time", channels = "CoordinateEntries[]" }
""")
KEYS = st.sampled_from(
    [
        "CoordinateEntries",
        "LocationWKT",
        "SecondsFromStart",
        "Timestamp",
        "DataPoints",
        "Time",
        "UserID",
        "Status",
        "BWCSerialNumber",
        "StartTime",
        "StartTimeISO",
        "StartLocation",
        "Tags",
        "CategoryName",
        "PublicKeyId",
        "a",
        "b",
    ]
)
WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["POINT(1 2)", "POINT(-0.1 51.5)", "2026-01-01T12:00:00Z", "1773479220", "51.5 -0.1 5 1773479220", "x:y;z"]
    ),
)
GROUPS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(KEYS, inside, max_size=6),
    max_leaves=25,
)
LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"WEBVTT",
                b"",
                b"00:00:01.000 --> 00:00:02.000",
                b'{"officer": "x", "gpsCoordinates": "N51.5 W0.1"}',
                b"$GPRMC,120000.00,A,5130.4320,N,00007.6560,W,1.2,084.4,010126,,,A",
                b"$GPRMC,999999,A,9999.9,N,9999.9,W,,,999999",
                b"d41d8cd98f00b204e9800998ecf8427e *a name",
                b"MD5 (a) = d41d8cd98f00b204e9800998ecf8427e",
                b"file,serial,start",
                b"clip.mp4,1,2026-01-01T12:00:00",
                b"<a><b c='d' e='f'/></a>",
                b'<gpx><trkpt lat="1" lon="2"><time>x</time></trkpt></gpx>',
            ]
        ),
    ),
    max_size=12,
).map(b"\n".join)
BODIES = st.one_of(st.binary(max_size=300), GROUPS.map(lambda value: json.dumps(value).encode()), LINES)
SIDECAR_NAMES = st.sampled_from(
    [b"x", b"mapped.json", b"Users.1.metadata.json", b"c.bookmark_1.metadata.json", b"c.o.metadata.json", b"\xff.md5"]
)
FILE_NAMES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"a/clip.mp4",
            b"a/clip.MP4",
            b"a/clip.gpx",
            b"a/clip.mp4.sha256",
            b"a/clip_cam1.mp4",
            b"a/clip.xml",
            b"a/complete",
        ]
    ),
)


def words_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from words_in(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from words_in(getattr(value, field.name))


def read_anything(kind: SidecarKind, name: bytes, body: bytes) -> SidecarFacts:
    return read(kind, name, body, MAPPINGS, recording=b"clip.mp4")


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(SidecarKind)), SIDECAR_NAMES, BODIES)
def test_every_body_can_be_read(kind: SidecarKind, name: bytes, body: bytes) -> None:
    facts = read_anything(kind, name, body)
    assert (facts.kind, facts.name) == (kind, name)
    assert FindingCode.READER_FAILED not in {finding.code for finding in facts.findings}
    assert all(words.isprintable() for words in words_in(facts))
    assert len(facts.findings) <= 60


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(SidecarKind)), SIDECAR_NAMES, BODIES)
def test_what_was_read_survives_the_database(kind: SidecarKind, name: bytes, body: bytes) -> None:
    facts = read_anything(kind, name, body)
    row = as_row(facts)
    assert "\\u0000" not in json.dumps(row, allow_nan=False)
    assert from_row(json.loads(json.dumps(row))) == facts


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    FILE_NAMES,
    st.lists(st.tuples(st.sampled_from(list(SidecarKind)), SIDECAR_NAMES, BODIES), max_size=3),
    st.dictionaries(st.sampled_from(["creation_time", "make", "duration_s"]), st.one_of(WORDS, st.floats(), st.none())),
)
def test_whatever_is_said_can_be_brought_together(
    name: bytes, sidecars: list[tuple[SidecarKind, bytes, bytes]], media: dict[str, object]
) -> None:
    facts = settle_facts(facts_from_name(name), [read_anything(*sidecar) for sidecar in sidecars], media)
    assert facts.title
    assert all(words.isprintable() for words in words_in(facts))
    assert facts.captured_at is None or facts.captured_at.utcoffset() is not None


@given(st.lists(FILE_NAMES, max_size=12))
def test_a_sidecar_lies_beside_recordings_of_the_listing_or_none(names: list[bytes]) -> None:
    listing = Listing(names)
    for name in names:
        found = listing.recordings_of(name)
        assert set(found) <= {other for other in names if kind_of(other) is None}
        assert belongs_to(name, names) == (found[0] if found else None)
