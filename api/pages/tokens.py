"""API tokens and wall displays: made, shown once, revoked."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from api import tokens
from api.authentication import Caller, make_token
from api.dependencies import AtDesk, Desk, may
from api.errors import BadRequest
from api.pages.rendering import go_to, page
from evidence import clock
from evidence.access import Action
from evidence.vocabulary import Role

router = APIRouter(include_in_schema=False)

Managing = Annotated[Caller, Depends(may(Action.MANAGE_TOKENS))]


@router.get("/tokens")
def listed(request: Request, desk: AtDesk, caller: Managing) -> Response:
    """Every token that has not been revoked."""
    return _page(request, desk, caller)


@router.post("/tokens")
def make(
    request: Request,
    desk: AtDesk,
    caller: Managing,
    *,
    label: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    days: Annotated[str, Form()] = "90",
) -> Response:
    """Make a token, shown on the answer and never again."""
    try:
        wanted = tokens.Wanted.parse(label=label, role=role, days=days)
    except BadRequest as refused:
        errors = [{"text": str(refused), "href": f"#{refused.pointer}"}]
        return _page(request, desk, caller, errors=errors, given={"label": label, "role": role, "days": days})
    with desk.house.writing() as session:
        text, _ = make_token(session, label=wanted.label, role=wanted.role, days=wanted.days, by=caller.actor)
    return _page(request, desk, caller, made=text)


@router.post("/tokens/{identifier}/revoke")
def revoke(desk: AtDesk, caller: Managing, identifier: UUID) -> Response:
    """End a token at once."""
    with desk.house.writing() as session:
        tokens.revoke_token(session, identifier, by=caller.actor)
    return go_to("/tokens", note="The token is revoked.")


def _page(
    request: Request,
    desk: Desk,
    caller: Caller,
    *,
    made: str = "",
    errors: list[dict[str, str]] | None = None,
    given: dict[str, str] | None = None,
) -> Response:
    with desk.house.reading() as session:
        found = tokens.in_force(session)
    values = {
        "tokens": found,
        "roles": list(Role),
        "made": made,
        "errors": errors or [],
        "given": given or {},
        "now": clock.now(),
        "longest": tokens.LONGEST_DAYS,
    }
    return page(request, "tokens.html", values, caller=caller, status=422 if errors else 200)
