"""What a route is given: the desk it stands at, and who is asking.

A route opens its own sessions (`with desk.house.writing()`), so its one commit is in plain sight and is done
before the first byte of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.requests import Request

from api import authentication
from api.authentication import COOKIE, Caller
from api.errors import PasswordIsStale, SignInNeeded
from api.settings import WebSettings
from evidence.access import Action, decide
from evidence.bootstrap import House
from evidence.errors import NotPermitted
from ingest.settings import IngestSettings

BEARER = HTTPBearer(auto_error=False, description="A token made by an administrator on the page API tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All that the front desk needs, put together once at start."""

    house: House
    web: WebSettings
    ingest: IngestSettings


def desk_of(request: Request) -> Desk:
    """The desk that this application was put together with."""
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(desk_of)]


def signed_in(
    request: Request,
    desk: AtDesk,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Caller:
    """Who is asking, by token or cookie. Raises SignInNeeded."""
    if bearer is not None:
        with desk.house.writing() as session:
            caller = authentication.caller_by_token(session, bearer.credentials)
            authentication.touch_token(session, caller.key)
            return caller
    number = request.cookies.get(COOKIE)
    if number is None:
        raise SignInNeeded
    with desk.house.writing() as session:
        found = authentication.caller_by_cookie(session, desk.web, number)
        if found is None:
            raise SignInNeeded("You were signed out. Sign in to go on.")
        authentication.touch(session, found.key)
        return found


SignedIn = Annotated[Caller, Depends(signed_in)]


def asking(caller: SignedIn) -> Caller:
    """Who is asking, once their first password is their own. Raises SignInNeeded, PasswordIsStale."""
    if caller.must_change_password:
        raise PasswordIsStale
    return caller


Asking = Annotated[Caller, Depends(asking)]


def may(action: Action) -> Callable[[Caller], Caller]:
    """A dependency that lets through whoever may do this, to anything at all."""

    def let_through(caller: Asking) -> Caller:
        decision = decide(caller.asker, action)
        if not decision.allow:
            raise NotPermitted(decision.reason)
        return caller

    return let_through
