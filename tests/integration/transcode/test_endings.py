"""Every way in which a child ends is written down under its own word: with its copy, and counted by the hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from evidence.models import ChildEnding, Rendition
from evidence.store import StoreSettings
from evidence.vocabulary import HowEnded, RenditionKind, RenditionState
from tests.support.house import World, until
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode import accounts, plan, tally
from transcode.settings import TranscodeSettings


@pytest.fixture
def workroom(
    database_url: str, store_settings: StoreSettings, tmp_path: Path, settings: TranscodeSettings
) -> Iterator[Workroom]:
    """A house with a workroom in it."""
    tally.take()
    world = World(database_url, store_settings, tmp_path)
    yield Workroom(world, settings)
    world.close()


def counts(workroom: Workroom) -> dict[tuple[str, HowEnded], int]:
    """What was written down, over all hours."""
    found: dict[tuple[str, HowEnded], int] = {}
    with workroom.house.reading() as session:
        for row in session.scalars(select(ChildEnding)):
            found[row.task, row.ending] = found.get((row.task, row.ending), 0) + row.count
    return found


def failed(workroom: Workroom, recording: UUID) -> Rendition | None:
    """The playback copy, once it could not be made."""
    rows = (row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK)
    return next((row for row in rows if row.state is RenditionState.FAILED), None)


def test_children_of_a_sound_recording_are_counted(workroom: Workroom, footage: Footage) -> None:
    with workroom.working():
        recording = workroom.keeps(footage.of("asp.avi"))
        workroom.examines(recording)
        rows = workroom.finished(recording)
    assert rows[RenditionKind.PLAYBACK].facts["ending"] == "clean"
    found = counts(workroom)
    assert found["ffmpeg", HowEnded.CLEAN] >= 1
    assert found["probe", HowEnded.CLEAN] >= 1
    assert found["tables", HowEnded.CLEAN] == 2
    assert found["quality", HowEnded.CLEAN] == 1


@pytest.mark.parametrize(
    ("limit", "ending"),
    [({"file_size": 3000}, HowEnded.FILE_LIMIT), ({"seconds": 0.001}, HowEnded.TIMED_OUT)],
    ids=["writes too much", "takes too long"],
)
def test_a_copy_that_was_not_made_says_by_what_word_its_child_ended(
    limit: dict[str, float],
    ending: HowEnded,
    workroom: Workroom,
    footage: Footage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = plan.limits_for
    monkeypatch.setattr(plan, "limits_for", lambda *told, **named: replace(real(*told, **named), **limit))
    with workroom.working():
        recording = workroom.keeps(footage.of("asp.avi"))
        workroom.examines(recording)
        row = until(partial(failed, workroom, recording), within=60, what="a failed copy")
    assert row.state is RenditionState.FAILED
    assert row.facts["ending"] == ending.value, row.reason
    assert counts(workroom)["ffmpeg", ending] == 1


def test_what_cannot_be_written_down_now_is_written_with_the_next(
    workroom: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("", {}, ConnectionError("the database is away"))

    tally.count("probe", HowEnded.SIGNAL, 2)
    with monkeypatch.context() as broken:
        broken.setattr(accounts, "_add", away)
        accounts.write_down(workroom.house)
    tally.count("probe", HowEnded.SIGNAL)
    accounts.write_down(workroom.house)
    accounts.write_down(workroom.house)
    tally.count("probe", HowEnded.SIGNAL)
    accounts.write_down(workroom.house)
    assert counts(workroom) == {("probe", HowEnded.SIGNAL): 4}
