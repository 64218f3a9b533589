"""Says in the custody log that a process of the product has started, and of which build.

Faults and builds stand in the same log as what was done with evidence, so that one reading shows both.
"""

from __future__ import annotations

import threading

import structlog
from sqlalchemy.exc import OperationalError

from api.settings import software_version
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.errors import DatabaseAway

AGAIN = 5.0  # seconds

log = structlog.get_logger()


def say_started(house: House, process: str) -> None:
    """Write the event. Raises as the database does: a process that cannot write it is started again."""
    facts = {"process": process, "build": software_version()}
    with house.writing() as session:
        ledger.record(
            session, Event(type=EventType.SYSTEM_STARTED, subject=SYSTEM, actor=Actor.system(process), facts=facts)
        )


def say_started_when_it_can(house: House, process: str, stop: threading.Event) -> threading.Thread:
    """Write the event as soon as the database answers: pages say that it is away until then, and stay up."""

    def run() -> None:
        while not stop.is_set():
            try:
                return say_started(house, process)
            except (OperationalError, DatabaseAway):
                log.warning("the database is away; that this process started is written down later")
            stop.wait(AGAIN)
        return None

    thread = threading.Thread(target=run, name="said to have started", daemon=True)
    thread.start()
    return thread
