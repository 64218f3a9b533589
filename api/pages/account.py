"""One's own account: password, and where one is signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from api import accounts, attempts, authentication
from api.authentication import Caller, NotLetIn, SignInRefused
from api.dependencies import Asking, AtDesk, SignedIn
from api.errors import BadRequest
from api.pages.rendering import go_to, page
from evidence import clock
from evidence.models import SignedIn as SignInRow

router = APIRouter(include_in_schema=False)


@router.get("/account")
def account(request: Request, desk: AtDesk, caller: Asking) -> Response:
    """Who the system takes one for."""
    with desk.house.reading() as session:
        person = accounts.person_of(session, caller.in_person())
        sessions = session.scalars(
            select(SignInRow)
            .where(
                SignInRow.person_id == caller.in_person(), SignInRow.ended_at.is_(None), SignInRow.ends_at > clock.now()
            )
            .order_by(SignInRow.seen_at.desc())
        ).all()
    return page(request, "account.html", {"person": person, "sessions": sessions}, caller=caller)


@router.post("/account/sessions/end")
def end_others(desk: AtDesk, caller: Asking) -> Response:
    """End every other sign-in of one's own."""
    with desk.house.writing() as session:
        accounts.sign_out_elsewhere(session, caller.in_person(), by=caller.actor, keep=caller.key)
    return go_to("/account", note="You are signed out everywhere else.")


@router.get("/account/password")
def password_form(request: Request, caller: SignedIn) -> Response:
    """The form for a new password; the one page besides signing out that a first password opens."""
    return page(request, "password.html", {"errors": []}, caller=caller)


@router.post("/account/password")
def choose_password(
    request: Request,
    desk: AtDesk,
    caller: SignedIn,
    current_password: Annotated[str, Form()] = "",
    new_password: Annotated[str, Form()] = "",
) -> Response:
    """Take the new password, once the current one has been given again."""
    try:
        address, brought = authentication.address_of(request, desk.web), request.cookies.get(attempts.COOKIE)
        name = caller.sign_in_name
        turn = authentication.turn(desk.house, desk.web, name=name, address=address, device=brought)
        with turn as lane, desk.house.writing() as session:
            person = authentication.check_password(
                session, desk.web, lane, password=current_password[:1000], address=address
            )
            if not isinstance(person, NotLetIn):
                accounts.choose_password(session, person.id, new=new_password, by=caller.actor, keep=caller.key)
    except (SignInRefused, BadRequest) as refused:
        field = getattr(refused, "pointer", "current_password")
        return _refused(request, caller, field, str(refused))
    if isinstance(person, NotLetIn):
        return _refused(request, caller, "current_password", "That is not the password you signed in with.")
    return go_to("/", note="Your password is changed.")


def _refused(request: Request, caller: Caller, field: str, sentence: str) -> Response:
    values = {"errors": [{"text": sentence, "href": f"#{field}"}]}
    return page(request, "password.html", values, caller=caller, status=422)
