"""The story of a continuity report: that it is made is written down first, then what is known is gathered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from evidence.continuity.gather import Wanted, gather
from evidence.continuity.said import Report
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.errors import NotFound
from evidence.identifiers import new_id
from evidence.models import Recording
from evidence.sequencing import reading
from evidence.sequencing.errors import NotSequencedYet
from evidence.sequencing.reading import await_published

if TYPE_CHECKING:
    from evidence.bootstrap import House

A_MOMENT: Final = timedelta(seconds=15)


def make(house: House, wanted: Wanted, *, by: Actor, within: timedelta = A_MOMENT) -> Report:
    """The report of one recording, its own making among the events. Raises NotFound, StoreAway.

    Waits `within` for the log to publish what is told; where that does not come, the report says what is not proved.
    """
    report = new_id()
    with house.writing() as session:
        if session.get(Recording, wanted.recording) is None:
            raise NotFound(f"recording {wanted.recording}")
        head = reading.log_head(session)
        facts = {"report": str(report), "size": head.size if head else 0}
        made = Event(type=EventType.REPORT_MADE, subject=wanted.recording, actor=by, facts=facts)
        event = ledger.record(session, made).id
    size = wanted.size
    if within > timedelta(0):
        try:
            size = await_published(house, event, within).checkpoint().size
        except NotSequencedYet:
            size = None  # the newest there is; the report names the lines that it does not cover
    return gather(house, replace(wanted, size=size))
