"""An outage is logged in one plain line; what nobody foresaw is logged whole."""

from __future__ import annotations

import json
import logging
from contextlib import suppress

import psycopg
import pytest
import structlog
from sqlalchemy.exc import OperationalError, ProgrammingError

from evidence.logs import start_logging
from evidence.outages import in_a_line, is_outage, log_failure
from evidence.store.errors import StoreAway, StoreRefused

SHUT_DOWN = psycopg.errors.AdminShutdown("terminating connection\nserver closed it")


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (SHUT_DOWN, True),
        (OperationalError("SELECT 1", {}, SHUT_DOWN), True),
        (ProgrammingError("SELECT 1", {}, SHUT_DOWN), False),
        (ProgrammingError("SELECT 1", {}, SHUT_DOWN, connection_invalidated=True), True),
        (StoreAway("read", because="no answer"), True),
        (StoreRefused("read", code="AccessDenied", status=403, message="no"), False),
        (ValueError("ours"), False),
    ],
)
def test_only_what_passes_by_itself_is_an_outage(error: Exception, passes: bool) -> None:
    assert is_outage(error) is passes


def test_an_outage_is_said_without_its_statement() -> None:
    assert in_a_line(OperationalError("SELECT 1", {}, SHUT_DOWN)) == "terminating connection server closed it"
    assert in_a_line(ValueError()) == "ValueError"


def test_an_outage_is_one_line_and_a_fault_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:]
    try:
        start_logging(process="test")
        log = structlog.get_logger()
        for error in (SHUT_DOWN, ValueError("ours")):
            with suppress(type(error)):
                try:
                    raise error
                finally:
                    log_failure(log, "tries again", error)
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = before
    outage, fault = map(json.loads, capsys.readouterr().err.splitlines())
    assert (outage["level"], outage["error"]) == ("warning", "terminating connection server closed it")
    assert "exception" not in outage
    assert fault["level"] == "error"
    assert "Traceback" in fault["exception"]
