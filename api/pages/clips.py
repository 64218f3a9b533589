"""The clips of a recording: asked for beside the player, listed while they are made, taken out once they are."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from api import clipping, playback
from api.authentication import Caller
from api.clipping import MICROSECONDS, Wish
from api.dependencies import AtDesk, Desk, may
from api.enquiries import clips, recordings
from api.errors import BadRequest
from api.looks import CLIP_KINDS, RENDITION_STATES
from api.pages.rendering import go_to, page
from evidence.access import Action
from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.models import Recording
from evidence.vocabulary import ClipKind

router = APIRouter(include_in_schema=False)

Watching = Annotated[Caller, Depends(may(Action.WATCH))]
PER_PAGE = 25


class Asked(BaseModel):
    """The form beside the player. People count frames from 1 and name the last one; places of sound are in seconds."""

    model_config = ConfigDict(extra="ignore")

    kind: ClipKind = ClipKind.CLIP
    first: str = ""
    last: str = ""
    shown: str = ""
    begins: str = ""
    ends: str = ""
    sound: str = ""
    write_time: str = ""
    write_reference: str = ""
    write_collar: str = ""
    reference: str = ""


@router.get("/recordings/{name}/clips")
def listed(request: Request, desk: AtDesk, caller: Watching, name: str, after: str | None = None) -> Response:
    """The list, for the page to ask for while something is being made."""
    with desk.house.reading() as session:
        recording = _recording(session, caller, name)
        values = list_values(session, recording, after=after)
    return _shown(request, caller, values)


@router.post("/recordings/{name}/clips")
def ask(request: Request, desk: AtDesk, caller: Watching, name: str, asked: Annotated[Asked, Form()]) -> Response:
    """A person asks for a clip, the frame on the screen, or the sound."""
    said, fault = "", ""
    try:
        with desk.house.writing() as session:
            recording = _recording(session, caller, name)
            _, fresh = clipping.ask(session, desk.house, caller, recording, _wish(asked, recording))
        what = CLIP_KINDS[asked.kind]
        said = f"{what} is being made." if fresh else f"{what} of exactly this was asked for before: it is in the list."
    except BadRequest as refused:
        fault = str(refused)
    if "hx-request" not in request.headers:
        return go_to(f"/recordings/{name}", note=said or fault)
    return _answered(request, desk, caller, name, said=said, fault=fault)


@router.post("/clips/{clip}/retry")
def retry(request: Request, desk: AtDesk, caller: Watching, clip: UUID) -> Response:
    """A person asks again for what could not be made."""
    with desk.house.writing() as session:
        row = clipping.ask_again(session, caller, clip)
        name = recording_reference(session.get_one(Recording, row.recording_id).number)
    if "hx-request" not in request.headers:
        return go_to(f"/recordings/{name}", note="It is tried again.")
    return _answered(request, desk, caller, name, said="It is tried again.")


@router.get("/clips/{clip}/file")
def file(request: Request, desk: AtDesk, caller: Watching, clip: UUID) -> Response:
    """The bytes. That they are taken out is recorded before the first of them leaves."""
    with desk.house.writing() as session:
        source, name = clipping.take_out(session, caller, clip, piece="range" in request.headers)
    return playback.answer(request, desk.house, source, name=name)


def list_values(session: ReadSession, recording: Recording, *, after: str | None = None) -> dict[str, Any]:
    """What the list shows."""
    found = clips.of_recording(session, recording.id, after=after, limit=PER_PAGE)
    return {
        "clips": found,
        "clips_after": after,
        "clips_of": recording_reference(recording.number),
        "clip_kinds": CLIP_KINDS,
        "rendition_states": RENDITION_STATES,
        "clip_names": {line.clip.id: clipping.file_name(line.clip, recording) for line in found.items},
    }


def _answered(request: Request, desk: Desk, caller: Caller, name: str, *, said: str = "", fault: str = "") -> Response:
    with desk.house.reading() as session:
        values = list_values(session, _recording(session, caller, name))
    return _shown(request, caller, {**values, "clip_said": said, "clip_fault": fault})


def _shown(request: Request, caller: Caller, values: dict[str, Any]) -> Response:
    template = "parts/clips.html" if "hx-request" in request.headers else "clips.html"
    return page(request, template, values, caller=caller)


def _recording(session: ReadSession, caller: Caller, name: str) -> Recording:
    row = session.scalars(select(Recording).where(recordings.named(name))).one_or_none()
    return playback.watchable(caller, row)


def _wish(asked: Asked, recording: Recording) -> Wish:
    words: dict[str, Any] = {
        name: bool(getattr(asked, name)) for name in ("write_time", "write_reference", "write_collar")
    }
    if asked.kind is ClipKind.STILL:
        shown = _frame(asked.shown or asked.first, "Show the frame that is to be saved.")
        return Wish(kind=asked.kind, unit="frame", start=shown - 1, end=shown, reference=asked.reference, **words)
    if asked.kind is ClipKind.SOUND:
        return _sound(asked, recording)
    first = _frame(asked.first, "Set where the clip begins.")
    last = _frame(asked.last, "Set where the clip ends.")
    sounds = None if asked.sound else ()
    return Wish(
        kind=asked.kind, unit="frame", start=first - 1, end=last, sounds=sounds, reference=asked.reference, **words
    )


def _sound(asked: Asked, recording: Recording) -> Wish:
    """Sound between the in and the out point; all of it where neither is set."""
    if asked.first or asked.last:
        first = _frame(asked.first, "Set where the sound begins.")
        return Wish(kind=asked.kind, unit="frame", start=first - 1, end=_frame(asked.last, "Set where the sound ends."))
    whole = (recording.duration_ms or 0) / 1000
    begins, ends = _seconds(asked.begins, 0.0), _seconds(asked.ends, whole)
    return Wish(kind=asked.kind, unit="microsecond", start=round(begins * MICROSECONDS), end=round(ends * MICROSECONDS))


def _frame(said: str, otherwise: str) -> int:
    if not said.strip():
        raise BadRequest(otherwise)
    if not said.strip().isdecimal() or not 0 < int(said) < 10**12:
        raise BadRequest("Frames are whole numbers from 1.")
    return int(said)


def _seconds(said: str, otherwise: float) -> float:
    try:
        found = float(said) if said.strip() else otherwise
    except ValueError as error:
        raise BadRequest("Give the time in seconds, such as 12.5.") from error
    if not 0 <= found < 10**9:
        raise BadRequest("Give the time in seconds, such as 12.5.")
    return found
