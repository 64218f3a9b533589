"""Recordings set aside, and decisions about them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.acts import decide_quarantine
from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.enquiries import quarantine
from api.v1.conventions import PageLinks, Paging, problems
from api.v1.shapes import DecisionAsked, Done, PageOf, QuarantineItem
from evidence.access import Action

router = APIRouter(prefix="/quarantine", tags=["Quarantine"])

Seeing = Annotated[Caller, Depends(may(Action.SEE_RECORDING))]
Deciding = Annotated[Caller, Depends(may(Action.DECIDE_QUARANTINE))]


class QuarantinesAsked(Paging):
    """Which quarantines."""

    decided: bool = False


@router.get("", responses=problems(400), summary="List what is set aside")
def listed(
    desk: AtDesk, caller: Seeing, links: PageLinks, asked: Annotated[QuarantinesAsked, Query()]
) -> PageOf[QuarantineItem]:
    """Quarantined recordings, the newest first: those to decide, or those decided."""
    with desk.house.reading() as session:
        found = quarantine.find(session, caller.asker, decided=asked.decided, after=asked.after, limit=asked.limit)
    items = [QuarantineItem.model_validate(each) for each in found.items]
    return PageOf(items=items, next=links.next(found.after))


@router.post("/{identifier}/decision", responses=problems(404, 409), summary="Decide")
def decision(desk: AtDesk, caller: Deciding, identifier: UUID, asked: DecisionAsked) -> Done:
    """Keep it as it is, or release it. A person does this, signed in; a token may not. Nothing is deleted."""
    person = caller.in_person()
    with desk.house.writing() as session:
        quarantine.one(session, caller.asker, identifier)
        decide_quarantine(session, identifier, decision=asked.decision, note=asked.note, by=caller.actor, person=person)
    return Done()
