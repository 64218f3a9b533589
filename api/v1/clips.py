"""Clips: ask for one, see how far it is, take it out. Clips are the recording's: who may watch it may clip it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StrictInt
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from api import clipping, playback
from api.authentication import Caller
from api.clipping import Wish
from api.dependencies import AtDesk, may
from api.enquiries import clips, recordings
from api.records_of_reading import note_details
from api.v1.conventions import PageLinks, Paging, problems
from api.v1.shapes import Asked, PageOf, Shape
from evidence.access import Action
from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.models import Clip, Recording
from evidence.vocabulary import ClipKind, RenditionState

router = APIRouter(tags=["Clips"])

Watching = Annotated[Caller, Depends(may(Action.WATCH))]


class ClipAsked(Asked):
    """What is to be cut out. Frames are numbered from 0 in the order in which they are shown."""

    kind: ClipKind = ClipKind.CLIP
    unit: Literal["frame", "microsecond"] = Field(
        default="frame", description="Microseconds from the beginning of the recording are for sound alone"
    )
    start: int = Field(strict=True, ge=0, le=2**53 - 1, description="The first frame that is in it, or when it begins")
    end: int = Field(
        strict=True, ge=0, le=2**53 - 1, description="The frame after the last one that is in it, or when it ends"
    )
    sounds: list[StrictInt] | None = Field(
        default=None, max_length=16, description="Stream numbers of sound tracks; without it, every one"
    )
    write_time: bool = Field(default=False, description="Write each picture's time into it")
    write_reference: bool = Field(default=False, description="Write the reference into each picture")
    write_collar: bool = Field(default=False, description="Write the officer's collar number into each picture")
    reference: str = Field(default="", max_length=60, description="To be written instead of the recording's reference")


class ClipFacts(Shape):
    """One clip, how far it is, and what it was made of and how."""

    id: UUID
    recording: str = Field(examples=["R0000123"])
    kind: ClipKind
    state: RenditionState
    reason: str | None = Field(description="Why it could not be made")
    recipe: dict[str, Any] = Field(description="All that went into it; the same recipe gives the same bytes")
    recipe_sha256: str
    master_sha256: str
    file: str | None = Field(description="Where its bytes are, once it is ready")
    file_name: str | None
    size: int | None
    sha256: str | None
    content_type: str | None
    packets_sha256: str | None
    facts: dict[str, Any] = Field(description="Which packets are the master's own, and which are encoded")
    argv: list[Any]
    tool: dict[str, Any]
    asked_at: datetime
    made_at: datetime | None


@router.post("/recordings/{name}/clips", responses=problems(400, 404), status_code=201, summary="Have a clip made")
def ask(response: Response, desk: AtDesk, caller: Watching, name: str, asked: ClipAsked) -> ClipFacts:
    """Ask for a clip, a still picture or sound alone. The same again is answered with the one that there is (200)."""
    with desk.house.writing() as session:
        recording = _recording(session, caller, name)
        row, fresh = clipping.ask(session, desk.house, caller, recording, Wish(**asked.model_dump()))
        session.flush()
        session.refresh(row)
        if not fresh:
            response.status_code = 200
        response.headers["Location"] = f"/api/v1/clips/{row.id}"
        return _facts(row, recording)


@router.get("/recordings/{name}/clips", responses=problems(400, 404), summary="Its clips")
def listed(
    desk: AtDesk, caller: Watching, links: PageLinks, name: str, asked: Annotated[Paging, Query()]
) -> PageOf[ClipFacts]:
    """What has been cut out of a recording, the newest first."""
    with desk.house.writing() as session:
        recording = _recording(session, caller, name)
        note_details(session, caller, recording.id)
        found = clips.of_recording(session, recording.id, after=asked.after, limit=asked.limit)
        items = [_facts(line.clip, recording) for line in found.items]
    return PageOf(items=items, next=links.next(found.after))


@router.get("/clips/{clip}", responses=problems(404), summary="One clip")
def one(desk: AtDesk, caller: Watching, clip: UUID) -> ClipFacts:
    """How far it is, and everything about it."""
    with desk.house.writing() as session:
        row = clipping.seen(session, caller, clip)
        note_details(session, caller, row.recording_id)
        return _facts(row, session.get_one(Recording, row.recording_id))


@router.post("/clips/{clip}/retry", responses=problems(404, 409), summary="Ask again for a clip that failed")
def retry(desk: AtDesk, caller: Watching, clip: UUID) -> ClipFacts:
    """Have a clip made that could not be made before."""
    with desk.house.writing() as session:
        row = clipping.ask_again(session, caller, clip)
        return _facts(row, session.get_one(Recording, row.recording_id))


@router.get(
    "/clips/{clip}/file",
    responses={
        200: {"content": {"video/mp4": {}, "image/png": {}, "audio/mp4": {}, "audio/wav": {}}},
        206: {"description": "A range"},
        **problems(404, 416),
    },
    response_class=Response,
    summary="The bytes of a clip",
)
def file(request: Request, desk: AtDesk, caller: Watching, clip: UUID) -> Response:
    """The file, whole or by a range. That it is taken out is recorded first."""
    with desk.house.writing() as session:
        source, name = clipping.take_out(session, caller, clip, piece="range" in request.headers)
    return playback.answer(request, desk.house, source, name=name)


def _recording(session: ReadSession, caller: Caller, name: str) -> Recording:
    row = session.scalars(select(Recording).where(recordings.named(name))).one_or_none()
    return playback.watchable(caller, row)


def _facts(row: Clip, recording: Recording) -> ClipFacts:
    ready = row.state is RenditionState.READY
    told = {name: getattr(row, name) for name in ClipFacts.model_fields if hasattr(row, name)}
    return ClipFacts(
        **{
            **told,
            "recording": recording_reference(recording.number),
            "file": f"/api/v1/clips/{row.id}/file" if ready else None,
            "file_name": clipping.file_name(row, recording) if ready else None,
        }
    )
