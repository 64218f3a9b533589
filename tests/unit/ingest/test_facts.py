"""Name, sidecars and tags brought together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evidence.vocabulary import RecordingKind
from ingest.facts import CapturedSource, RecordingFacts, settle_facts
from ingest.findings import FindingCode
from ingest.names import facts_from_name
from ingest.sidecars import SidecarFacts, SidecarKind, kind_of, read
from ingest.stated import ZoneSource

CONTAINER = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed_B8A44F000001_20260714T090700Z"
CLIP = f"{CONTAINER}/20260714_090630_a1b2.mkv".encode()
RECORDING = (
    b'{"BWCSerialNumber": "B8A44F000001", "BWCModel": "AXIS W120", "StartTimeISO": "2026-07-14T09:06:30Z", '
    b'"UserID": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "Status": "Complete"}'
)
MOTOROLA = b"JaneSmith_202607140907_BWL9999999-3.mp4"
CUES = b'WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{"officer": "Jane Smith", "gpsCoordinates": "N51.5 W0.1"}'


def beside(name: str, body: bytes) -> SidecarFacts:
    kind = kind_of(name.encode())
    assert kind is not None
    return read(kind, name.encode(), body)


def codes(facts: RecordingFacts) -> list[FindingCode]:
    return [finding.code for finding in facts.findings]


def test_an_axis_recording() -> None:
    sidecars = [
        beside(f"{CONTAINER}/{CONTAINER}.metadata.json", RECORDING),
        beside(
            f"{CONTAINER}/{CONTAINER}.20260714_090630_a1b2.mkv.metadata.json",
            b'{"StartTimeISO": "2026-07-14T09:06:30Z"}',
        ),
        beside(f"{CONTAINER}/complete", b""),
    ]
    facts = settle_facts(facts_from_name(CLIP), sidecars)
    assert facts.findings == ()
    assert (facts.kind, facts.make, facts.model) == (RecordingKind.BODY_WORN, "Axis", "AXIS W120")
    assert facts.camera_serial == "B8A44F000001"
    assert facts.officer_as_stated is None, "a UUID says nothing to people"
    assert facts.officer_id == "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
    assert (facts.captured_at, facts.captured_source) == (
        datetime(2026, 7, 14, 9, 6, 30, tzinfo=UTC),
        CapturedSource.SIDECAR,
    )
    assert (facts.captured_as_stated, facts.complete) == ("2026-07-14T09:06:30Z", True)
    assert facts.title == "AXIS W120, 14 July 2026 10:06"


def test_a_later_clip_is_not_timed_by_its_whole_recording() -> None:
    name = f"{CONTAINER}/20260714_093630_c3d4.mkv".encode()
    facts = settle_facts(facts_from_name(name), [beside(f"{CONTAINER}/{CONTAINER}.metadata.json", RECORDING)])
    assert (facts.captured_at, facts.captured_source) == (
        datetime(2026, 7, 14, 9, 36, 30, tzinfo=UTC),
        CapturedSource.NAME,
    )
    assert facts.findings == ()


def test_a_motorola_pair() -> None:
    sidecars = [
        beside("JaneSmith_202607140907_BWL9999999-3.json", b'{"DataPoints": [{"Time": "2026-07-14T08:07:12.5Z"}]}'),
        beside("JaneSmith_202607140907_BWL9999999-3.vtt", CUES),
    ]
    facts = settle_facts(facts_from_name(MOTOROLA), sidecars)
    assert facts.findings == ()
    assert (facts.officer_as_stated, facts.camera_serial) == ("Jane Smith", "BWL9999999")
    assert facts.captured_at == datetime(2026, 7, 14, 8, 7, 12, 500000, tzinfo=UTC)
    assert facts.positions is not None


def test_a_serial_in_the_name_that_disagrees_is_shown_not_settled() -> None:
    facts = settle_facts(
        facts_from_name(CLIP),
        [beside(f"{CONTAINER}/{CONTAINER}.metadata.json", RECORDING.replace(b"000001", b"000002"))],
    )
    assert codes(facts) == [FindingCode.SERIAL_DISAGREES]
    assert "B8A44F000001" in facts.findings[0].sentence
    assert "B8A44F000002" in facts.findings[0].sentence
    assert facts.camera_serial == "B8A44F000002"


def test_an_officer_in_the_name_that_disagrees_is_shown() -> None:
    facts = settle_facts(facts_from_name(MOTOROLA), [beside("a.vtt", CUES.replace(b"Jane Smith", b"John Doe"))])
    assert codes(facts) == [FindingCode.OFFICER_DISAGREES]


@pytest.mark.parametrize(
    ("stated", "agrees"),
    [("2026-07-14T08:07:30Z", True), ("2026-07-14T09:07:00Z", False), ("2026-07-13T08:07:00Z", False)],
)
def test_a_time_in_the_name_that_disagrees_is_shown(stated: str, *, agrees: bool) -> None:
    points = f'{{"DataPoints": [{{"Time": "{stated}"}}]}}'.encode()
    facts = settle_facts(facts_from_name(MOTOROLA), [beside("JaneSmith_202607140907_BWL9999999-3.json", points)])
    assert codes(facts) == ([] if agrees else [FindingCode.TIME_DISAGREES])
    assert facts.captured_as_stated == stated


@pytest.mark.parametrize(
    ("tag", "agrees"),
    [("2026-07-14T08:07:00.000000Z", True), ("2026-07-14T08:16:00Z", True), ("2026-07-14T09:07:00Z", False)],
)
def test_a_tag_written_when_the_file_was_closed_is_no_disagreement(tag: str, *, agrees: bool) -> None:
    facts = settle_facts(facts_from_name(b"VID_20260714_090700.mp4"), (), {"creation_time": tag, "duration_s": 540.0})
    assert codes(facts) == ([] if agrees else [FindingCode.TIME_DISAGREES])
    assert facts.captured_source is CapturedSource.NAME


def test_tags_speak_where_nobody_else_does() -> None:
    media = {
        "creation_time": "2026-07-14T08:07:00Z",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 6",
    }
    facts = settle_facts(facts_from_name(b"IMG_0001.MOV"), (), media)
    assert (facts.captured_source, facts.captured_zone) == (CapturedSource.MEDIA, ZoneSource.STATED)
    assert facts.title == "Apple iPhone 6, 14 July 2026 09:07"


@pytest.mark.parametrize("tag", ["1904-01-01T00:00:00Z", "", "yesterday", None, 7])
def test_a_tag_that_is_no_time_is_passed_over(tag: object) -> None:
    facts = settle_facts(facts_from_name(b"IMG_0001.MOV"), (), {"creation_time": tag})
    assert facts.captured_at is None
    assert facts.title == "IMG_0001.MOV"


def test_an_interview() -> None:
    xml = (
        b"<Interview><Type>PACE</Type><Reference>AB/0001/26</Reference><Present>"
        b"<Person role='Interviewer' collar='1234'/></Present><Start>2026-01-01T12:00:00Z</Start></Interview>"
    )
    facts = settle_facts(facts_from_name(b"suite/INT-0001.wav"), [beside("suite/INT-0001.xml", xml)])
    assert (facts.kind, facts.reference) == (RecordingKind.INTERVIEW, "AB/0001/26")
    assert (facts.officer_as_stated, facts.officer_id) == ("1234", "1234")
    assert facts.title == "PACE interview AB/0001/26, 1 January 2026 12:00"
    alone = settle_facts(facts_from_name(b"suite/INT-0001.wav"))
    assert (alone.kind, alone.title) == (RecordingKind.INTERVIEW, "Interview INT-0001")


def test_a_key_beside_it_means_encrypted() -> None:
    key = beside(f"{CONTAINER}/20260714_090630_a1b2.key", b"")
    assert settle_facts(facts_from_name(CLIP), [key]).encrypted


def test_a_claimed_digest_is_compared_with_the_measured_one() -> None:
    right, wrong = "ab" * 32, "00" * 32
    name = facts_from_name(b"dcim/clip.mp4")
    claim = beside("dcim/clip.mp4.sha256", f"{wrong}  clip.mp4\n{wrong}  other.mp4\n".encode())
    assert codes(settle_facts(name, [claim], measured={"sha256": right})) == [FindingCode.DIGEST_DISAGREES]
    assert codes(settle_facts(name, [claim], measured={"sha256": wrong.upper()})) == []
    assert codes(settle_facts(name, [claim], measured={"sha512": right})) == []


def test_what_is_odd_in_a_sidecar_is_shown_with_its_name() -> None:
    facts = settle_facts(facts_from_name(b"clip.mp4"), [beside("clip.gpx", b"")])
    assert [finding.as_row() for finding in facts.findings] == [
        {"code": "empty", "sentence": "clip.gpx: there is nothing in it"}
    ]


def test_a_name_of_nothing_still_has_a_title() -> None:
    assert settle_facts(facts_from_name(b"")).title == "(no name)"
    assert settle_facts(facts_from_name(b"\xff\n")).title == r"\xff\n"


def test_an_unfinished_sidecar_outweighs_a_finished_one() -> None:
    done = SidecarFacts(kind=SidecarKind.AXIS_COMPLETE, name=b"complete", complete=True)
    assert settle_facts(facts_from_name(CLIP), [done, replace(done, complete=False)]).complete is False
    assert settle_facts(facts_from_name(CLIP)).complete is None
