"""Recordings set aside: the reason, and a person's decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from api.acts import decide_quarantine
from api.authentication import Caller
from api.dependencies import AtDesk, Desk, may
from api.enquiries import quarantine
from api.looks import CONDITIONS
from api.pages.rendering import go_to, page
from evidence.access import Action, decide
from evidence.vocabulary import QuarantineDecision

router = APIRouter(include_in_schema=False)

Seeing = Annotated[Caller, Depends(may(Action.SEE_RECORDING))]
Deciding = Annotated[Caller, Depends(may(Action.DECIDE_QUARANTINE))]
PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Tried:
    """A decision that was sent and could not be taken, with what is wrong with it."""

    about: UUID
    note: str
    faults: Mapping[str, str]

    @property
    def errors(self) -> list[dict[str, str]]:
        """The faults as the page's error summary lists them."""
        return [{"text": text, "href": f"#{name}-{self.about}"} for name, text in self.faults.items()]


@router.get("/quarantine")
def listed(
    request: Request, desk: AtDesk, caller: Seeing, *, after: str | None = None, decided: bool = False
) -> Response:
    """What is set aside, the newest first."""
    return _page(request, desk, caller, after=after, decided=decided)


@router.post("/quarantine/{identifier}")
def decision(
    request: Request,
    desk: AtDesk,
    caller: Deciding,
    identifier: UUID,
    decision: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """A supervisor decides, and says why."""
    note = " ".join(note.split())[:1000]
    faults = {}
    if decision not in {each.value for each in QuarantineDecision}:
        faults["decision"] = "Choose what is to happen."
    if len(note) < 5:
        faults["note"] = "Say in a few words why."
    if faults:
        return _page(request, desk, caller, tried=Tried(identifier, note, faults))
    with desk.house.writing() as session:
        found = quarantine.one(session, caller.asker, identifier)
        decide_quarantine(
            session,
            identifier,
            decision=QuarantineDecision(decision),
            note=note,
            by=caller.actor,
            person=caller.in_person(),
        )
    return go_to("/quarantine", note=f"Your decision about {found.reference} is recorded.")


def _page(
    request: Request,
    desk: Desk,
    caller: Caller,
    *,
    after: str | None = None,
    decided: bool = False,
    tried: Tried | None = None,
) -> Response:
    with desk.house.reading() as session:
        found = quarantine.find(session, caller.asker, decided=decided, after=after, limit=PER_PAGE)
    values = {
        "found": found,
        "decided": decided,
        "may_decide": decide(caller.asker, Action.DECIDE_QUARANTINE).allow and caller.person is not None,
        "conditions": CONDITIONS,
        "about": tried.about if tried else None,
        "note_given": tried.note if tried else "",
        "faults": tried.faults if tried else {},
        "errors": tried.errors if tried else [],
    }
    return page(request, "quarantine.html", values, caller=caller, status=422 if tried else 200)
