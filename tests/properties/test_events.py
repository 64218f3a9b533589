"""Events of every kind, with facts that nobody thought of: recorded, read back, sealed, erased."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from evidence.custody import ledger
from evidence.custody.events import SAYS, Event, EventType
from evidence.custody.leaf import hash_of, read_leaf
from evidence.custody.sealing import revealed
from evidence.database import Sessions, open_engine
from evidence.errors import NotALeaf
from tests.properties.event_values import events_of

few = settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Reading and writing on a database of the test's own."""
    engine = open_engine(database_url)
    yield Sessions(engine, log_origin="custody.test.example/main")
    engine.dispose()


def test_what_is_recorded_is_what_is_read(sessions: Sessions) -> None:
    for kind in EventType:
        record_and_read(sessions, kind)


def record_and_read(sessions: Sessions, kind: EventType) -> None:
    """Record events of one kind, read each leaf back, and hold it against what was recorded."""

    @few
    @given(events_of(kind), st.data())
    def holds(event: Event, data: st.DataObject) -> None:
        with sessions.writing() as session:
            written = ledger.record(session, event)
        with sessions.reading() as session:
            body = bytes(
                session.execute(text("SELECT leaf FROM custody.event WHERE id = :id"), {"id": written.id}).scalar_one()
            )
            opened = revealed(session, [written.id])[written.id]
            assert ledger.check_subject(session, event.subject) >= 1
        leaf = read_leaf(body)
        assert (leaf.type, leaf.s62, leaf.subj) == (kind.value, SAYS[kind][1].value, str(event.subject))
        assert leaf.facts == event.facts
        assert leaf.actor.ref == event.actor.id
        assert [each.sha256 for each in leaf.obj] == [each.sha256 for each in event.objects]
        assert hash_of(body) == written.leaf_hash
        assert {name: each.value for name, each in opened.items()} == {"actor": event.actor.shown, **event.personal}
        flipped_is_noticed(body, data.draw(st.integers(0, len(body) - 1)), data.draw(st.integers(1, 255)))

    holds()


def flipped_is_noticed(body: bytes, place: int, flip: int) -> None:
    """A leaf with another byte is no leaf, or another one with another hash."""
    other = body[:place] + bytes([body[place] ^ flip]) + body[place + 1 :]
    assert hash_of(other) != hash_of(body)
    try:
        leaf = read_leaf(other)
    except NotALeaf:
        return
    assert leaf != read_leaf(body)
