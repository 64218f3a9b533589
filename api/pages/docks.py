"""The dock wall: what stands in each bay, live, and what needs a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from api import authentication
from api.authentication import COOKIE, Caller
from api.dependencies import AtDesk, Desk, may
from api.displays import DISPLAY_COOKIE, display_caller, display_or_person, make_display
from api.enquiries import docks, incidents
from api.enquiries.handed_in import handed_in
from api.errors import BadRequest
from api.pages.rendering import fragment, go_to, page
from api.wall_feed import WallFeed
from evidence import clock
from evidence.access import Action, decide
from evidence.incidents import close_incident

router = APIRouter(include_in_schema=False)

AtDocks = Annotated[Caller, Depends(may(Action.SEE_DOCKS))]
AtWall = Annotated[Caller, Depends(display_or_person)]
ClosingIncidents = Annotated[Caller, Depends(may(Action.CLOSE_INCIDENT))]
ManagingDocks = Annotated[Caller, Depends(may(Action.MANAGE_DOCKS))]

# The stream of a page whose reader has signed out, or was signed out, ends within this many looks.
LOOKS_BETWEEN_CHECKS = 4


@router.get("/docks")
def wall(request: Request, desk: AtDesk, caller: AtDocks, dock: UUID | None = None) -> Response:
    """Every dock, or one."""
    return _wall_page(request, desk, caller, dock, kiosk=False)


@router.get("/docks/wall")
def display(request: Request, desk: AtDesk, caller: AtWall, dock: UUID | None = None) -> Response:
    """The same without a frame, for a screen on the dock room's wall."""
    return _wall_page(request, desk, caller, dock, kiosk=True)


@router.get("/docks/events", response_class=EventSourceResponse)
async def events(
    request: Request, desk: AtDesk, caller: AtWall, dock: UUID | None = None
) -> AsyncIterator[ServerSentEvent]:
    """The wall as it changes. Ends when the sign-in does; the page then goes grey and says so."""
    feed: WallFeed = request.app.state.wall_feed
    looks = 0
    async with aclosing(feed.watch(str(dock or ""))) as changes:
        async for html in changes:
            looks += 1
            if looks % LOOKS_BETWEEN_CHECKS == 0 and not await run_in_threadpool(_is_still_in, request, desk):
                return
            yield ServerSentEvent(raw_data=html, id=clock.as_text(clock.now()))


@router.post("/docks/display")
def become_display(request: Request, desk: AtDesk, caller: ManagingDocks) -> Response:
    """Make this browser a wall display: it shows the wall and nothing else, and the person is signed out of it."""
    with desk.house.writing() as session:
        text = make_display(session, by=caller.actor)
        authentication.end_session(session, authentication.digest(request.cookies.get(COOKIE, "")))
    response = go_to("/docks/wall")
    authentication.clear_cookie(response)
    response.set_cookie(DISPLAY_COOKIE, text, max_age=31_536_000, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get("/incidents")
def incident_list(
    request: Request, desk: AtDesk, caller: AtDocks, *, after: str | None = None, closed: bool = False
) -> Response:
    """Incidents, newest first."""
    with desk.house.reading() as session:
        found = incidents.find(session, caller.asker, is_open=not closed, after=after, limit=50)
    return page(request, "incidents.html", {"found": found, "closed": closed}, caller=caller)


@router.get("/incidents/{incident}")
def one_incident(request: Request, desk: AtDesk, caller: AtDocks, incident: UUID) -> Response:
    """One incident: its reason, what to do, and how to close it."""
    return _incident_page(request, desk, caller, incident)


@router.post("/incidents/{incident}/close")
def close(
    request: Request, desk: AtDesk, caller: ClosingIncidents, incident: UUID, note: Annotated[str, Form()] = ""
) -> Response:
    """A supervisor closes an incident, saying why."""
    note = " ".join(note.split())
    if len(note) < 5:
        return _incident_page(request, desk, caller, incident, fault="Say in a few words why this can be closed.")
    if len(note) > 1000:
        raise BadRequest("Use at most 1,000 characters.", pointer="note")
    with desk.house.writing() as session:
        incidents.one(session, caller.asker, incident)
        close_incident(session, incident, because=note, by=caller.actor, person=caller.in_person())
    return go_to("/incidents", note="The incident is closed.")


def look_of(desk: Desk, key: str) -> str:
    """The live part of the wall, for one dock or (no key) for all."""
    only = UUID(key) if key else None
    silent_after = timedelta(seconds=desk.ingest.silent_after_seconds)
    with desk.house.reading() as session:
        found = docks.wall(session, silent_after=silent_after, only=only)
        by_name = handed_in(session, silent_after=silent_after) if only is None else ()
        troubles = incidents.dock_incidents(session, only=only)
    values = {"docks": found, "handed_in": by_name, "incidents": troubles, "now": clock.now()}
    return fragment(desk, "parts/wall.html", values)


def _wall_page(request: Request, desk: Desk, caller: Caller, dock: UUID | None, *, kiosk: bool) -> Response:
    values = {
        "wall": look_of(desk, str(dock or "")),
        "events": f"/docks/events?dock={dock}" if dock else "/docks/events",
        "kiosk": kiosk,
        "bodyClasses": "c-wide c-kiosk" if kiosk else "c-wide",
        "only": dock,
        "may_manage": decide(caller.asker, Action.MANAGE_DOCKS).allow,
    }
    return page(request, "docks.html", values, caller=caller)


def _is_still_in(request: Request, desk: Desk) -> bool:
    with desk.house.reading() as session:
        number = request.cookies.get(COOKIE)
        if number and authentication.caller_by_cookie(session, desk.web, number):
            return True
        display = request.cookies.get(DISPLAY_COOKIE)
        return bool(display and display_caller(session, display))


def _incident_page(request: Request, desk: Desk, caller: Caller, incident: UUID, *, fault: str = "") -> Response:
    with desk.house.reading() as session:
        found = incidents.one(session, caller.asker, incident)
    values = {
        "incident": found,
        "may_close": decide(caller.asker, Action.CLOSE_INCIDENT).allow and caller.person is not None,
        "errors": [{"text": fault, "href": "#note"}] if fault else [],
    }
    return page(request, "incident.html", values, caller=caller, status=422 if fault else 200)
