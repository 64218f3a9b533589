"""Layouts that a force describes: what is refused, and what is read with them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.vocabulary import RecordingKind
from ingest.camera_names import CAMERAS
from ingest.findings import FindingCode
from ingest.sidecars import MappingRefused, SidecarFacts, SidecarKind, mappings_from_toml, read
from ingest.sidecars.mapping import INTERVIEW_EXAMPLE

DOCS = Path(__file__).resolve().parents[4] / "docs"
INTERVIEW = b"""<?xml version="1.0" encoding="UTF-8"?>
<Interview xmlns="urn:example"><Type>PACE</Type><Reference>AB/0001/26</Reference><Custody>YR/000123/26</Custody>
<Interviewee><Surname>O&apos;Hara</Surname></Interviewee>
<Present><Person role="Solicitor"/><Person role="Interviewer" collar="1234"/></Present>
<Start>2026-07-01T12:00:00</Start><End>2026-07-01T12:40:11+01:00</End>
<Channels><Channel n="1">Interviewer</Channel><Channel n="2">Suspect</Channel></Channels></Interview>"""


def codes(facts: SidecarFacts) -> list[FindingCode]:
    return [finding.code for finding in facts.findings]


def mapping(**changed: str) -> str:
    words = {"name": '"m"', "format": '"json"', "files": '["*.json"]', "fields": '{ serial = "a" }'} | changed
    return "[[mapping]]\n" + "".join(f"{key} = {value}\n" for key, value in words.items() if value)


def test_our_invented_interview_layout_is_read() -> None:
    facts = read(SidecarKind.XML, b"suite/INT-0001.xml", INTERVIEW)
    assert facts.findings == ()
    assert facts.describes is RecordingKind.INTERVIEW
    assert (facts.reference, facts.custody_reference, facts.interview_type) == ("AB/0001/26", "YR/000123/26", "PACE")
    assert (facts.officer_id, facts.channels) == ("1234", ("Interviewer", "Suspect"))
    assert facts.started is not None
    assert facts.stopped is not None
    assert facts.started.at == datetime(2026, 7, 1, 11, 0, tzinfo=UTC)
    assert facts.stopped.at == datetime(2026, 7, 1, 11, 40, 11, tzinfo=UTC)
    assert "Hara" not in repr(facts), "the interviewee is not ours to spread"


def test_a_layout_nobody_described_is_kept_and_said() -> None:
    assert codes(read(SidecarKind.XML, b"a.xml", b"<Other><Start>now</Start></Other>")) == [FindingCode.NO_MAPPING]
    assert codes(read(SidecarKind.JSON, b"a.json", b'{"a": 1}')) == [FindingCode.NO_MAPPING]
    assert codes(read(SidecarKind.CSV, b"a.csv", b"a,b\n1,2\n")) == [FindingCode.NO_MAPPING]


def test_a_mapping_that_finds_nothing_is_said() -> None:
    mappings = mappings_from_toml(mapping())
    assert codes(read(SidecarKind.JSON, b"a.json", b'{"b": 1}', mappings)) == [FindingCode.NO_MAPPING]


def test_json_paths_reach_into_groups_and_lists() -> None:
    fields = '{ serial = "device.ids[1]", channels = "tracks[].name", started = "when" }'
    mappings = mappings_from_toml(mapping(fields=fields, times='["%d/%m/%Y %H.%M"]', zone='"utc"'))
    body = b'{"device": {"ids": ["x", 77]}, "tracks": [{"name": "a"}, {"name": "b"}], "when": "14/07/2026 09.07"}'
    facts = read(SidecarKind.JSON, b"a.json", body, mappings)
    assert (facts.serial, facts.channels, facts.findings) == ("77", ("a", "b"), ())
    assert facts.started is not None
    assert facts.started.at == datetime(2026, 7, 14, 9, 7, tzinfo=UTC)


SHEET = mapping(format='"csv"', files='["*.csv"]', row='"File"', fields='{ serial = "Serial", officer = "Officer" }')


def test_a_row_of_a_sheet_is_found_by_the_recording() -> None:
    body = "File,Serial,Officer\r\nclip1.mp4,A1,Zoë\r\nclip2.mp4,A2,\r\n".encode()
    facts = read(SidecarKind.CSV, b"list.csv", body, mappings_from_toml(SHEET), recording=b"dcim/clip1.mp4")
    assert (facts.serial, facts.officer, facts.findings) == ("A1", "Zoë", ())


def test_a_sheet_that_could_mean_several_rows_means_none() -> None:
    body = b"File,Serial,Officer\r\nclip1.mp4,A1,x\r\nclip2.mp4,A2,y\r\n"
    facts = read(SidecarKind.CSV, b"list.csv", body, mappings_from_toml(SHEET))
    assert facts.serial is None
    assert codes(facts) == [FindingCode.VALUES_DISAGREE, FindingCode.NO_MAPPING]


def test_a_formula_in_a_sheet_is_a_finding() -> None:
    body = b"File,Serial,Officer\r\nclip1.mp4,=1+1,-5\r\n"
    facts = read(SidecarKind.CSV, b"list.csv", body, mappings_from_toml(SHEET))
    assert (facts.serial, facts.officer) == ("=1+1", "-5")
    assert codes(facts) == [FindingCode.FORMULA_TEXT]


def test_a_time_that_the_forms_do_not_fit_is_a_finding() -> None:
    mappings = mappings_from_toml(mapping(fields='{ started = "when" }', times='["%Y%m%d%H%M"]'))
    facts = read(SidecarKind.JSON, b"a.json", b'{"when": "2026-07-14"}', mappings)
    assert facts.started is None
    assert FindingCode.TIME_IMPOSSIBLE in codes(facts)


def test_the_doubtful_hour_is_said() -> None:
    mappings = mappings_from_toml(mapping(fields='{ started = "when" }'))
    facts = read(SidecarKind.JSON, b"a.json", b'{"when": "2026-10-25T01:30:00"}', mappings)
    assert codes(facts) == [FindingCode.TIME_DOUBTFUL]


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("mapping = [", "not TOML"),
        ("", "mapping: Field required"),
        (mapping(surprise="1"), "mapping 1 surprise"),
        (mapping(files="[]"), "mapping 1 files"),
        (mapping(format='"yaml"'), "mapping 1 format"),
        (mapping(fields="{}"), "give at least one"),
        (mapping(fields='{ officr = "a" }'), "mapping 1 fields officr"),
        (mapping(fields='{ serial = "a..b" }'), "is no json path"),
        (mapping(fields="{ serial = 7 }"), "mapping 1 fields serial"),
        (mapping(format='"xml"', fields='{ serial = "//a" }'), "is no xml path"),
        (mapping(root='"a"'), "only XML"),
        (mapping(row='"a"'), "only CSV"),
        (mapping(describes='"film"'), "mapping 1 describes"),
        (mapping(zone='"Europe/London"'), "mapping 1 zone"),
        (mapping(times='["%Q"]'), "is no form of time"),
        (mapping(times='["%H:%M"]'), "must give year"),
        (mapping() + mapping(), "same name"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_in_words(toml: str, words: str) -> None:
    with pytest.raises(MappingRefused) as refused:
        mappings_from_toml(toml)
    assert any(words in problem for problem in refused.value.problems), refused.value.problems


def test_the_documents_show_examples_that_work() -> None:
    examples = (DOCS / "examples" / "sidecar-mappings.toml").read_text(encoding="utf-8")
    assert [mapping.format for mapping in mappings_from_toml(examples)] == ["xml", "json", "csv"]
    for document in (examples, (DOCS / "sidecars.md").read_text(encoding="utf-8")):
        assert INTERVIEW_EXAMPLE.strip() in document


def test_the_document_explains_every_finding() -> None:
    text = (DOCS / "sidecars.md").read_text(encoding="utf-8")
    assert [code for code in FindingCode if f"`{code.value}`" not in text] == []


def test_the_document_lists_every_name_pattern_and_kind() -> None:
    text = (DOCS / "sidecars.md").read_text(encoding="utf-8")
    words = {camera.pattern for camera in CAMERAS} | {kind.value for kind in SidecarKind}
    assert [word for word in sorted(words) if f"`{word}`" not in text] == []
