"""Small things the server is still to be told, kept in the journal: withdrawals, releases, closings."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ingest.agent.client import Server
from ingest.agent.errors import Refused
from ingest.agent.journal import Journal

log = logging.getLogger(__name__)


def run_errands(server: Server, journal: Journal, *, but: frozenset[str]) -> None:
    """Tell what is left to tell, except of sessions that are still being told of. Raises Away, Stopping."""
    for arrival_id, reason in journal.withdrawals():
        _withdraw(server, arrival_id, reason)
        journal.withdrawn(arrival_id)
    for row, action in journal.releases(done=True):
        if row.arrival_id is not None:
            _tell_release(server, row.arrival_id, action)
        journal.release_told(row.id)
    for session_id, because in journal.untold_closings():
        if session_id not in but:
            _close(server, session_id, because)
            journal.closing_told(session_id)


def _withdraw(server: Server, arrival_id: str, reason: str) -> None:
    _unless_refused(lambda: server.withdraw(arrival_id, reason))


def _tell_release(server: Server, arrival_id: str, action: str) -> None:
    _unless_refused(lambda: server.released(arrival_id, action))


def _close(server: Server, session_id: str, because: str) -> None:
    _unless_refused(lambda: server.post_state(session_id, state="closed", reason=because, files=[]))


def _unless_refused(call: Callable[[], None]) -> None:
    """An errand that the server will not hear of is done too: it stays in the journal, and in the log."""
    try:
        call()
    except Refused as refused:
        log.warning("the server refused an errand", extra={"reason": refused.reason})
