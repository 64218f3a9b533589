"""Axis recording folders."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from evidence.vocabulary import RecordingKind
from ingest.findings import FindingCode
from ingest.sidecars import SidecarFacts, SidecarKind, kind_of, read

CONTAINER = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed_B8A44F000001_20260314T090700Z"
RECORDING = {
    "ContainerName": CONTAINER,
    "BWCSerialNumber": "B8A44F000001",
    "UserID": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
    "TriggerOn": "Button",
    "TriggerOnTimeISO": "2026-03-14T09:07:00Z",
    "StartTime": "1773479190",
    "StartTimeISO": "2026-03-14T09:06:30Z",
    "StopTimeISO": "2026-03-14T09:17:02Z",
    "TriggerOnLocation": "51.507200 -0.127600 5 1773479220",
    "TimeZone": "Europe/London",
    "BWCModel": "AXIS W120",
    "Status": "Complete",
}


def axis(file: str, values: object) -> SidecarFacts:
    name = f"{CONTAINER}/{file}".encode()
    kind = kind_of(name)
    assert kind is not None
    return read(kind, name, values if isinstance(values, bytes) else json.dumps(values).encode())


def codes(facts: SidecarFacts) -> list[FindingCode]:
    return [finding.code for finding in facts.findings]


def test_a_recording_is_described() -> None:
    facts = axis(f"{CONTAINER}.metadata.json", RECORDING)
    assert facts.findings == ()
    assert (facts.describes, facts.make, facts.model) == (RecordingKind.BODY_WORN, "Axis", "AXIS W120")
    assert (facts.serial, facts.officer_id) == ("B8A44F000001", RECORDING["UserID"])
    assert facts.started is not None
    assert facts.triggered is not None
    assert facts.started.at == datetime(2026, 3, 14, 9, 6, 30, tzinfo=UTC)
    assert facts.triggered.at == datetime(2026, 3, 14, 9, 7, tzinfo=UTC)
    assert (facts.time_zone, facts.complete, facts.whole_recording) == ("Europe/London", True, True)
    assert facts.positions is not None
    assert (facts.positions.first.latitude, facts.positions.first.longitude) == (51.5072, -0.1276)


def test_keys_are_read_in_any_case() -> None:
    facts = axis(
        f"{CONTAINER}.metadata.json", {"Bwcserialnumber": "B8A44F000001", "starttimeiso": "2026-03-14T09:06:30Z"}
    )
    assert facts.serial == "B8A44F000001"
    assert facts.started is not None


def test_an_unfinished_transfer_is_said() -> None:
    facts = axis(f"{CONTAINER}.metadata.json", RECORDING | {"Status": "Transferring"})
    assert facts.complete is False
    assert codes(facts) == [FindingCode.TRANSFER_UNFINISHED]


def test_twin_times_that_differ_are_a_finding() -> None:
    facts = axis(f"{CONTAINER}.metadata.json", RECORDING | {"StartTime": "1773400000"})
    assert codes(facts) == [FindingCode.VALUES_DISAGREE]


def test_a_clip_speaks_for_itself_only() -> None:
    facts = axis(
        f"{CONTAINER}.20260314_090700_a1b2.mkv.metadata.json", {"StartTime": "1773479220", "ContainerType": "mkv"}
    )
    assert facts.started is not None
    assert facts.started.at == datetime(2026, 3, 14, 9, 7, tzinfo=UTC)
    assert (facts.whole_recording, facts.complete) == (False, None)


def test_a_key_means_encrypted() -> None:
    key = {"EncryptedKey": "eHg=", "ContentEncryptionIV": "eHg=", "PublicKeyId": "force-key-1"}
    facts = axis("20260314_090700_a1b2.key", key)
    assert (facts.encrypted, facts.key_id, facts.findings) == (True, "force-key-1", ())
    assert "eHg=" not in repr(facts)


@pytest.mark.parametrize("body", [b"", b"\x00\x01\x02", b"[]", b'{"PublicKeyId": 7}'])
def test_a_broken_key_still_means_encrypted(body: bytes) -> None:
    facts = axis("20260314_090700_a1b2.key", body)
    assert facts.encrypted
    assert facts.findings


def test_a_trail_is_longitude_first() -> None:
    entries = [
        {"LocationWKT": "POINT(-0.127600 51.507200)", "SecondsFromStart": 0.0, "Timestamp": "2026-03-14T09:07:00Z"},
        {"LocationWKT": "point ( -0.127 51.5076 )", "SecondsFromStart": 2, "Timestamp": "2026-03-14T09:07:02Z"},
    ]
    facts = axis("20260314_090700_a1b2_B8A44F000001_gpstrail.json", {"CoordinateEntries": entries})
    assert facts.findings == ()
    assert facts.positions is not None
    assert (facts.positions.count, facts.positions.first.latitude) == (2, 51.5072)
    assert (facts.positions.last.longitude, facts.positions.last.after_s) == (-0.127, 2.0)
    assert facts.positions.last.at == datetime(2026, 3, 14, 9, 7, 2, tzinfo=UTC)


def test_places_off_the_earth_and_times_off_the_clock_are_findings() -> None:
    entries = [
        {"LocationWKT": "POINT(200 95)", "Timestamp": "2026-13-45T99:99:99Z"},
        {"LocationWKT": "POLYGON((0 0))"},
        7,
    ]
    facts = axis("20260314_090700_a1b2_B8A44F000001_gpstrail.json", {"CoordinateEntries": entries})
    assert facts.positions is None
    assert set(codes(facts)) == {
        FindingCode.POSITION_IMPOSSIBLE,
        FindingCode.TIME_IMPOSSIBLE,
        FindingCode.WRONG_SHAPE,
    }


def test_an_encrypted_trail_is_kept_and_not_read() -> None:
    facts = axis("20260314_090700_a1b2_B8A44F000001_gpstrail.json", bytes(range(256)))
    assert facts.positions is None
    assert FindingCode.MALFORMED in codes(facts)


def test_a_bookmark_keeps_the_officers_words() -> None:
    facts = axis("bookmark_20260314T090700Z_1", "Prisoner handed over –\n“no reply”".encode())
    assert (facts.note, facts.findings) == ("Prisoner handed over – “no reply”", ())
    assert axis("bookmark_20260314T090700Z_1", b"").findings == ()


def test_a_bookmarks_category_and_unknown_tags_are_read() -> None:
    values = {"CategoryID": "7", "CategoryName": "Arrest", "Tags": "TriggerOn:Button;Some:Value;odd", "StartTime": "x"}
    facts = axis(f"{CONTAINER}.bookmark_20260314T090700Z_1.metadata.json", values)
    assert (facts.category, facts.category_id) == ("Arrest", "7")
    assert facts.tags == (("TriggerOn", "Button"), ("Some", "Value"), ("odd", ""))
    assert facts.started is None


def test_the_complete_marker() -> None:
    assert axis("complete", b"").complete is True
    assert codes(axis("complete", b"not empty")) == [FindingCode.WRONG_SHAPE]


def test_users_and_devices_of_the_system() -> None:
    user = read(
        SidecarKind.AXIS_METADATA, b"Users/Users.1b9d.metadata.json", b'{"Name": "Jane Smith", "UserID": "PC1234"}'
    )
    device = read(
        SidecarKind.AXIS_METADATA, b"Devices/Devices.B8A4.metadata.json", b'{"Name": "Bay 3", "Model": "W100"}'
    )
    assert (user.officer, user.officer_id) == ("Jane Smith", "PC1234")
    assert (device.serial, device.model, device.title) == ("B8A4", "W100", "Bay 3")


def test_hostile_words_are_shown_and_said() -> None:
    facts = axis(
        f"{CONTAINER}.metadata.json",
        {"UserID": "=cmd|'/C calc'!A0", "TriggerOn": "\u0000\u001b[2J\r\nforged", "BWCModel": "\u202ex" + "y" * 500},
    )
    assert facts.officer_id == "=cmd|'/C calc'!A0"
    assert dict(facts.tags)["TriggerOn"] == r"\u0000\u001b[2J forged"
    assert facts.model is not None
    assert len(facts.model) < 220
    assert set(codes(facts)) == {FindingCode.FORMULA_TEXT, FindingCode.TEXT_UNSAFE, FindingCode.TEXT_SHORTENED}
