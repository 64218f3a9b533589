"""Accounts of people, for administrators."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api import accounts
from api.accounts import NewPerson
from api.authentication import Caller
from api.dependencies import AtDesk, Desk, may
from api.errors import BadRequest
from api.pages.rendering import go_to, page
from evidence.access import Action
from evidence.errors import AlreadySettled
from evidence.vocabulary import Role

router = APIRouter(include_in_schema=False)

Managing = Annotated[Caller, Depends(may(Action.MANAGE_PEOPLE))]

ROLES = {
    Role.OFFICER: "Sees and watches their own recordings, and those that have no officer yet",
    Role.SUPERVISOR: "Sees and watches all recordings, closes incidents, decides quarantine",
    Role.ADMINISTRATOR: "Runs the system: accounts, docks, tokens. Sees that recordings exist, and may not watch them",
}


@router.get("/people")
def people(request: Request, desk: AtDesk, caller: Managing) -> Response:
    """Everybody who has an account."""
    return _page(request, desk, caller)


class Asked(BaseModel):
    """The form for a new account as it was sent."""

    sign_in_name: str = ""
    display_name: str = ""
    collar_number: str = ""
    role: str = ""

    def wanted(self) -> NewPerson:
        """The account to be made. Raises BadRequest that points at the member which will not do."""
        return NewPerson(
            sign_in_name=self.sign_in_name,
            display_name=self.display_name,
            collar_number=self.collar_number or None,
            role=_role(self.role),
        )


@router.post("/people")
def create(request: Request, desk: AtDesk, caller: Managing, asked: Annotated[Asked, Form()]) -> Response:
    """Make an account. Its first password is shown on the answer and never again."""
    try:
        with desk.house.writing() as session:
            person, password = accounts.create_person(session, asked.wanted(), by=caller.actor)
    except (BadRequest, AlreadySettled) as refused:
        sentence = f"{str(refused)[:1].upper()}{str(refused)[1:]}"
        errors = [{"text": sentence, "href": f"#{getattr(refused, 'pointer', 'sign_in_name')}"}]
        return _page(request, desk, caller, errors=errors, given=asked.model_dump())
    return _page(request, desk, caller, made={"name": person.sign_in_name, "password": password})


@router.get("/people/{identifier}")
def one(request: Request, desk: AtDesk, caller: Managing, identifier: UUID) -> Response:
    """One account, and what can be done with it."""
    return _one(request, desk, caller, identifier)


@router.post("/people/{identifier}/password")
def reset(request: Request, desk: AtDesk, caller: Managing, identifier: UUID) -> Response:
    """Make a new first password, shown on the answer and never again."""
    with desk.house.writing() as session:
        password = accounts.reset_password(session, identifier, by=caller.actor)
    return _one(request, desk, caller, identifier, password=password)


@router.post("/people/{identifier}/role")
def change_role(desk: AtDesk, caller: Managing, identifier: UUID, role: Annotated[str, Form()] = "") -> Response:
    """Give an account another role; its sign-ins end at once."""
    with desk.house.writing() as session:
        accounts.change_role(session, identifier, role=_role(role), by=caller.actor)
    return go_to(f"/people/{identifier}", note="The role is changed. The person has to sign in again.")


@router.post("/people/{identifier}/disable")
def disable(desk: AtDesk, caller: Managing, identifier: UUID) -> Response:
    """Let an account sign in no more."""
    with desk.house.writing() as session:
        accounts.disable(session, identifier, by=caller.actor)
    return go_to(f"/people/{identifier}", note="The account is disabled and signed out everywhere.")


@router.post("/people/{identifier}/enable")
def enable(desk: AtDesk, caller: Managing, identifier: UUID) -> Response:
    """Let an account sign in again."""
    with desk.house.writing() as session:
        accounts.enable(session, identifier, by=caller.actor)
    return go_to(f"/people/{identifier}", note="The account can sign in again.")


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise BadRequest("Choose a role.", pointer="role") from error


def _page(
    request: Request,
    desk: Desk,
    caller: Caller,
    *,
    errors: list[dict[str, str]] | None = None,
    given: dict[str, str] | None = None,
    made: dict[str, str] | None = None,
) -> Response:
    with desk.house.reading() as session:
        found = accounts.people(session)
    values = {"people": found, "roles": ROLES, "errors": errors or [], "given": given or {}, "made": made}
    return page(request, "people.html", values, caller=caller, status=422 if errors else 200)


def _one(request: Request, desk: Desk, caller: Caller, identifier: UUID, *, password: str = "") -> Response:
    with desk.house.reading() as session:
        person = accounts.person_of(session, identifier)
    values = {"person": person, "roles": ROLES, "password": password}
    return page(request, "person.html", values, caller=caller)
