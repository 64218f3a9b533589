"""What goes wrong with the log, written down: a trouble that lasts, and the reason for a halt."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from evidence.bootstrap import House
from evidence.custody.events import Actor
from evidence.incidents import Trouble as Incident
from evidence.incidents import open_incident, settle_incident
from evidence.sequencing.errors import MustHalt, StillHalted
from evidence.sequencing.numbering import halt
from evidence.vocabulary import IncidentKind

log = structlog.get_logger()

LASTS: Final = 30.0  # seconds after which a trouble is an incident; before that it has mostly passed
SUBJECT: Final = "custody log"
BY: Final = Actor.system("sequencer")


@dataclass
class Trouble:
    """What keeps the sequencer from its work at present."""

    house: House
    since: float | None = None
    told: bool = False

    def met(self, error: Exception) -> None:
        """Something failed and is tried again; after LASTS seconds of that it becomes an incident."""
        now = time.monotonic()
        self.since = now if self.since is None else self.since
        if not self.told and now - self.since >= LASTS:
            self.told = _tell(
                self.house,
                Incident(
                    kind=IncidentKind.LOG_BEHIND,
                    subject=SUBJECT,
                    reason=f"For {now - self.since:.0f} seconds no event has got its place in the custody log: {error}",
                    advice="Nothing is lost: events wait in the database. Mend what the reason names.",
                ),
            )

    def over(self) -> None:
        """It works again."""
        if self.told:
            with self.house.writing() as session:
                because = "the sequencer works again"
                settle_incident(session, kind=IncidentKind.LOG_BEHIND, subject=SUBJECT, because=because, by=BY)
        self.since, self.told = None, False


def keep_reason(house: House, reason: MustHalt) -> None:
    """Halt the log: the reason into the state, where every later start finds it, and an incident for a person."""
    if isinstance(reason, StillHalted):
        return
    with house.writing() as session:
        halt(session, str(reason))
        open_incident(
            session,
            Incident(
                kind=IncidentKind.LOG_HALTED,
                subject=SUBJECT,
                reason=str(reason),
                advice=f"Events wait in the database and are not lost. Follow the run-book `{reason.run_book}`.",
            ),
            by=BY,
        )


def _tell(house: House, incident: Incident) -> bool:
    """Open an incident; False where the database is away, and it is tried again."""
    try:
        with house.writing() as session:
            open_incident(session, incident, by=BY)
    except SQLAlchemyError as error:
        log.warning("no incident can be written just now", error=str(error))
        return False
    return True
