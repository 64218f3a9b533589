"""A continuity report of what the workroom made: each way of making a copy is told by its event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.continuity.report import Wanted, make
from evidence.custody.events import Actor
from evidence.store import StoreSettings
from evidence.vocabulary import RenditionKind, RenditionMethod
from tests.support.house import World
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode.settings import TranscodeSettings


@pytest.fixture
def workroom(
    database_url: str, store_settings: StoreSettings, tmp_path: Path, settings: TranscodeSettings
) -> Iterator[Workroom]:
    """A house with a workroom in it."""
    world = World(database_url, store_settings, tmp_path)
    yield Workroom(world, settings)
    world.close()


@pytest.mark.parametrize(
    ("name", "method"), [("plain.mp4", RenditionMethod.DIRECT), ("asp.avi", RenditionMethod.TRANSCODE)]
)
def test_a_copy_is_told_by_its_event(workroom: Workroom, footage: Footage, name: str, method: RenditionMethod) -> None:
    with workroom.working():
        recording = workroom.keeps(footage.of(name))
        workroom.examines(recording)
        rows = workroom.finished(recording)
    assert rows[RenditionKind.PLAYBACK].method is method
    wanted = Wanted(recording=recording, force="Testshire Police")
    report = make(workroom.house, wanted, by=Actor.system("test"), within=timedelta(0))
    assert not [each for each in report.contradicted if "copy" in each], report.contradicted
