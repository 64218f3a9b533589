"""Recordings: lists, one with everything beside it, its history, its receipts, its media by ranges."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from api import playback
from api.acts import retry_failed_work
from api.authentication import Caller
from api.dependencies import AtDesk, Desk, may
from api.enquiries import recordings
from api.enquiries.dossier import Dossier, dossier
from api.enquiries.paging import Page
from api.enquiries.recordings import Wanted
from api.playback import Views
from api.records_of_reading import note_details, note_history, note_search
from api.v1.conventions import PageLinks, Paging, problems
from api.v1.shapes import Done, EventFacts, PageOf, ReceiptFacts, RecordingItem, SearchAsked
from api.v1.shapes_of_recordings import RecordingFile, UrgencyAsked, UrgencyFacts
from evidence.access import Action, Resource, decide
from evidence.custody import ledger
from evidence.errors import NotPermitted
from evidence.models import Receipt, Recording
from evidence.vocabulary import Condition, Playability, RecordingKind, RenditionKind
from transcode import raising

router = APIRouter(prefix="/recordings", tags=["Recordings"])

Seeing = Annotated[Caller, Depends(may(Action.SEE_RECORDING))]
Watching = Annotated[Caller, Depends(may(Action.WATCH))]
SettingUrgency = Annotated[Caller, Depends(may(Action.SET_URGENCY))]
ReadingHistory = Annotated[Caller, Depends(may(Action.READ_HISTORY))]
View = Annotated[str | None, Query(max_length=64, description="Tells one viewing from another; any fresh random text")]


class RecordingsAsked(Paging):
    """Which recordings. Words that may name people are sent to `/search`."""

    kind: RecordingKind | None = None
    condition: Condition | None = None
    playability: Playability | None = None
    in_quarantine: bool = False


class EventsAsked(BaseModel):
    """Which events: those after a number."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(default=0, ge=0, le=2**53, description="The number of the last event that was seen")
    limit: int = Field(default=100, ge=1, le=200)


@router.get("", responses=problems(400), summary="List recordings")
def listed(
    desk: AtDesk, caller: Seeing, links: PageLinks, asked: Annotated[RecordingsAsked, Query()]
) -> PageOf[RecordingItem]:
    """Recordings that the caller may see, the newest intake first. To search by words, POST to `/search`."""
    found = _find(desk, caller, Wanted(**asked.model_dump()))
    return PageOf(items=list(found.items), next=links.next(found.after))


@router.post("/search", responses=problems(400), summary="Search recordings")
def search(desk: AtDesk, caller: Seeing, asked: SearchAsked) -> PageOf[RecordingItem]:
    """The same by words as well, which travel in the body: they may name people. `next` is the cursor to send."""
    found = _find(desk, caller, Wanted(**asked.model_dump()))
    return PageOf(items=list(found.items), next=found.after)


@router.get("/{name}", responses=problems(404), summary="One recording")
def one(response: Response, desk: AtDesk, caller: Seeing, name: str) -> RecordingFile:
    """Everything about one recording, by its reference or id."""
    with desk.house.writing() as session:
        found = dossier(session, caller.asker, name)
        note_details(session, caller, found.line.id)
    response.headers["ETag"] = f'"{found.recording.row_version}"'
    return _file(found)


@router.get("/{name}/history", responses=problems(404), summary="What has happened to it")
def history(
    desk: AtDesk, caller: ReadingHistory, links: PageLinks, name: str, asked: Annotated[EventsAsked, Query()]
) -> PageOf[EventFacts]:
    """The custody events of one recording, oldest first. Reading them is one of them."""
    with desk.house.writing() as session:
        found = recordings.one(session, caller.asker, name)
        note_history(session, caller, found.id)
    with desk.house.reading() as session:
        lines = ledger.history(session, found.id, after=asked.after, limit=asked.limit + 1)
    items = [
        EventFacts(
            id=line.id,
            number=line.subject_no,
            log_number=line.ingest_no,
            at=line.at,
            type=line.type.value,
            operation=line.operation,
            sentence=line.sentence,
            actor=line.actor,
            facts=line.facts,
        )
        for line in lines[: asked.limit]
    ]
    more = str(items[-1].number) if len(lines) > asked.limit else None
    return PageOf(items=items, next=links.next(more))


@router.get("/{name}/receipts", responses=problems(404), summary="Its receipts")
def receipts(desk: AtDesk, caller: Seeing, name: str) -> list[ReceiptFacts]:
    """The signed receipts that agents were given for these bytes."""
    with desk.house.writing() as session:
        found = recordings.one(session, caller.asker, name)
        note_details(session, caller, found.id)
        rows = session.scalars(select(Receipt).where(Receipt.master_id == found.id).order_by(Receipt.issued_at)).all()
    return [
        ReceiptFacts(
            receipt_id=row.id,
            arrival_id=row.arrival_id,
            body_b64=base64.b64encode(row.body).decode(),
            signature_b64=base64.b64encode(row.signature).decode(),
            key_id=row.key_id,
            issued_at=row.issued_at,
        )
        for row in rows
    ]


@router.post("/{name}/retry", responses=problems(404, 409), summary="Ask again for failed work")
def retry(desk: AtDesk, caller: Seeing, name: str) -> Done:
    """Ask again for what failed of this recording. `done` is false where nothing stands failed."""
    with desk.house.writing() as session:
        found = dossier(session, caller.asker, name)
        decision = decide(caller.asker, Action.RETRY_JOB, Resource(officer=found.recording.officer_id))
        if not decision.allow:
            raise NotPermitted(decision.reason)
        return Done(done=retry_failed_work(session, found, by=caller.actor))


@router.head("/{name}/media", include_in_schema=False)
@router.get(
    "/{name}/media",
    responses={200: {"content": {"video/mp4": {}}}, 206: {"description": "A range"}, **problems(404, 416)},
    response_class=Response,
    summary="The bytes that play",
)
def media(request: Request, desk: AtDesk, caller: Watching, name: str, *, view: View = None) -> Response:
    """The copy for playing, or the master where it plays as it is, whole or by a range. The view is recorded first."""
    views: Views = request.app.state.views
    with desk.house.reading() as session:
        row = session.scalars(select(Recording).where(recordings.named(name))).one_or_none()
        source = playback.source_of(session, playback.watchable(caller, row), RenditionKind.PLAYBACK)
    key = playback.view_key(caller, source.recording, view)
    if request.method != "HEAD" and not views.knows(key):
        with desk.house.writing() as session:
            playback.record_view(session, caller, source, key)
        views.learn(key)
    return playback.answer(request, desk.house, source)


@router.head("/{name}/beginning", include_in_schema=False)
@router.get(
    "/{name}/beginning",
    responses={200: {"content": {"video/mp4": {}}}, 206: {"description": "A range"}, **problems(404, 416)},
    response_class=Response,
    summary="The beginning, while the rest is made",
)
def beginning(request: Request, desk: AtDesk, caller: Watching, name: str, *, view: View = None) -> Response:
    """The beginning of a copy that is still being made: never the whole. `X-Covered-Seconds` says how much it is.

    404 where there is none, which is so as well once the whole is there. The view is recorded first.
    """
    views: Views = request.app.state.views
    with desk.house.reading() as session:
        row = session.scalars(select(Recording).where(recordings.named(name))).one_or_none()
        source = playback.beginning_source(session, playback.watchable(caller, row), None)
    key = playback.view_key(caller, source.recording, view, of=f"beginning of {source.beginning_s} s")
    if request.method != "HEAD" and not views.knows(key):
        with desk.house.writing() as session:
            playback.record_view(session, caller, source, key)
        views.learn(key)
    answer = playback.answer(request, desk.house, source)
    answer.headers["X-Covered-Seconds"] = str(source.beginning_s)
    return answer


@router.post("/{name}/urgency", responses=problems(400, 403, 404, 409), summary="Say that it may not wait")
def set_urgency(desk: AtDesk, caller: SettingUrgency, name: str, asked: UrgencyAsked) -> UrgencyFacts:
    """From now on its work goes before all that may wait; nothing that runs is ended for it."""
    with desk.house.writing() as session:
        found = recordings.one(session, caller.asker, name)
        row = raising.set_urgency(session, found.id, asked.reason, until=asked.until, note=asked.note, by=caller.actor)
        return UrgencyFacts.model_validate(row)


@router.delete("/{name}/urgency", responses=problems(403, 404, 409), summary="Say that it may wait again")
def clear_urgency(desk: AtDesk, caller: SettingUrgency, name: str) -> Done:
    """What waits for it goes in its turn again. 409 where nobody had said that it may not wait."""
    with desk.house.writing() as session:
        found = recordings.one(session, caller.asker, name)
        raising.clear_urgency(session, found.id, by=caller.actor)
    return Done()


def _find(desk: Desk, caller: Caller, wanted: Wanted) -> Page[RecordingItem]:
    with desk.house.writing() as session:
        found = recordings.find(session, caller.asker, wanted)
        note_search(session, caller, text=wanted.text, found=len(found.items))
    return Page(tuple(RecordingItem.model_validate(line) for line in found.items), found.after)


def _file(found: Dossier) -> RecordingFile:
    recording = found.recording
    item = RecordingItem.model_validate(found.line)
    beside = {
        "master": found.master,
        "clock_offset_ms": recording.clock_offset_ms,
        "camera_make": recording.camera_make,
        "camera_model": recording.camera_model,
        "officer_as_stated": recording.officer_as_stated,
        "captured_source": recording.captured_source,
        "condition_reason": recording.condition_reason,
        "findings": recording.findings,
        "media": recording.media_facts,
        "renditions": found.renditions,
        "offered": found.offered,
        "sidecars": found.sidecars,
        "quarantines": found.quarantines,
        "urgency": found.urgency,
        "partial": found.beginning is not None,
        "covered_ms": found.beginning.covered_us // 1000 if found.beginning else None,
        "partial_has_sound": found.beginning.has_sound if found.beginning else None,
        "parts_ready": found.parts.ready if found.parts else None,
        "parts": found.parts.of if found.parts else None,
    }
    return RecordingFile.model_validate({**item.model_dump(), **beside}, from_attributes=True)
