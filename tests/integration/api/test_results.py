"""Files that were handed in are told of one by one, each when it is settled, and each once."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import select, update

from api.results import Results
from evidence.models import Recording
from evidence.vocabulary import Condition, Playability
from ingest.agent.once import FileResult
from tests.support.house import World, until
from tests.support.recordings import Shelf


def result(path: str, recording: str | None, state: str) -> FileResult:
    return FileResult(
        path=path, name=path, name_b64="", size=5, sha256=None, recording_id=recording, state=state, reason=None
    )


def test_each_is_told_when_it_is_settled_and_once(world: World) -> None:
    shelf = Shelf(world)
    for body in (b"one", b"two"):
        shelf.recording(body)
    with world.house.writing() as session:
        first, second = session.scalars(select(Recording.id).order_by(Recording.number)).all()
        waiting = {"condition": Condition.UNEXAMINED, "playability": Playability.WAITING}
        session.execute(update(Recording).where(Recording.id == second).values(waiting))
    told: list[dict[str, Any]] = []
    results = Results(world.house, told.append)
    results.start()
    done = [result("first.mp4", str(first), "receipted"), result("second.mp4", str(second), "receipted")]
    for each in done:
        results.add(each)
    until(lambda: told, what="the first, while the second is still examined")
    assert [each["path"] for each in told] == ["first.mp4"]
    results.stop()
    with world.house.writing() as session:
        session.execute(update(Recording).where(Recording.id == second).values(condition=Condition.SOUND))
    refused = result("link", None, "refused")
    found = results.finish([refused, *done], threading.Event())
    assert [each["path"] for each in found] == ["link", "first.mp4", "second.mp4"]
    assert sorted(each["path"] for each in told) == ["first.mp4", "link", "second.mp4"]
    assert [each["receipt"] for each in found] == [False, True, True]
