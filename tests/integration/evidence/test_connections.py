"""Connections that the server has ended: whoever asks next gets a new one and notices nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from evidence.database import FRESH, Sessions, open_engine

BACKEND = text("SELECT pg_backend_pid()")


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Reading and writing on a database of the test's own."""
    engine = open_engine(database_url)
    yield Sessions(engine, log_origin="custody.test.example/main")
    engine.dispose()


def backend(sessions: Sessions) -> int:
    """The server's process behind the session that is opened next."""
    with sessions.reading() as session:
        return int(session.execute(BACKEND).scalar_one())


def end(url: str, backends: set[int]) -> None:
    """Have the server end these connections, as when it is stopped; returns when they are gone."""
    engine = open_engine(url)
    with engine.connect() as own:
        for each in backends:
            assert own.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": each}).scalar_one()
    engine.dispose()


@pytest.mark.parametrize("idle", [0.0, FRESH + 0.1], ids=["used a moment ago", "idle for a while"])
def test_a_session_after_the_server_ended_its_connection_is_answered(
    sessions: Sessions, database_url: str, idle: float
) -> None:
    first = backend(sessions)
    end(database_url, {first})
    time.sleep(idle)
    assert backend(sessions) != first


def test_every_connection_of_the_pool_is_let_go_when_one_is_found_ended(sessions: Sessions, database_url: str) -> None:
    with sessions.reading() as one, sessions.reading() as other:
        before = {int(session.execute(BACKEND).scalar_one()) for session in (one, other)}
    end(database_url, before)
    with sessions.reading() as one, sessions.reading() as other:
        after = {int(session.execute(BACKEND).scalar_one()) for session in (one, other)}
    assert len(before) == len(after) == 2
    assert not before & after


def test_a_connection_stays_in_use(sessions: Sessions) -> None:
    assert len({backend(sessions) for _ in range(20)}) == 1
