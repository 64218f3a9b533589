"""Whether an error passes by itself: a database or a store that is away. Such is logged in one plain line."""

from __future__ import annotations

from typing import Final

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from evidence.store.errors import StoreError

AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError, PoolTimeout)


def is_outage(error: BaseException) -> bool:
    """Whether something that is needed does not answer now, and may again."""
    if isinstance(error, StoreError):
        return error.try_again
    return isinstance(error, AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def in_a_line(error: BaseException) -> str:
    """What it says, without the statement that SQLAlchemy adds and in one line."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else str(error)
    return " ".join(said.split()) or type(error).__name__


def log_failure(log: structlog.typing.FilteringBoundLogger, event: str, error: BaseException, **facts: object) -> None:
    """An outage as one line, with its reason; anything else whole, because nobody foresaw it."""
    if is_outage(error):
        log.warning(event, error=in_a_line(error), **facts)
    else:
        log.error(event, exc_info=error, **facts)
