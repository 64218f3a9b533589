"""Urgent work: what goes first, a long copy made by many workers, its beginning watched meanwhile, and every ending."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from api import acts
from evidence import clock, jobs
from evidence.access import Asker
from evidence.custody.events import Actor
from evidence.errors import AlreadySettled
from evidence.jobs import JobState
from evidence.models import PartialCopy, Recording, Rendition, Segment, Urgency
from evidence.store import StoreSettings
from evidence.store.errors import ObjectMissing
from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState, Role, SegmentState, UrgencyReason
from tests.support.house import World, until
from tests.support.numbered import numbered, numbers
from tests.support.workroom import Workroom
from transcode import parts, pieces, raising, starter, sweep, tasks
from transcode.errors import AlreadyPast, OutputUntrue
from transcode.making import Work, read_master
from transcode.render import render_again
from transcode.said import ReadingSaid
from transcode.settings import TranscodeSettings

SUPERVISOR = Actor.system("a supervisor of the test")
SECONDS = 16


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that no browser plays, long enough to be cut by the settings of these tests."""
    path = tmp_path_factory.mktemp("urgent") / "interview.avi"
    return numbered(path, "-c:v", "mpeg4", "-vtag", "XVID", "-g", "25", "-q:v", "2", "-c:a", "mp2", seconds=SECONDS)


@pytest.fixture
def workroom(database_url: str, store_settings: StoreSettings, tmp_path: Path) -> Iterator[Workroom]:
    """A house whose workroom cuts what lasts six seconds into parts of four."""
    world = World(database_url, store_settings, tmp_path)
    settings = TranscodeSettings(scratch=tmp_path / "scratch", parts_from_minutes=0.1, part_seconds=4)
    yield Workroom(world, settings)
    world.close()


def urgent(workroom: Workroom, recording: UUID, reason: UrgencyReason = UrgencyReason.CUSTODY) -> None:
    with workroom.house.writing() as session:
        raising.set_urgency(session, recording, reason, until=None, note="", by=SUPERVISOR)


def playback(workroom: Workroom, recording: UUID) -> Rendition:
    return next(row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK)


def segments(workroom: Workroom, row: Rendition) -> list[Segment]:
    with workroom.house.reading() as session:
        return [part for part in parts.parts_of(session, row) if part.number >= parts.SOUND]


def beginnings(workroom: Workroom, row: Rendition) -> list[PartialCopy]:
    with workroom.house.reading() as session:
        asked = select(PartialCopy).where(PartialCopy.rendition_id == row.id).order_by(PartialCopy.parts)
        return list(session.scalars(asked))


def kept(workroom: Workroom, film: Path, *, urgently: bool = True) -> UUID:
    recording = workroom.keeps(film)
    if urgently:
        urgent(workroom, recording)
    workroom.examines(recording)
    return recording


@pytest.fixture
def last_part_waits(workroom: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last part is made once a beginning can be watched: where machines are quick, all parts come at once."""
    whole = pieces.make_part

    def make(work: object, cut: object, base: object) -> object:
        if cut.end is None:  # type: ignore[attr-defined]
            until(lambda: _anything_begun(workroom), within=60, what="a beginning")
        return whole(work, cut, base)  # type: ignore[arg-type]

    monkeypatch.setattr(pieces, "make_part", make)


def _anything_begun(workroom: Workroom) -> bool:
    with workroom.house.reading() as session:
        return session.scalars(select(PartialCopy.id).limit(1)).first() is not None


@pytest.mark.usefixtures("last_part_waits")
def test_an_urgent_long_copy_is_made_in_parts_and_is_the_whole(workroom: Workroom, film: Path, tmp_path: Path) -> None:
    recording = kept(workroom, film)
    with workroom.working():
        rows = workroom.finished(recording)
    made = rows[RenditionKind.PLAYBACK]
    assert made.state is RenditionState.READY, made.reason
    assert made.method is RenditionMethod.TRANSCODE
    assert made.facts["made_in"]["parts"] >= 3, made.why
    assert made.facts["frames_exact"]
    assert made.facts["frames"] == made.facts["master_frames"]
    assert all(row.state is RenditionState.READY for row in rows.values())
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(workroom.bytes_of(made))
    assert numbers(copy) == numbers(film)
    history = workroom.history(recording)
    assert history.count("rendition.made") == len(rows)
    assert "rendition.part_made" in history
    begun = beginnings(workroom, made)
    assert begun
    assert all(0 < each.parts < each.of_parts for each in begun)
    first = tmp_path / "beginning.mp4"
    first.write_bytes(b"".join(workroom.house.renditions.read(begun[0].key)))
    assert numbers(first) == numbers(film)[: len(numbers(first))]
    assert begun[0].covered_us == pytest.approx(len(numbers(first)) * 40_000, abs=40_000)


@pytest.mark.usefixtures("last_part_waits")
def test_parts_and_beginnings_are_cleared_away_once_the_whole_is_watched(workroom: Workroom, film: Path) -> None:
    recording = kept(workroom, film)
    with workroom.working():
        made = workroom.finished(recording)[RenditionKind.PLAYBACK]
    begun = beginnings(workroom, made)
    assert parts.clear_away(workroom.house) == 0, "a page may still show the beginning"
    with workroom.house.writing() as session:
        session.execute(update(Rendition).values(made_at=clock.now() - timedelta(minutes=5)))
    assert parts.clear_away(workroom.house)
    assert not segments(workroom, made)
    assert not beginnings(workroom, made)
    with pytest.raises(ObjectMissing):
        list(workroom.house.renditions.read(begun[0].key))


def test_what_may_wait_is_made_in_one_piece(workroom: Workroom, film: Path) -> None:
    recording = kept(workroom, film, urgently=False)
    with workroom.working():
        made = workroom.finished(recording)[RenditionKind.PLAYBACK]
    assert made.state is RenditionState.READY
    assert "made_in" not in made.facts
    assert not segments(workroom, made)


def test_a_part_that_fails_sends_the_copy_back_to_one_worker(
    workroom: Workroom, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pieces.make_part

    def third_fails(work: object, cut: object, base: object) -> object:
        if cut.number == 3:  # type: ignore[attr-defined]
            raise OutputUntrue(("part 3 came out wrong",))
        return whole(work, cut, base)  # type: ignore[arg-type]

    monkeypatch.setattr(pieces, "make_part", third_fails)
    recording = kept(workroom, film)
    with workroom.working():
        made = until(lambda: _ready(workroom, recording), within=90, what="the copy in one piece")
    assert "in one piece, as parts did not succeed: part 3 came out wrong" in made.why
    assert "made_in" not in made.facts
    states = {part.state for part in segments(workroom, made)}
    assert SegmentState.FAILED in states
    assert SegmentState.WAITING not in states


def _first_encoder(pid: int) -> int | None:
    """A child of the starter that has become FFmpeg, and encodes."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
        with suppress(OSError):
            if b"libx264" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return None


def test_a_part_whose_encoder_somebody_ends_is_tried_once_more(
    workroom: Workroom, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, begun, killed = pieces.make_part, [], threading.Event()

    def kill() -> None:
        os.kill(until(lambda: _first_encoder(starter.starter().pid), within=20, what="an encoder"), signal.SIGKILL)
        killed.set()

    def make(work: object, cut: object, base: object) -> object:
        begun.append(cut.number)  # type: ignore[attr-defined]
        if len(begun) == 1:
            threading.Thread(target=kill).start()
        return whole(work, cut, base)  # type: ignore[arg-type]

    monkeypatch.setattr(pieces, "make_part", make)
    recording = kept(workroom, film)
    with workroom.working():
        made = workroom.finished(recording)[RenditionKind.PLAYBACK]
    assert killed.is_set()
    assert made.facts["made_in"]["parts"] >= 3
    assert "one piece" not in made.why
    assert len(begun) == made.facts["made_in"]["parts"] + 1


@pytest.mark.parametrize("kills", [1, 2])
def test_a_copy_made_whole_whose_encoder_somebody_ends_is_tried_once_more(
    workroom: Workroom, film: Path, kills: int
) -> None:
    recording = kept(workroom, film, urgently=False)
    with workroom.working():
        seen = set[int]()
        for _ in range(kills):
            encoder = until(lambda: _another_encoder(seen), within=60, what="an encoder")
            seen.add(encoder)
            os.kill(encoder, signal.SIGKILL)
        workroom.settled(recording)
    made = playback(workroom, recording)
    assert made.state is (RenditionState.READY if kills == 1 else RenditionState.FAILED)
    assert ("signal 9" in (made.reason or "")) is (kills == 2)


def _another_encoder(but: set[int]) -> int | None:
    found = _first_encoder(starter.starter().pid)
    return None if found in but else found


def _ready(workroom: Workroom, recording: UUID) -> Rendition | None:
    row = next((row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK), None)
    return row if row is not None and row.state is RenditionState.READY else None


@pytest.fixture
def cut_up(workroom: Workroom, film: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """An urgent recording whose copy has been cut, and not one part is made: nobody works."""
    monkeypatch.setattr("tests.support.workroom.LANES", [jobs.Lane(("transcode_urgent",), 1)])
    monkeypatch.setattr("transcode.segmenting.SegmentMaker.run", _never)
    recording = kept(workroom, film)
    with workroom.working():
        until(lambda: _made_in_parts(workroom, recording), within=60, what="the cut")
    monkeypatch.undo()
    with workroom.house.writing() as session:
        for part in session.scalars(select(Segment)):
            part.job_id = None
        row = session.scalars(select(Rendition).where(Rendition.kind == RenditionKind.PLAYBACK)).one()
        row.asked_at = clock.now() - timedelta(minutes=5)
    return recording


def _never(*_: object) -> None:
    """A worker that takes a part and dies, as far as the rows can tell."""


def _made_in_parts(workroom: Workroom, recording: UUID) -> bool:
    return any(row.state is RenditionState.MAKING for row in workroom.rows(recording))


def test_lost_parts_are_asked_for_again_and_joined(workroom: Workroom, cut_up: UUID) -> None:
    with workroom.house.writing() as session:
        assert parts.nudge_parts(session) >= 4
        assert sweep.nudge_renditions(session) == 0, "the copy itself is not asked for twice"
    with workroom.working():
        made = workroom.finished(cut_up)[RenditionKind.PLAYBACK]
    assert made.facts["made_in"]["parts"] >= 3


@pytest.mark.parametrize("state", ["kept", "gone", "other bytes"])
def test_the_master_is_read_again_for_the_join_only_where_its_reading_is_not_what_it_was(
    workroom: Workroom, cut_up: UUID, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    again: list[str] = []

    def reads(work: Work, *, phase: str) -> tuple[ReadingSaid, bytes]:
        again.append(phase)
        return read_master(work, phase=phase)

    monkeypatch.setattr("transcode.joining.read_master", reads)
    with workroom.house.writing() as session:
        reading = session.scalars(select(Segment).where(Segment.number == parts.READING)).one()
        assert reading.key is not None
        if state == "gone":
            workroom.house.renditions.delete(reading.key)
        if state == "other bytes":
            reading.sha256 = "0" * 64
        parts.nudge_parts(session)
    with workroom.working():
        made = workroom.finished(cut_up)[RenditionKind.PLAYBACK]
    assert made.facts["made_in"]["parts"] >= 3
    assert made.facts["frames_exact"]
    assert again == ([] if state == "kept" else ["checking"])


def test_cancelling_one_part_cancels_them_all_and_asking_again_begins_anew(workroom: Workroom, cut_up: UUID) -> None:
    with workroom.house.writing() as session:
        parts.nudge_parts(session)
    mine = segments(workroom, playback(workroom, cut_up))
    number = mine[2].job_id
    assert number is not None
    with workroom.house.writing() as session:
        acts.cancel_job(session, number, by=SUPERVISOR)
    row = playback(workroom, cut_up)
    assert row.state is RenditionState.FAILED
    assert row.reason == f"cancelled by {SUPERVISOR.shown}"
    assert {part.state for part in segments(workroom, row)} == {SegmentState.FAILED, SegmentState.CANCELLED}
    with workroom.house.reading() as session:
        stands = jobs.status(session, [part.job_id for part in mine if part.job_id])
    assert {each.state for each in stands.values()} == {JobState.CANCELLED}
    with workroom.house.writing() as session:
        acts.retry_job(session, number, asker=Asker(Role.ADMINISTRATOR), by=SUPERVISOR)
    with workroom.working():
        made = workroom.finished(cut_up)[RenditionKind.PLAYBACK]
    assert made.facts["made_in"]["parts"] >= 3


@pytest.mark.parametrize("by_job", [True, False], ids=["the job again", "the recording again"])
def test_what_was_sent_back_to_one_worker_begins_anew_when_a_person_asks(
    workroom: Workroom, cut_up: UUID, by_job: bool
) -> None:
    with workroom.house.writing() as session:
        row = session.get_one(Rendition, playback(workroom, cut_up).id)
        parts.fall_back(session, session.get_one(Recording, cut_up), row, "the work was ended by signal 9")
    number = playback(workroom, cut_up).job_id
    assert number is not None
    with workroom.house.writing() as session:
        acts.cancel_job(session, number, by=SUPERVISOR)
    with workroom.house.writing() as session:
        if by_job:
            acts.retry_job(session, number, asker=Asker(Role.ADMINISTRATOR), by=SUPERVISOR)
        else:
            render_again(session, playback(workroom, cut_up).id, by=SUPERVISOR)
    assert "one piece" not in playback(workroom, cut_up).why
    with workroom.working():
        made = workroom.finished(cut_up)[RenditionKind.PLAYBACK]
    assert made.facts["made_in"]["parts"] >= 3


def test_saying_that_it_is_urgent_moves_what_waits_and_ending_it_moves_it_back(workroom: Workroom, film: Path) -> None:
    recording = kept(workroom, film, urgently=False)
    with workroom.world.working([*_tasks(workroom)], []):
        row = until(lambda: _wanted(workroom, recording), within=60, what="a copy that waits")
    assert _turn(workroom, row) == ("transcode", 20)
    urgent(workroom, recording, UrgencyReason.COMPLAINT)
    assert _turn(workroom, row) == ("transcode_urgent", 92)
    urgent(workroom, recording)
    assert _turn(workroom, row) == ("transcode_urgent", 100)
    with workroom.house.writing() as session:
        raising.clear_urgency(session, recording, by=SUPERVISOR)
    assert _turn(workroom, row) == ("transcode", 20)
    with pytest.raises(AlreadySettled), workroom.house.writing() as session:
        raising.clear_urgency(session, recording, by=SUPERVISOR)
    events = [name for name in workroom.history(recording) if name.startswith("urgency.")]
    assert events == ["urgency.set", "urgency.cleared", "urgency.set", "urgency.cleared"]


def test_what_is_urgent_until_a_time_is_not_after_it(workroom: Workroom, film: Path) -> None:
    recording = kept(workroom, film, urgently=False)
    with workroom.world.working([*_tasks(workroom)], []):
        row = until(lambda: _wanted(workroom, recording), within=60, what="a copy that waits")
    urgent(workroom, recording)
    with workroom.house.writing() as session:
        session.execute(update(Urgency).values(until=clock.now() - timedelta(seconds=1)))
    with workroom.house.writing() as session:
        assert raising.lapse(session) == 1
    assert _turn(workroom, row) == ("transcode", 20)
    past = clock.now() - timedelta(minutes=1)
    with pytest.raises(AlreadyPast), workroom.house.writing() as session:
        raising.set_urgency(session, recording, UrgencyReason.HOLD, until=past, note="", by=SUPERVISOR)


def _tasks(workroom: Workroom) -> list[jobs.TaskSpec]:
    return list(tasks.tasks(workroom.house, workroom.settings))


def _wanted(workroom: Workroom, recording: UUID) -> Rendition | None:
    found = [row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK and row.job_id]
    return found[0] if found else None


def _turn(workroom: Workroom, row: Rendition) -> tuple[str, int]:
    with workroom.house.reading() as session:
        job = jobs.status(session, [row.job_id or 0])[row.job_id or 0]
    return job.queue, job.priority
