"""What a report says: every line with its number in the log, what is proved, and what is not."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from sqlalchemy import text

from evidence.continuity.gather import Wanted
from evidence.continuity.report import make
from evidence.continuity.said import FactList, Report, Sentences, TableOf
from evidence.sequencing.numbering import halt
from tests.integration.evidence.package.conftest import MAKER, Scene


def section(report: Report, title: str) -> FactList | TableOf | Sentences:
    [found] = [each for each in report.sections if each.title == title]
    return found


def words(report: Report) -> str:
    """Everything that it says."""
    said = [report.title]
    for each in report.sections:
        said += each.lines if isinstance(each, Sentences) else [cell for row in each.rows for cell in row]
    return "\n".join(said)


def test_every_line_has_its_number_in_the_log(scene: Scene) -> None:
    recording = scene.recording()
    report = make(scene.world.house, Wanted(recording=recording, force="Testshire Police"), by=MAKER)
    done = section(report, "What was done, and by whom")
    assert isinstance(done, TableOf)
    assert [row[2] for row in done.rows] == [
        "master.stored", "recording.registered", "receipt.issued", "rendition.made", "report.made",
    ]  # fmt: skip
    with scene.world.house.reading() as session:
        numbers = session.execute(
            text(
                "SELECT l.seq FROM custody.leaf l JOIN custody.event e USING (ingest_no) WHERE e.subject = :recording"
                " ORDER BY e.subject_no"
            ),
            {"recording": recording},
        ).scalars()
        assert [row[0] for row in done.rows] == [str(number) for number in numbers]
    said = words(report)
    assert "5 of the 5 lines above are events of the log" in said
    assert "This exhibit has 5 events, numbered without a gap" in said
    assert "No witness has signed this checkpoint" in said
    assert "Dock 1" in said
    assert "CLIP0001.MP4" in said


def test_without_names_it_names_nobody(scene: Scene) -> None:
    recording = scene.recording()
    report = make(scene.world.house, Wanted(recording=recording, force="x", names=False), by=MAKER)
    said = words(report)
    for name in ("CLIP0001", "cam-1", "Doorstep", MAKER.shown):
        assert name not in said, name


def test_without_a_sequencer_it_says_what_is_not_proved(unkept: Scene) -> None:
    recording = unkept.recording()
    wanted = Wanted(recording=recording, force="x")
    said = words(make(unkept.world.house, wanted, by=MAKER, within=timedelta(seconds=0.2)))
    assert "No checkpoint has been published: nothing above is proved to anybody outside." in said
    assert "none yet" in said


def test_a_halted_log_is_named_and_not_waited_for(unkept: Scene) -> None:
    recording = unkept.recording()
    with unkept.world.house.writing() as session:
        halt(session, "the database holds 2 events of the log, and the store a signed checkpoint over 5")
    began = time.monotonic()
    report = make(unkept.world.house, Wanted(recording=recording, force="x"), by=MAKER, within=timedelta(hours=1))
    assert time.monotonic() - began < 60, "an hour was not waited for"
    assert "The log was halted when this report was made" in words(report)
    assert "the database holds 2 events" in words(report)


def test_a_log_that_is_halted_while_somebody_waits_is_not_waited_for(unkept: Scene) -> None:
    recording = unkept.recording()

    def stop_it() -> None:
        with unkept.world.house.writing() as session:
            halt(session, "two histories")

    timer = threading.Timer(0.5, stop_it)
    timer.start()
    report = make(unkept.world.house, Wanted(recording=recording, force="x"), by=MAKER, within=timedelta(hours=1))
    timer.join()
    assert "two histories" in words(report)
