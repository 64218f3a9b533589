"""Hostile sidecars: each gives findings, soon, and nothing else happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.findings import FindingCode
from ingest.sidecars import BODY_LIMIT, SidecarFacts, SidecarKind, kind_of, read

# Generous beside the second or so they take, so that a busy machine does not fail the test.
SECONDS_ALLOWED = 5.0


def codes(facts: SidecarFacts) -> set[FindingCode]:
    return {finding.code for finding in facts.findings}


def timed(kind: SidecarKind, name: bytes, body: bytes) -> SidecarFacts:
    began = time.process_time()
    facts = read(kind, name, body)
    assert time.process_time() - began < SECONDS_ALLOWED
    assert FindingCode.READER_FAILED not in codes(facts)
    return facts


def filled(start: bytes, unit: bytes, end: bytes = b"") -> bytes:
    return start + unit * ((BODY_LIMIT - len(start) - len(end)) // len(unit)) + end


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", FindingCode.EMPTY),
        (b" \r\n", FindingCode.EMPTY),
        (b"{", FindingCode.MALFORMED),
        (b"[" * 100_000 + b"]" * 100_000, FindingCode.TOO_DEEP),
        (b'{"a":' * 40 + b"1" + b"}" * 40, FindingCode.TOO_DEEP),
        (b'{"n":' + b"9" * 100_000 + b"}", FindingCode.NUMBER_TOO_LONG),
        (b'{"n": 1e999}', FindingCode.NUMBER_NOT_FINITE),
        (b'{"n": NaN}', FindingCode.NUMBER_NOT_FINITE),
        (b'{"UserID":"1","UserID":"2"}', FindingCode.KEY_REPEATED),
        (b'{"UserID":"x"}\n{"UserID":"y"}', FindingCode.TRAILING_DATA),
        ('\ufeff{"UserID":"x"}'.encode("utf-16-le"), FindingCode.ENCODING),
        (b'{"UserID":"\xff"}', FindingCode.ENCODING),
        (b"[1, 2]", FindingCode.WRONG_SHAPE),
        (b'{"UserID": {"a": 1}}', FindingCode.WRONG_SHAPE),
        (b"[]," * 200_000, FindingCode.TOO_MANY),
    ],
)
def test_hostile_json_is_a_finding(body: bytes, code: FindingCode) -> None:
    assert code in codes(timed(SidecarKind.AXIS_METADATA, b"c.metadata.json", body))


def test_brackets_inside_words_are_no_depth() -> None:
    body = b'{"UserID": "' + b"[" * 100 + b'\\"[", "BWCModel": "W100"}'
    facts = read(SidecarKind.AXIS_METADATA, b"c.metadata.json", body)
    assert facts.model == "W100"
    assert facts.findings == ()


def test_a_key_repeated_with_one_value_keeps_it_and_with_two_has_none() -> None:
    body = b'{"UserID":"1","UserID":"2","BWCModel":"W100","BWCModel":"W100"}'
    facts = read(SidecarKind.AXIS_METADATA, b"c.metadata.json", body)
    assert (facts.officer_id, facts.model) == (None, "W100")


LAUGHS = b'<!DOCTYPE i [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><Interview><Reference>&b;</Reference></Interview>'
EXTERNAL = b'<!DOCTYPE i [<!ENTITY x SYSTEM "file:///etc/passwd">]><Interview><Reference>&x;</Reference></Interview>'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (LAUGHS, FindingCode.ENTITIES_REFUSED),
        (EXTERNAL, FindingCode.ENTITIES_REFUSED),
        (b"<!DOCTYPE Interview><Interview/>", FindingCode.ENTITIES_REFUSED),
        (b"<a>" * 20_000 + b"</a>" * 20_000, FindingCode.TOO_DEEP),
        (b"<a>" + b"<b/>" * 200_000 + b"</a>", FindingCode.TOO_MANY),
        (b"<a " + b" ".join(b'b%d="1"' % n for n in range(100)) + b"/>", FindingCode.TOO_MANY),
        (b"<Interview><Reference>&nothing;</Reference></Interview>", FindingCode.MALFORMED),
        (b"\x00" * 100, FindingCode.MALFORMED),
        (b"", FindingCode.EMPTY),
    ],
)
def test_hostile_xml_is_a_finding(body: bytes, code: FindingCode) -> None:
    facts = timed(SidecarKind.XML, b"INT-0001.xml", body)
    assert codes(facts) == {code}
    assert facts.reference is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(kind, make, id=name)
        for name, kind, make in [
            ("json lists", SidecarKind.JSON, lambda: filled(b"[", b"[],", b"[]]")),
            ("json repeated keys", SidecarKind.JSON, lambda: filled(b"{", b'"a":1,"a":2,', b'"b":1}')),
            ("json open quotes", SidecarKind.JSON, lambda: filled(b"", b'\\"')),
            ("json bracketed quotes", SidecarKind.JSON, lambda: filled(b"", b'"["[')),
            ("json nothings", SidecarKind.JSON, lambda: filled(b"[", b"NaN,", b"0]")),
            ("json crossed", SidecarKind.JSON, lambda: filled(b"", b"[}]{")),
            ("trail of nothing", SidecarKind.AXIS_GPSTRAIL, lambda: filled(b'{"CoordinateEntries":[', b"1,", b"1]}")),
            ("gpx", SidecarKind.GPX, lambda: filled(b"<gpx>", b'<wpt lat="1" lon="1"/>', b"</gpx>")),
            ("xml text", SidecarKind.XML, lambda: filled(b"<Interview><Type>", b"x&lt;", b"</Type></Interview>")),
            (
                "vtt cues",
                SidecarKind.MOTOROLA_VTT,
                lambda: filled(b"WEBVTT\n\n", b'0:1 --> x\n{"officer":"\xe2\x80\xae"}\n\n'),
            ),
            ("vtt line feeds", SidecarKind.MOTOROLA_VTT, lambda: filled(b"WEBVTT", b"\n")),
            ("nmea", SidecarKind.NMEA, lambda: filled(b"", b"$GPRMC,1,A,2,3,4,5,6,7,8,9\n")),
            ("digests", SidecarKind.HASH_LIST, lambda: filled(b"", b"MD5 (" + b")" * 4_000 + b"\n")),
            ("csv columns", SidecarKind.CSV, lambda: b"a" + b"," * 2_000_000 + b"\n1" * 1_000_000),
            ("bookmark", SidecarKind.AXIS_BOOKMARK, lambda: filled(b"", b"\xff")),
        ]
    ],
)
def test_the_largest_of_each_kind_is_read_in_bounded_time(kind: SidecarKind, body: Callable[[], bytes]) -> None:
    facts = timed(kind, b"clip.x", body())
    assert len(facts.findings) < 40
    assert all(len(finding.sentence) <= 300 for finding in facts.findings)


def test_a_larger_one_is_kept_and_not_read() -> None:
    facts = read(SidecarKind.GPX, b"clip.gpx", b"x" * (BODY_LIMIT + 1))
    assert codes(facts) == {FindingCode.TOO_LARGE}


def test_many_findings_become_a_few_and_a_count() -> None:
    body = b"<gpx>" + b"".join(b'<wpt lat="%d" lon="0"/>' % n for n in range(91, 191)) + b"</gpx>"
    facts = read(SidecarKind.GPX, b"clip.gpx", body)
    assert len(facts.findings) == 6
    assert facts.findings[-1].sentence.startswith("95 more")


def test_office_files_are_kept_and_not_read() -> None:
    facts = read(SidecarKind.AXON_CONTENTS, b"Table_of_Contents.xlsx", b"PK\x03\x04")
    assert codes(facts) == {FindingCode.NOT_READ}


@pytest.mark.shared
def test_every_shared_sidecar_is_read_within_a_second(shared_media: Path) -> None:
    folder = shared_media / "sidecars"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".mkv")
    for path in files:
        name = path.relative_to(folder).as_posix().encode()
        kind = kind_of(name)
        assert kind is not None, path
        # The best of three: what else this machine and this process have to do is no sidecar's fault.
        assert min(_seconds(kind, name, path.read_bytes()) for _ in range(3)) < 1, path
        facts = read(kind, name, path.read_bytes())
        assert FindingCode.READER_FAILED not in codes(facts)
        assert bool(facts.findings) == (path.parent.name == "hostile"), (path, facts.findings)


def _seconds(kind: SidecarKind, name: bytes, content: bytes) -> float:
    began = time.process_time()
    read(kind, name, content)
    return time.process_time() - began
