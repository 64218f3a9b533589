"""The rounds by the clock: what is due is done, what is found is an incident. And one recording, on demand."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from evidence.completeness import audit, fsck, headmap, rounds
from evidence.completeness.claims import Verdict
from evidence.custody import ledger, rows
from evidence.custody.events import SYSTEM, EventType
from evidence.errors import NotFound
from evidence.identifiers import new_id
from evidence.jobs import HeldJob, JobStopped, RunningJob
from evidence.models import Incident, Master
from tests.integration.evidence.completeness.conftest import Vandal, sequence
from tests.integration.evidence.completeness.test_fsck import tamper
from tests.support.house import World
from tests.support.log import write_events
from tests.support.recordings import Shelf


def job() -> RunningJob:
    return RunningJob(held=HeldJob(1, 1, 1), task="a round", args={})


def audits(world: World) -> list[dict[str, object]]:
    with world.house.reading() as session:
        lines = ledger.history(session, SYSTEM)
    return [dict(line.facts) for line in lines if line.type is EventType.LOG_VERIFIED]


def open_incidents(world: World) -> dict[str, str]:
    with world.house.reading() as session:
        standing = session.scalars(select(Incident).where(Incident.closed_at.is_(None)))
        return {each.subject: each.reason for each in standing}


def test_an_audit_is_whole_at_first_and_then_reads_what_is_new(kept: World) -> None:
    assert audit.audit(kept.house) is None
    write_events(kept.house, 598)  # beside two events that name the keys
    sequence(kept)
    assert audit.audit(kept.house) is not None
    write_events(kept.house, 5)
    sequence(kept)
    audit.audit(kept.house)
    audit.audit(kept.house)
    said = audits(kept)
    assert [(each["size"], each["from_size"], each["verdict"]) for each in said[:2]] == [
        (600, 0, "agrees"),
        (606, 512, "agrees"),
    ]
    assert len(said) == 2, "nothing new, nothing to write down"


def test_what_an_audit_finds_is_an_incident_until_all_of_it_agrees_again(kept: World) -> None:
    write_events(kept.house, 9)
    sequence(kept)
    other = "UPDATE custody.event SET type = '{}' WHERE ingest_no = (SELECT ingest_no FROM custody.leaf WHERE seq = 3)"
    tamper(kept.house, other.format("master.viewed"))
    audit.audit(kept.house)
    assert list(open_incidents(kept)) == ["log events"]
    assert "event 3" in open_incidents(kept)["log events"]
    assert audits(kept)[-1]["verdict"] == "contradicted"
    tamper(kept.house, other.format("rendition.viewed"))
    audit.audit(kept.house)
    assert audits(kept)[-1]["from_size"] == 0
    assert open_incidents(kept) == {}


def test_a_head_map_is_logged_daily_where_the_log_has_grown(kept: World) -> None:
    rounds.headmap_round(kept.house, job())
    write_events(kept.house, 3)
    sequence(kept)
    for _ in range(2):
        rounds.headmap_round(kept.house, job())
    with kept.house.reading() as session:
        assert [row.size for row in session.scalars(select(rows.HeadMap))] == [5]


def test_a_census_comes_once_a_day_and_again_when_it_is_old(world: World, vandal: Vandal, shelf: Shelf) -> None:
    shelf.recording(b"counted")
    for _ in range(2):
        rounds.census_round(world.house, job())
    with world.house.writing() as session:
        assert len(session.scalars(select(rows.Census)).all()) == 1
        session.execute(update(rows.Census).values(began_at=text("began_at - interval '1 day'")))
    rounds.census_round(world.house, job())
    with world.house.reading() as session:
        assert len(session.scalars(select(rows.Census)).all()) == 2


def test_a_round_stops_when_told(kept: World, world: World, vandal: Vandal, shelf: Shelf) -> None:
    write_events(kept.house, 3)
    sequence(kept)
    shelf.recording(b"not counted")
    told = job()
    told.stopping.set()
    for stopped in (rounds.audit_round, rounds.census_round):
        with pytest.raises(JobStopped):
            stopped(kept.house if stopped is rounds.audit_round else world.house, told)


def test_every_round_has_a_beat_that_the_clock_knows(kept: World) -> None:
    found = rounds.periodics(kept.house)
    assert [each.name for each in found] == ["completeness.audit", "completeness.census", "completeness.headmap"]
    assert {each.schedule for each in found} == {"0 */1 * * *"}


def test_a_recording_is_verified_with_its_bytes(kept: World) -> None:
    reference = Shelf(kept).recording(b"what the camera saw")
    assert reference
    recording = only_master(kept).id
    before = fsck.verify_recording(kept.house, recording)
    assert {claim.claim: claim.verdict for claim in before.claims} == {
        "history": Verdict.PROVED,
        "included": Verdict.NOT_PROVED,
        "not_before": Verdict.NOT_PROVED,
        "complete": Verdict.NOT_PROVED,
        "master": Verdict.NOT_PROVED,
    }
    sequence(kept)
    headmap.make(kept.house)
    sequence(kept)
    after = fsck.verify_recording(kept.house, recording)
    assert after.holds
    assert {claim.claim for claim in after.claims if claim.verdict is not Verdict.PROVED} == {"not_before"}, (
        after.claims
    )


def test_a_recording_whose_row_or_event_was_changed_is_contradicted(kept: World) -> None:
    Shelf(kept).recording(b"what the camera saw")
    sequence(kept)
    headmap.make(kept.house)
    sequence(kept)
    recording = only_master(kept).id
    with kept.house.writing() as session:
        session.execute(update(Master).values(sha256="0" * 64))
    assert [each.claim for each in fsck.verify_recording(kept.house, recording).contradicted] == ["master"]
    tamper(
        kept.house,
        "DELETE FROM custody.event WHERE ingest_no = (SELECT max(ingest_no) FROM custody.event WHERE subject ="
        f" '{recording}')",
    )
    found = fsck.verify_recording(kept.house, recording)
    assert {each.claim for each in found.contradicted} >= {"history", "complete", "master"}


def test_a_recording_that_is_not_there_is_said_so(kept: World) -> None:
    with pytest.raises(NotFound):
        fsck.verify_recording(kept.house, new_id())


def only_master(world: World) -> Master:
    with world.house.reading() as session:
        return session.scalars(select(Master)).one()
