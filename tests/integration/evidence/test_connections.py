"""Connections that the server has ended: whoever asks next gets a new one and notices nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from evidence.database import FRESH, Sessions, one_row, open_engine

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


def test_a_statement_that_goes_to_the_driver_itself_is_of_its_transaction_and_fails_as_any_other(
    sessions: Sessions,
) -> None:
    with sessions.engine.begin() as connection:
        connection.execute(text("CREATE TABLE of_test (n integer PRIMARY KEY)"))
    adding, one = "INSERT INTO of_test VALUES (%(n)s) RETURNING n", {"n": 1}

    def add_twice() -> None:
        with sessions.writing() as session:
            assert one_row(session.connection(), adding, one) == (1,)
            one_row(session.connection(), adding, one)

    with pytest.raises(IntegrityError, match="of_test_pkey"):
        add_twice()
    with sessions.writing() as session:
        assert one_row(session.connection(), adding, one) == (1,)


def test_a_connection_that_is_lost_under_such_a_statement_is_let_go(sessions: Sessions, database_url: str) -> None:
    pids = []

    def ask_twice() -> None:
        with sessions.writing() as session:
            pids.extend(one_row(session.connection(), str(BACKEND), {}))
            end(database_url, set(pids))
            one_row(session.connection(), str(BACKEND), {})

    with pytest.raises(OperationalError) as raised:
        ask_twice()
    assert raised.value.connection_invalidated
    assert backend(sessions) not in pids
