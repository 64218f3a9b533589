"""A continuity report of what the workroom made: each way of making a copy is told by its event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evidence.continuity.report import Wanted, make
from evidence.custody.events import Actor
from evidence.vocabulary import RenditionKind, RenditionMethod
from tests.support.media import Footage
from tests.support.workroom import Workroom


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
