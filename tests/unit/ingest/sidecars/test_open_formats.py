"""Motorola pairs, WebVTT, GPX, NMEA and digest lists."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.findings import FindingCode
from ingest.sidecars import ClaimedDigest, SidecarFacts, SidecarKind, read

CUE = b'\n\n00:00:0%d.000 --> 00:00:0%d.999\n{"officer": "%s", "gpsCoordinates": "%s"}'


def codes(facts: SidecarFacts) -> list[FindingCode]:
    return [finding.code for finding in facts.findings]


def vtt(*cues: tuple[bytes, bytes], kind: SidecarKind = SidecarKind.MOTOROLA_VTT) -> SidecarFacts:
    body = b"WEBVTT" + b"".join(CUE % (at, at, *cue) for at, cue in enumerate(cues))
    return read(kind, b"a.vtt", body)


def test_motorola_data_points_give_the_times() -> None:
    points = b'{"DataPoints": [{"Time": "2026-01-01T12:00:00.016256Z"}, {"Time": "2026-01-01T12:00:05.016256Z"}]}'
    facts = read(SidecarKind.MOTOROLA_JSON, b"a.json", points)
    assert facts.started is not None
    assert facts.stopped is not None
    assert facts.started.at == datetime(2026, 1, 1, 12, 0, 0, 16256, tzinfo=UTC)
    assert facts.stopped.at == datetime(2026, 1, 1, 12, 0, 5, 16256, tzinfo=UTC)
    assert facts.findings == ()


def test_motorola_cues_give_officer_and_places() -> None:
    facts = vtt((b"Jane Smith", b"N51.507200 W0.127600"), (b"Jane Smith", b""), (b"Jane Smith", b"S33.9 E151.2"))
    assert (facts.officer, facts.findings) == ("Jane Smith", ())
    assert facts.positions is not None
    assert (facts.positions.count, facts.positions.first.latitude, facts.positions.first.longitude) == (
        2,
        51.5072,
        -0.1276,
    )
    assert (facts.positions.last.latitude, facts.positions.last.after_s) == (-33.9, 2.0)


def test_two_officers_in_one_file_are_a_finding() -> None:
    facts = vtt((b"Jane Smith", b""), (b"John Doe", b""))
    assert facts.officer == "Jane Smith"
    assert codes(facts) == [FindingCode.VALUES_DISAGREE]


@pytest.mark.parametrize("place", [b"N W", b"N91.0 W181.0", b"Q1 Z2", b"N1e5", b"N51.5 W0.1; rm -rf x"])
def test_a_bad_place_is_a_finding(place: bytes) -> None:
    facts = vtt((b"x", place))
    assert facts.positions is None
    assert codes(facts) == [FindingCode.POSITION_IMPOSSIBLE]


def test_bad_cues_are_findings_and_the_rest_is_read() -> None:
    body = (
        b"WEBVTT\r\n\r\nno times here\r\n\r\n00:00:02.000 --> 00:00:01.000\r\n{}\r\n\r\n"
        b'99:99 --> x\r\n{"officer": "Jane Smith"}\r\n\r\n00:00:03.000 --> 00:00:04.000\r\nnot json'
    )
    facts = read(SidecarKind.MOTOROLA_VTT, b"a.vtt", body)
    assert facts.officer == "Jane Smith"
    assert set(codes(facts)) == {FindingCode.CUE_UNREADABLE, FindingCode.MALFORMED}


def test_ordinary_subtitles_are_no_fault() -> None:
    facts = read(
        SidecarKind.WEBVTT, b"a.vtt", b"WEBVTT - by hand\n\nNOTE hello\n\n1\n00:01.000 --> 00:02.000\n- Morning."
    )
    assert (facts.findings, facts.officer, facts.make) == ((), None, None)


GPX = b"""<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="51.50720" lon="-0.12760"><time>2026-01-01T12:00:00Z</time></trkpt>
<trkpt lat="51.50725" lon="-0.12760"><time>2026-01-01T12:00:05Z</time></trkpt></trkseg></trk></gpx>"""


def test_gpx_points_are_counted() -> None:
    facts = read(SidecarKind.GPX, b"clip.gpx", GPX)
    assert facts.findings == ()
    assert facts.positions is not None
    assert (facts.positions.count, facts.positions.last.latitude) == (2, 51.50725)
    assert facts.positions.first.at == datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", FindingCode.EMPTY),
        (b"<gpx>", FindingCode.MALFORMED),
        (b"<kml/>", FindingCode.WRONG_SHAPE),
        (b'<gpx><wpt lat="91" lon="0"/></gpx>', FindingCode.POSITION_IMPOSSIBLE),
        (b'<gpx><wpt lat="1" lon="nan"/></gpx>', FindingCode.POSITION_IMPOSSIBLE),
        (b'<gpx><wpt lat="1" lon="1"/></gpx>', FindingCode.WRONG_SHAPE),
        (b'<gpx><wpt lat="1" lon="1"><time>noon</time></wpt></gpx>', FindingCode.TIME_IMPOSSIBLE),
        (b'<!DOCTYPE gpx SYSTEM "http://127.0.0.1:8099/x"><gpx/>', FindingCode.ENTITIES_REFUSED),
        (b"<gpx>" * 100 + b"</gpx>" * 100, FindingCode.TOO_DEEP),
        (b'<?xml version="1.0" encoding="nonsense"?><gpx/>', FindingCode.MALFORMED),
    ],
)
def test_a_bad_gpx_is_a_finding(body: bytes, code: FindingCode) -> None:
    assert code in codes(read(SidecarKind.GPX, b"clip.gpx", body))


NMEA = b"$GPRMC,120000.00,A,5130.4320,N,00007.6560,W,1.2,084.4,010126,,,A*40\r\n"


def test_nmea_sentences_are_read_and_others_passed_over() -> None:
    facts = read(SidecarKind.NMEA, b"clip.nmea", NMEA + b"$GSENSOR,0,-3,12\r\n$GPRMC,120001.00,V,,,,,,,010126,,,N\r\n")
    assert facts.findings == ()
    assert facts.positions is not None
    assert facts.positions.count == 1
    assert (round(facts.positions.first.latitude, 4), round(facts.positions.first.longitude, 4)) == (51.5072, -0.1276)
    assert facts.positions.first.at == datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (NMEA.replace(b"*40", b"*00"), FindingCode.CHECKSUM_WRONG),
        (b"$GPRMC\r\n", FindingCode.LINE_UNREADABLE),
        (b"$" + b"A" * 200_000 + b"\r\n", FindingCode.LINE_UNREADABLE),
        (b"\x00\xff\xfe binary\n", FindingCode.LINE_UNREADABLE),
        (b"$GPRMC,999999.99,A,5130.4320,N,00007.6560,W,1e9,-1,999999,,,A", FindingCode.TIME_IMPOSSIBLE),
        (b"$GPRMC,120000.00,A,9999.9999,N,99999.9999,W,1.2,084.4,010126,,,A", FindingCode.POSITION_IMPOSSIBLE),
    ],
)
def test_a_bad_nmea_line_is_a_finding_and_the_rest_is_read(body: bytes, code: FindingCode) -> None:
    facts = read(SidecarKind.NMEA, b"clip.nmea", body + b"\r\n" + NMEA)
    assert code in codes(facts)
    assert facts.positions is not None


MD5, SHA256 = "d41d8cd98f00b204e9800998ecf8427e", "ab" * 32


@pytest.mark.parametrize(
    ("line", "claim"),
    [
        (f"{SHA256}  clip.mp4\n".encode(), ClaimedDigest(algorithm="sha256", hex=SHA256, name=b"clip.mp4")),
        (f"{SHA256.upper()} *a b.mp4\r\n".encode(), ClaimedDigest(algorithm="sha256", hex=SHA256, name=b"a b.mp4")),
        (f"SHA256 (a (1).mp4) = {SHA256}".encode(), ClaimedDigest(algorithm="sha256", hex=SHA256, name=b"a (1).mp4")),
        (f"{SHA256}\n".encode(), ClaimedDigest(algorithm="sha256", hex=SHA256)),
        (f"\\{SHA256}  a\\nb\\\\c\n".encode(), ClaimedDigest(algorithm="sha256", hex=SHA256, name=b"a\nb\\c")),
        (f"# made by\n{SHA256}  \n".encode() + b"", ClaimedDigest(algorithm="sha256", hex=SHA256)),
        (SHA256.encode() + b"  \xff\xfe.mp4", ClaimedDigest(algorithm="sha256", hex=SHA256, name=b"\xff\xfe.mp4")),
    ],
)
def test_a_digest_is_claimed(line: bytes, claim: ClaimedDigest) -> None:
    facts = read(SidecarKind.HASH_LIST, b"clip.mp4.sha256", line)
    assert (facts.digests, facts.findings) == ((claim,), ())


def test_a_digest_of_another_sort_than_the_name_says_is_a_finding() -> None:
    facts = read(SidecarKind.HASH_LIST, b"clip.mp4.sha256", f"{MD5}  clip.mp4\n".encode())
    assert facts.digests[0].algorithm == "md5"
    assert codes(facts) == [FindingCode.VALUES_DISAGREE]


def test_lines_that_are_no_digest_are_findings() -> None:
    facts = read(SidecarKind.HASH_LIST, b"sums.md5", b"hello\n" + b"f" * 31 + b"  x\n")
    assert facts.digests == ()
    assert codes(facts) == [FindingCode.LINE_UNREADABLE, FindingCode.EMPTY]
