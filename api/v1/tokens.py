"""API tokens, for administrators."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from api import tokens
from api.authentication import Caller, make_token
from api.dependencies import AtDesk, may
from api.v1.conventions import problems
from api.v1.shapes import Done, TokenAsked, TokenItem, TokenMade
from evidence.access import Action

router = APIRouter(prefix="/tokens", tags=["Tokens"])

Managing = Annotated[Caller, Depends(may(Action.MANAGE_TOKENS))]


@router.get("", responses=problems(), summary="List tokens")
def listed(desk: AtDesk, caller: Managing) -> list[TokenItem]:
    """Tokens that have not been revoked."""
    with desk.house.reading() as session:
        return [TokenItem.model_validate(each) for each in tokens.in_force(session)]


@router.post("", status_code=201, responses=problems(), summary="Make a token")
def make(desk: AtDesk, caller: Managing, asked: TokenAsked) -> TokenMade:
    """A new token. Its text is in this answer and never again."""
    with desk.house.writing() as session:
        text, row = make_token(session, label=asked.label, role=asked.role, days=asked.days, by=caller.actor)
        session.refresh(row)
        return TokenMade(**TokenItem.model_validate(row).model_dump(), token=text)


@router.delete("/{identifier}", responses=problems(404, 409), summary="Revoke a token")
def revoke(desk: AtDesk, caller: Managing, identifier: UUID) -> Done:
    """End a token at once."""
    with desk.house.writing() as session:
        tokens.revoke_token(session, identifier, by=caller.actor)
    return Done()
