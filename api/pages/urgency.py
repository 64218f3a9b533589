"""Saying on a recording's page that it may not wait, and that it may again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from api import wording
from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.enquiries import recordings
from api.errors import BadRequest
from api.pages.rendering import go_to
from evidence.access import Action
from evidence.identifiers import recording_reference
from evidence.models import Recording
from evidence.vocabulary import UrgencyReason
from transcode import raising

router = APIRouter(include_in_schema=False)

Setting = Annotated[Caller, Depends(may(Action.SET_URGENCY))]


@router.post("/recordings/{name}/urgency")
def set_urgency(
    desk: AtDesk,
    caller: Setting,
    name: str,
    reason: Annotated[UrgencyReason, Form()],
    until: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Its work goes before all that may wait, from now on."""
    with desk.house.writing() as session:
        found = recordings.one(session, caller.asker, name)
        raising.set_urgency(
            session,
            found.id,
            reason,
            until=moment_of(until, ZoneInfo(desk.web.time_zone)),
            note=note.strip(),
            by=caller.actor,
        )
        reference = recording_reference(session.get_one(Recording, found.id).number)
    return go_to(f"/recordings/{reference}", note="It is urgent now. What waits for it goes first.")


@router.post("/recordings/{name}/urgency/clear")
def clear_urgency(desk: AtDesk, caller: Setting, name: str) -> Response:
    """Its work goes in its turn again."""
    with desk.house.writing() as session:
        found = recordings.one(session, caller.asker, name)
        raising.clear_urgency(session, found.id, by=caller.actor)
    return go_to(f"/recordings/{found.reference}", note="It goes in its turn again.")


def moment_of(said: str, zone: ZoneInfo) -> datetime | None:
    """A day and time as pages write them, or by ISO 8601; in the pages' time zone unless another is said.

    Raises BadRequest for other words.
    """
    words = " ".join(said.replace(",", " ").split())
    if not words:
        return None
    named = wording.written_moment(words, zone)
    try:
        moment = named or datetime.fromisoformat(said.strip())
    except ValueError as error:
        raise BadRequest(
            "Say until when as a day and a time, such as 27 November 2026, 14:05, or leave it empty.", pointer="until"
        ) from error
    return moment.replace(tzinfo=zone).astimezone(UTC) if moment.tzinfo is None else moment.astimezone(UTC)
