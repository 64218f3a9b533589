"""A viewing is recorded once, and finding that out asks the log one question, however long the history is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import EventType
from evidence.identifiers import new_id
from tests.support.house import World
from tests.support.logbook import viewed, write

VIEWED = (EventType.RENDITION_VIEWED, EventType.MASTER_VIEWED)


@pytest.fixture
def asked(world: World) -> Iterator[list[str]]:
    """Every question that the database was asked."""
    said: list[str] = []

    def hear(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = world.house.sessions.engine
    event.listen(engine, "before_cursor_execute", hear)
    yield said
    event.remove(engine, "before_cursor_execute", hear)


def test_one_question_finds_one_view_among_a_thousand(world: World, asked: list[str]) -> None:
    subject, stranger = new_id(), new_id()
    views = [f"{number:032x}" for number in range(1000)]
    write(world.house.sessions, *(viewed(subject, facts={"kind": "playback", "view": view}) for view in views))
    write(world.house.sessions, viewed(stranger, facts={"kind": "playback", "view": "f" * 32}))
    since = clock.now() - timedelta(hours=1)
    with world.house.reading() as session:
        for view, found in ((views[0], True), (views[-1], True), ("f" * 32, False), (views[0][:-1], False)):
            asked.clear()
            assert ledger.has_said(session, subject, kinds=VIEWED, fact=("view", view), since=since) is found
            assert len([each for each in asked if "custody.event" in each]) == 1
        later, other = clock.now() + timedelta(hours=1), [EventType.MASTER_VIEWED]
        assert not ledger.has_said(session, subject, kinds=VIEWED, fact=("view", views[0]), since=later)
        assert not ledger.has_said(session, subject, kinds=other, fact=("view", views[0]), since=since)
