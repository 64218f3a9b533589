"""Agents at docks and suites: enrol them with a one-time code, revoke them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Caller
from api.dependencies import AtDesk, Desk, may
from api.errors import BadRequest
from api.pages.rendering import go_to, page
from evidence import clock
from evidence.access import Action
from evidence.errors import AlreadySettled
from evidence.models import Agent, EnrolmentCode
from evidence.vocabulary import AgentKind
from ingest import enrolment
from ingest.errors import AgentRefused

router = APIRouter(include_in_schema=False)

Managing = Annotated[Caller, Depends(may(Action.MANAGE_DOCKS))]
KINDS = {AgentKind.DOCK: "Dock", AgentKind.SUITE: "Interview suite", AgentKind.WORKSTATION: "Workstation"}


@router.get("/agents")
def agents(request: Request, desk: AtDesk, caller: Managing) -> Response:
    """Every agent, and codes that nobody has used yet."""
    return _page(request, desk, caller)


@router.post("/agents/codes")
def offer(
    request: Request,
    desk: AtDesk,
    caller: Managing,
    kind: Annotated[str, Form()] = "dock",
    label: Annotated[str, Form()] = "",
) -> Response:
    """Make a one-time code, shown on the answer and never again."""
    if kind not in {each.value for each in AgentKind}:
        raise BadRequest("Choose what the agent stands beside.", pointer="kind")
    with desk.house.writing() as session:
        code = enrolment.offer_enrolment(
            session,
            kind=AgentKind(kind),
            label=" ".join(label.split())[:100],
            hours=desk.ingest.code_hours,
            by=caller.actor,
        )
    return _page(request, desk, caller, code=code)


@router.post("/agents/{identifier}/revoke")
def revoke(desk: AtDesk, caller: Managing, identifier: UUID) -> Response:
    """Trust an agent no more. What it brought stays."""
    try:
        with desk.house.writing() as session:
            enrolment.revoke(session, identifier, by=caller.actor)
    except AgentRefused as refused:
        raise AlreadySettled(str(refused)) from refused
    return go_to("/agents", note="The agent is revoked. What it brought stays.")


def _page(request: Request, desk: Desk, caller: Caller, *, code: str = "") -> Response:
    with desk.house.reading() as session:
        found = session.scalars(select(Agent).order_by(Agent.revoked_at.is_not(None), Agent.name, Agent.id)).all()
        codes = session.scalars(
            select(EnrolmentCode)
            .where(EnrolmentCode.used_at.is_(None), EnrolmentCode.expires_at > clock.now())
            .order_by(EnrolmentCode.created_at)
        ).all()
    values = {"agents": found, "codes": codes, "kinds": KINDS, "code": code, "hours": desk.ingest.code_hours}
    return page(request, "agents.html", values, caller=caller)
