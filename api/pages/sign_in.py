"""Signing in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from api import attempts, authentication
from api.authentication import COOKIE, NotLetIn, SignInRefused
from api.dependencies import AtDesk, SignedIn, desk_of
from api.pages.rendering import go_to, page
from evidence.custody import ledger
from evidence.custody.events import Event, EventType
from evidence.models import Person

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def form(request: Request, next: str = "") -> Response:
    """The form. Anybody may see it."""
    return _form(request, next=next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    desk: AtDesk,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    """Sign a person in, or say that name and password do not go together, and never which of the two."""
    if not name.strip() or not password:
        return _form(request, next=next, name=name, fault="Enter your sign-in name and your password.")
    try:
        address, brought = authentication.address_of(request, desk.web), request.cookies.get(attempts.COOKIE)
        turn = authentication.turn(desk.house, desk.web, name=name, address=address, device=brought)
        with turn as lane, desk.house.writing() as session:
            person = authentication.check_password(session, desk.web, lane, password=password[:1000], address=address)
            number, device = "", ""
            if not isinstance(person, NotLetIn):
                number = authentication.open_session(session, desk.web, person, request)
                device = attempts.remember_browser(session, person.id, brought)
    except SignInRefused as refused:
        return _form(request, next=next, name=name, fault=str(refused), status=429)
    if isinstance(person, NotLetIn):
        return _form(request, next=next, name=name, fault=person.because)
    response = go_to("/account/password" if person.password_must_change else own_path(next))
    authentication.set_cookie(response, number, desk.web)
    authentication.set_device_cookie(response, device)
    return response


@router.post("/sign-out")
def sign_out(request: Request, desk: AtDesk, caller: SignedIn) -> Response:
    """End this sign-in, here and in the table."""
    with desk.house.writing() as session:
        if authentication.end_session(session, authentication.digest(request.cookies.get(COOKIE, ""))):
            person = session.get(Person, caller.person)
            if person is not None:
                event = Event(type=EventType.SIGNED_OUT, subject=person.id, actor=caller.actor)
                ledger.record(session, event)
    response = go_to("/sign-in")
    authentication.clear_cookie(response)
    return response


def own_path(wanted: str) -> str:
    """A path of ours to go on to, and the first page for anything that could lead elsewhere."""
    parts = urlsplit(wanted)
    elsewhere = parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith(("//", "/\\"))
    return "/" if elsewhere or any(each in wanted for each in "\r\n\t\\") else wanted


def _form(request: Request, *, next: str, name: str = "", fault: str = "", status: int = 0) -> Response:
    values = {
        "next": own_path(next) if next else "",
        "name": name[:200],
        "errors": [{"text": fault, "href": "#name"}] if fault else [],
        "cookies_hold": authentication.cookies_will_hold(request, desk_of(request).web),
    }
    return page(request, "sign_in.html", values, status=status or (422 if fault else 200))
