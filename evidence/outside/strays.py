"""Rows that say what nobody said: of a size that was never published, of a time to come, without their event.

Whoever holds the service's password can add such rows, and no service can take them away. Nothing rests on them; they
are named to a person once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from evidence.custody.events import Actor
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.models import Incident
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House

# The clocks of the database and of this machine may differ by as much; what is later than that has not been yet.
MOST_AHEAD = timedelta(minutes=5)
NAMED = 5  # rows that the reason names; it tells how many there are
ADVICE = (
    "Nothing rests on these rows, and they may stay. Somebody wrote them past the application: find out who has the"
    " service's password. See docs/runbooks/chain-does-not-verify.md, the part on rows that say what nobody said."
)


def tell(house: House, table: str, found: Sequence[str], *, by: Actor) -> None:
    """Name these rows of a table in an incident, each as `found` words it; settle that where there are none.

    What a person has closed is not brought up again, until the rows are others.
    """
    subject = f"rows of {table}"
    standing = select(Incident).where(Incident.kind == IncidentKind.LOG_DISAGREES, Incident.subject == subject)
    with house.reading() as session:
        last = session.scalars(standing.order_by(Incident.opened_at.desc()).limit(1)).one_or_none()
    is_open = last is not None and last.closed_at is None
    if not found and is_open:
        because = f"{subject} are in order again"
        with house.writing() as session:
            settle_incident(session, kind=IncidentKind.LOG_DISAGREES, subject=subject, because=because, by=by)
    reason = reason_of(table, found)
    if not found or is_open or (last is not None and last.reason == reason):
        return
    trouble = Trouble(kind=IncidentKind.LOG_DISAGREES, subject=subject, reason=reason, advice=ADVICE)
    with house.writing() as session:
        open_incident(session, trouble, by=by)


def reason_of(table: str, found: Sequence[str]) -> str:
    """What is wrong with these rows, for a person. Pure."""
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    many = "1 row" if len(found) == 1 else f"{len(found)} rows"
    return f"{many} of {table} that nothing rests on: {'; '.join(found[:NAMED])}{more}"
