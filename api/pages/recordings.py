"""The list of recordings: filter, search, and page after page by keyset.

The form is a POST: what people search for may be a name, and addresses are kept by browsers, proxies and logs.
Links may still carry filters that name nobody.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Caller
from api.dependencies import AtDesk, Desk, may
from api.enquiries import recordings
from api.enquiries.paging import Page
from api.enquiries.recordings import RecordingLine, Wanted
from api.errors import BadRequest
from api.looks import CONDITIONS, KINDS, PLAYABILITIES
from api.pages.rendering import page
from api.records_of_reading import note_search
from evidence.access import Action
from evidence.vocabulary import Condition, Playability, RecordingKind

LAST_DAY = date(9990, 1, 1)
router = APIRouter(include_in_schema=False)

Seeing = Annotated[Caller, Depends(may(Action.SEE_RECORDING))]
Word = TypeVar("Word")
PER_PAGE = 25
LONGEST_TEXT = 200  # characters; each word of it is looked up


class Filter(BaseModel):
    """The form's members as they were sent. An empty one does not narrow the list."""

    text: str = ""
    kind: str = ""
    condition: str = ""
    playability: str = ""
    quarantined: str = ""
    recorded_from: str = ""
    recorded_until: str = ""
    after: str = ""

    def wanted(self, zone: ZoneInfo) -> Wanted:
        """What is looked for. Raises BadRequest that points at the member which cannot be read."""
        until = _day(self.recorded_until, zone, "recorded_until")
        return Wanted(
            text=_text(self.text),
            kind=_word(RecordingKind, self.kind, "kind"),
            condition=_word(Condition, self.condition, "condition"),
            playability=_word(Playability, self.playability, "playability"),
            in_quarantine=bool(self.quarantined),
            captured_from=_day(self.recorded_from, zone, "recorded_from"),
            captured_until=_end_of(until) if until else None,
            after=self.after or None,
            limit=PER_PAGE,
        )

    @property
    def narrows(self) -> bool:
        """Whether anything was asked for but the next page."""
        return any(value for name, value in self if name != "after")


@router.get("/recordings")
def browse(request: Request, desk: AtDesk, caller: Seeing, asked: Annotated[Filter, Query()]) -> Response:
    """Recordings, the newest first, narrowed by what a link says."""
    return _answer(request, desk, caller, asked.model_copy(update={"text": ""}))


@router.post("/recordings")
def search(request: Request, desk: AtDesk, caller: Seeing, asked: Annotated[Filter, Form()]) -> Response:
    """Recordings that match the form."""
    return _answer(request, desk, caller, asked)


def _answer(request: Request, desk: Desk, caller: Caller, asked: Filter) -> Response:
    try:
        wanted = asked.wanted(ZoneInfo(desk.web.time_zone))
    except BadRequest as wrong:
        errors = [{"text": str(wrong), "href": f"#{wrong.pointer}"}]
        nothing: Page[RecordingLine] = Page((), None)
        return _page(request, caller, asked, nothing, errors)
    with desk.house.writing() as session:
        found = recordings.find(session, caller.asker, wanted)
        note_search(session, caller, text=asked.text, found=len(found.items))
    return _page(request, caller, asked, found, [])


def _page(
    request: Request, caller: Caller, asked: Filter, found: Page[RecordingLine], errors: list[dict[str, str]]
) -> Response:
    values = {
        "found": found,
        "asked": asked,
        "errors": errors,
        "kinds": KINDS,
        "conditions": CONDITIONS,
        "playabilities": PLAYABILITIES,
    }
    return page(request, "recordings.html", values, caller=caller, status=422 if errors else 200)


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise BadRequest(f"Look for {LONGEST_TEXT} characters or fewer.", pointer="text")
    return text


def _word(closed: type[Word], text: str, name: str) -> Word | None:
    if not text:
        return None
    try:
        return closed(text)  # type: ignore[call-arg] # a closed list takes one of its words
    except ValueError as error:
        raise BadRequest("Choose one of the words in the list.", pointer=name) from error


def _end_of(day: datetime) -> datetime:
    """The first moment after a day; the last day that there is has none."""
    return day + timedelta(days=1) if day.date() < LAST_DAY else day


def _day(text: str, zone: ZoneInfo, name: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time(), zone)
    except ValueError as error:
        raise BadRequest("Enter a date such as 2026-11-23.", pointer=name) from error
