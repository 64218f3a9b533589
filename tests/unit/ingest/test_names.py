"""What camera names are read to say, and how any name is shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evidence.vocabulary import RecordingKind
from ingest.findings import FindingCode
from ingest.names import NameFacts, facts_from_name, shown
from ingest.stated import Precision, ZoneSource

CONTAINER = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed_B8A44F000001_20260314T090700Z"
USER = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"


def read(name: str) -> NameFacts:
    return facts_from_name(name.encode())


def codes(facts: NameFacts) -> list[FindingCode]:
    return [finding.code for finding in facts.findings]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "Axon_Body_4_Video_2026-03-14_0907_D01A1234X.mp4",
            {"make": "Axon", "model": "Body 4", "serial": "D01A1234X", "wall": "2026-03-14T09:07", "sourced": True},
        ),
        (
            "Axon_Body_4_Video_2026-03-14_0907_D01A1513G_1590_5146.mp4",
            {"serial": "D01A1513G", "clip": "1590_5146"},
        ),
        ("Axon_Body_4_Video_2026-03-14_0907_D01A1234X (1).mp4", {"serial": "D01A1234X"}),
        ("Axon_Body_4_Video_2026-03-14_0907_D01A1234X.mp4.sha256", {"serial": "D01A1234X"}),
        ("AXON_Body_2_Video_2018-05-26_2130.mp4", {"model": "Body 2", "serial": None, "wall": "2018-05-26T21:30"}),
        ("Axon_Body_3_Video_2026-03-14_0907.mp4", {"model": "Body 3", "sourced": False}),
        (
            "Axon_Fleet_3_Front_Camera_Video_2026-01-05_1452.mp4",
            {"make": "Axon", "model": "Fleet 3 Front", "kind": RecordingKind.OTHER},
        ),
        (
            "JaneSmith_202601011200_BWL9999999-3.mp4",
            {"make": "Motorola/WatchGuard", "officer": "JaneSmith", "serial": "BWL9999999", "segment": 3},
        ),
        ("ZoëŁukasz_202601011200_17-0.mp4", {"officer": "ZoëŁukasz", "serial": "17", "segment": 0}),
        ("20260314T090700Z_a1b2.mkv", {"make": "Axis", "clip": "a1b2", "wall": "2026-03-14T09:07:00"}),
        (f"{CONTAINER}/20260314_090700_a1b2.mkv", {"serial": "B8A44F000001", "officer_id": USER, "clip": "a1b2"}),
        (f"bay 3/{CONTAINER}/complete", {"make": "Axis", "wall": None}),
        (
            "A1B2C3D_000000_20260101101112_0001IMP.MP4",
            {"serial": "A1B2C3D", "officer_id": "000000", "number": 1, "important": True, "sourced": False},
        ),
        ("CAM01/files/data/0001.mp4", {"make": "Tecsar", "kind": RecordingKind.BODY_WORN}),
        ("GH010042.MP4", {"make": "GoPro", "chapter": 1, "number": 42, "sourced": False}),
        ("NO20260101-120000-000001F.MP4", {"make": "70mai", "view": "F", "number": 1}),
        ("2017_0101_060101_001A.mp4", {"make": "Vantrue", "view": "A", "wall": "2017-01-01T06:01:01"}),
        ("car7_Jan.02.2026_10.11.12#.avi", {"make": "Havis", "wall": "2026-01-02T10:11:12", "important": True}),
        ("H20190808-095851P1N2P0.avi", {"make": "iCarVisions MDVR", "channel": 2, "important": False}),
        ("H20190808-095851P1A2.avi", {"channel": 2, "important": True}),
        ("room_01-02-26_10.11.12.mp4", {"make": "Evertz", "wall": "2026-02-01T10:11:12"}),
        ("20140509-000500-001000_192.168.1.11-CH2", {"make": "Brickcom", "channel": 2}),
        ("VID_20260101_101112_00_001.mp4", {"make": "Insta360", "number": 1}),
        ("VID_20260314_090700.mp4", {"make": "Android phone", "wall": "2026-03-14T09:07:00"}),
        ("INT-2026-0042_cam1.mp4", {"kind": RecordingKind.INTERVIEW, "reference": "INT-2026-0042", "view": "cam1"}),
        ("anything 2026-03-14 09.07.11 at all.mov", {"pattern": "stamp", "make": None, "wall": "2026-03-14T09:07:11"}),
        ("MOVI0007.AVI", {"pattern": None, "make": None, "wall": None}),
    ],
)
def test_a_camera_name_is_read(name: str, says: dict[str, object]) -> None:
    facts = read(name)
    read_out = {
        key: (facts.stated.wall if facts.stated else None) if key == "wall" else getattr(facts, key) for key in says
    }
    assert read_out == says
    assert facts.name == name.encode()


@pytest.mark.parametrize(
    ("name", "at", "zone"),
    [
        ("20260714T090700Z_a1b2.mkv", datetime(2026, 7, 14, 9, 7, tzinfo=UTC), ZoneSource.STATED),
        (f"{CONTAINER}/20260714_090700_a1b2.mkv", datetime(2026, 7, 14, 9, 7, tzinfo=UTC), ZoneSource.UTC),
        ("JaneSmith_202607140907_BWL1-0.mp4", datetime(2026, 7, 14, 8, 7, tzinfo=UTC), ZoneSource.LOCAL),
        ("Axon_Body_4_Video_2026-07-14_0907.mp4", datetime(2026, 7, 14, 8, 7, tzinfo=UTC), ZoneSource.UNKNOWN),
        ("x 20260714090700 y.mp4", datetime(2026, 7, 14, 8, 7, tzinfo=UTC), ZoneSource.UNKNOWN),
    ],
)
def test_the_source_of_the_zone_is_noted(name: str, at: datetime, zone: ZoneSource) -> None:
    stated = read(name).stated
    assert stated is not None
    assert (stated.at, stated.zone) == (at, zone)


def test_the_force_says_what_local_time_is() -> None:
    stated = facts_from_name(b"VID_20260714_090700.mp4", force_zone=ZoneInfo("Europe/Dublin")).stated
    tokyo = facts_from_name(b"VID_20260714_090700.mp4", force_zone=ZoneInfo("Asia/Tokyo")).stated
    assert stated is not None
    assert tokyo is not None
    assert stated.at == datetime(2026, 7, 14, 8, 7, tzinfo=UTC)
    assert tokyo.at == datetime(2026, 7, 14, 0, 7, tzinfo=UTC)


def test_a_minute_is_not_made_into_a_second() -> None:
    stated = read("Axon_Body_4_Video_2026-03-14_0907.mp4").stated
    assert stated is not None
    assert (stated.precision, stated.wall, stated.text) == (Precision.MINUTE, "2026-03-14T09:07", "2026-03-14_0907")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("VID_20261025_013000.mp4", "came twice"),
        ("VID_20260329_013000.mp4", "did not exist"),
        ("Axon_Body_4_Video_2026-07-14_0907.mp4", "local time or UTC"),
    ],
)
def test_the_doubtful_hours_are_marked(name: str, words: str) -> None:
    facts = read(name)
    assert facts.stated is not None
    assert facts.stated.doubt is not None
    assert words in facts.stated.doubt
    assert codes(facts) == [FindingCode.TIME_DOUBTFUL]


def test_a_winter_time_of_unknown_zone_is_not_doubted_in_london() -> None:
    assert read("Axon_Body_4_Video_2026-01-14_0907.mp4").findings == ()


@pytest.mark.parametrize("name", ["VID_20261399_250000.mp4", "VID_19040101_000000.mp4", "VID_20260230_101112.mp4"])
def test_an_impossible_time_is_a_finding_and_no_time(name: str) -> None:
    facts = read(name)
    assert facts.stated is None
    assert facts.make == "Android phone"
    assert codes(facts) == [FindingCode.TIME_IMPOSSIBLE]


def test_a_clip_may_begin_before_the_button_was_pressed() -> None:
    facts = read(f"{CONTAINER}/20260314T090630Z_a1b2.mkv")
    assert facts.stated is not None
    assert facts.trigger is not None
    assert facts.stated.at == datetime(2026, 3, 14, 9, 6, 30, tzinfo=UTC)
    assert facts.trigger.at == datetime(2026, 3, 14, 9, 7, tzinfo=UTC)


@pytest.mark.parametrize("when", ["UnknownTime", "20260314T090700Z"])
def test_rejected_content_says_so(when: str) -> None:
    facts = read(f"RejectedContent_{when}_{USER}/20260314_090700_a1b2.mkv")
    assert codes(facts) == [FindingCode.REJECTED_BY_SOURCE]
    assert facts.make == "Axis"
    assert facts.serial is None


@pytest.mark.parametrize(
    ("name", "display"),
    [
        (b"plain name (2).mp4", "plain name (2).mp4"),
        ("Übergabe_日本語_عربى 😀.mp4".encode(), "Übergabe_日本語_عربى 😀.mp4"),
        (b"new\nline\r\t.mp4", r"new\nline\r\t.mp4"),
        (b"esc\x1b[31m\x00.mp4", r"esc\u001b[31m\u0000.mp4"),
        (b"back\\nslash", r"back\\nslash"),
        ("exhibit\u202e4pm.exe".encode(), r"exhibit\u202e4pm.exe"),
        ("zero\u200bwidth\ufeff\u3164\U000e0041".encode(), r"zero\u200bwidth\ufeff\u3164\U000e0041"),
        ("odd\u00a0space\u2028".encode(), r"odd\u00a0space\u2028"),
        (b"\xff\xfe.mp4", r"\xff\xfe.mp4"),
        (b"\xc3(.mp4", r"\xc3(.mp4"),
        (b"\xed\xa0\x80.mp4", r"\xed\xa0\x80.mp4"),
        (b"", ""),
    ],
)
def test_a_name_is_shown_without_acting(name: bytes, display: str) -> None:
    assert shown(name) == display


@pytest.mark.parametrize(
    ("name", "code"),
    [(b"\xff\xfe.mp4", FindingCode.NAME_NOT_UTF8), (b"a\nb.mp4", FindingCode.NAME_HIDES_CHARACTERS)],
)
def test_a_name_that_hides_something_is_a_finding(name: bytes, code: FindingCode) -> None:
    facts = facts_from_name(name)
    assert codes(facts) == [code]
    assert facts.name == name
    assert facts.findings[0].sentence.isprintable()


def test_an_overlong_name_is_kept_and_not_read() -> None:
    facts = read("VID_20260314_090700" + "x" * 300 + ".mp4")
    assert facts.stated is None
    assert len(facts.name) > 300


@pytest.mark.shared
def test_every_shared_name_is_read_as_expected(shared_media: Path) -> None:
    names = json.loads((shared_media / "names.json").read_text())
    for name, expected in names["camera_names"]["names"].items():
        assert _as_in_names_json(read(name), expected) == {k: v for k, v in expected.items() if k != "comment"}, name
    odd = [name.encode() for name in names["on_disk"] + names["make_at_run"]]
    odd += [bytes.fromhex(name) for name in names["bytes_hex"]]
    displays = [shown(name) for name in odd]
    assert all(display.isprintable() for display in displays)
    assert len(set(displays)) == len(set(odd))


def _as_in_names_json(facts: NameFacts, expected: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {key: getattr(facts, key) for key in expected if hasattr(facts, key)}
    if "file" in expected:
        said["file"] = facts.number
    if facts.stated:
        said |= {"local_time": facts.stated.wall} if "local_time" in expected else {}
        said |= {"utc_time": re.sub(r"\+00:00$", "Z", facts.stated.at.isoformat())} if "utc_time" in expected else {}
    return said
