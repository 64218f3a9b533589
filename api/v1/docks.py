"""Docks and incidents."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.enquiries import docks, incidents
from api.v1.conventions import PageLinks, Paging, problems
from api.v1.shapes import BayFacts, DockFacts, Done, IncidentItem, NoteAsked, PageOf
from evidence.access import Action
from evidence.incidents import close_incident

router = APIRouter(tags=["Docks"])

AtDocks = Annotated[Caller, Depends(may(Action.SEE_DOCKS))]
Closing = Annotated[Caller, Depends(may(Action.CLOSE_INCIDENT))]


class IncidentsAsked(Paging):
    """Which incidents."""

    is_open: bool | None = None


@router.get("/docks", responses=problems(), summary="What stands in each bay")
def listed(desk: AtDesk, caller: AtDocks) -> list[DockFacts]:
    """Every dock with its bays. `safe` is said only against receipts."""
    silent_after = timedelta(seconds=desk.ingest.silent_after_seconds)
    with desk.house.reading() as session:
        found = docks.wall(session, silent_after=silent_after)
    return [_dock(each) for each in found]


@router.get("/incidents", responses=problems(400), summary="List incidents")
def incident_list(
    desk: AtDesk, caller: AtDocks, links: PageLinks, asked: Annotated[IncidentsAsked, Query()]
) -> PageOf[IncidentItem]:
    """Incidents, the newest first; open ones, closed ones, or (without `is_open`) both."""
    with desk.house.reading() as session:
        found = incidents.find(session, caller.asker, is_open=asked.is_open, after=asked.after, limit=asked.limit)
    items = [IncidentItem.model_validate(each) for each in found.items]
    return PageOf(items=items, next=links.next(found.after))


@router.post("/incidents/{incident}/close", responses=problems(404, 409), summary="Close an incident")
def close(desk: AtDesk, caller: Closing, incident: UUID, asked: NoteAsked) -> Done:
    """Close an incident with a note. A person does this, signed in; a token may not."""
    person = caller.in_person()
    with desk.house.writing() as session:
        incidents.one(session, caller.asker, incident)
        close_incident(session, incident, because=" ".join(asked.note.split()), by=caller.actor, person=person)
    return Done()


def _dock(dock: docks.Dock) -> DockFacts:
    return DockFacts(
        id=dock.id,
        name=dock.name,
        kind=dock.kind,
        seen_at=dock.seen_at,
        silent=dock.silent_for is not None,
        backlog_bytes=dock.backlog_bytes,
        bytes_per_second=dock.bytes_per_second,
        open_incidents=dock.open_incidents,
        bays=[
            BayFacts(
                name=bay.name,
                session=bay.session,
                device=bay.device,
                serial=bay.serial,
                safe=bay.stand.look is docks.Look.SAFE,
                word=bay.stand.word,
                detail=bay.stand.detail,
                advice=bay.stand.advice,
                percent=bay.stand.percent,
            )
            for bay in dock.bays
        ],
    )
