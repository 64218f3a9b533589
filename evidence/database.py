"""The database: declarative base, engine, and the two kinds of session.

A ReadSession may go wherever reading is asked for; a WriteSession may go wherever either is asked for.
One commit, at the edge that opened the session; none is open across file, network or process work.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, NewType
from uuid import UUID

import psycopg
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Engine,
    Enum,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    create_engine,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

ReadSession = NewType("ReadSession", Session)
WriteSession = NewType("WriteSession", ReadSession)

# Made by the migrations, with rights to match.
SERVICE_ROLE = "continuity_service"
AS_SERVICE = f"-crole={SERVICE_ROLE}"  # without a blank, which URLs write in two ways

FRESH = 1.0  # seconds after its last use in which a connection is only looked at, and not tried

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table. Times carry their zone, whole numbers are 64 bits, JSON is JSONB."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: DateTime(timezone=True),
        int: BigInteger(),
        str: Text(),
        bytes: LargeBinary(),
        UUID: Uuid(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


def word(closed_list: type[StrEnum]) -> Enum:
    """A column type that holds one word of a closed list, as text with a check constraint."""
    return Enum(
        closed_list,
        native_enum=False,
        create_constraint=True,
        length=40,
        values_callable=lambda words: [each.value for each in words],
        name=closed_list.__name__.lower(),
    )


def psycopg_url(url: str) -> URL:
    """The URL with psycopg 3 named as its driver and dead peers noticed within a minute."""
    wanted = make_url(url).set(drivername="postgresql+psycopg")
    alive = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}
    return wanted.update_query_dict({**alive, **dict(wanted.query)})


def for_services(url: str) -> str:
    """The URL for services: the login takes on the role that may add to the log and alter none of it."""
    return make_url(url).update_query_dict({"options": AS_SERVICE}).render_as_string(hide_password=False)


def for_owner(url: str) -> str:
    """The URL without that role, for changes of the schema and for putting a log back."""
    wanted = make_url(url)
    if wanted.query.get("options") == AS_SERVICE:
        wanted = wanted.difference_update_query(["options"])
    return wanted.render_as_string(hide_password=False)


def open_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine with a bounded pool. Connections are tried before use: the server may have restarted."""
    engine = create_engine(psycopg_url(url), pool_size=pool_size, max_overflow=pool_size, pool_timeout=30)
    event.listen(engine, "checkin", _note_the_time)
    event.listen(engine, "checkout", partial(_try, engine.dialect))
    return engine


def _note_the_time(connection: object, record: ConnectionPoolEntry) -> None:
    del connection
    record.info["given_back"] = time.monotonic()


def _try(dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: object) -> None:
    """Raise InvalidatePoolError for a connection whose server is gone: the pool then takes a new one.

    One that was in use a moment ago is only looked at. A server that ends a connection says so in it, and nobody else
    writes to one that is idle; a journey to ask would cost more than most of what is asked.
    """
    del proxy
    given_back = record.info.get("given_back", math.inf)
    try:
        if time.monotonic() - given_back < FRESH and not _has_news(connection):
            return
        gone = not dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        gone = True
    if gone:
        raise InvalidatePoolError


def _has_news(connection: DBAPIConnection) -> bool:
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    return bool(looking.poll(0))


def connection_of(session: WriteSession) -> Connection:
    """The connection in whose transaction a writing session is, or will be: what is not yet flushed is not in it.

    Within a savepoint it is the session's own: asked for, it sets the savepoint.
    """
    if isinstance(session.bind, Connection) and not session.in_nested_transaction():
        return session.bind
    return session.connection()


def one_row(connection: Connection, statement: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The one row of a statement that goes to the driver as it stands, in the connection's transaction.

    For the statements of which every act needs one: SQLAlchemy's part in them takes twice as long as the driver's.
    Raises what SQLAlchemy would, and lets go of a connection that is lost, as it would; ValueError without a row.
    """
    driver: psycopg.Connection[tuple[Any, ...]] = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        (row,) = driver.execute(statement, values).fetchmany(2)
    except psycopg.Error as error:
        raise _as_sqlalchemy_raises_it(error, connection, statement) from error
    return row


def _as_sqlalchemy_raises_it(error: psycopg.Error, connection: Connection, statement: str) -> BaseException:
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection, None)  # type: ignore[arg-type]
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        statement, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )


class Sessions:
    """Opens reading and writing sessions on one engine."""

    def __init__(self, engine: Engine, *, log_origin: str) -> None:
        self.engine = engine
        # The ledger reads the log's name here, so that no caller has to carry it.
        info = {"log_origin": log_origin}
        self._make = sessionmaker(engine, expire_on_commit=False, info=info)
        self._join = sessionmaker(expire_on_commit=False, info=info, join_transaction_mode="rollback_only")

    @contextmanager
    def reading(self, **info: object) -> Iterator[ReadSession]:
        """A session that is rolled back at its end, with what its readers are told beside the log's name."""
        with self._make() as session:
            session.info.update(info)
            session.connection(execution_options={"postgresql_readonly": True})
            yield ReadSession(session)

    @contextmanager
    def writing(self) -> Iterator[WriteSession]:
        """A session committed once, when the block ends without an exception.

        The transaction is the connection's, and the session joins it when it is first asked for something: an act that
        only records an event goes past it, and what SQLAlchemy keeps account of in one is a tenth of such an act.
        """
        with self.engine.begin() as connection:
            session = self._join(bind=connection)
            try:
                yield WriteSession(ReadSession(session))
                if session.in_transaction():
                    session.commit()
            finally:
                if session.in_transaction() or session.identity_map:
                    session.close()
