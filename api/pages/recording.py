"""One recording: the player, what is known of it, and what has happened to it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import playback
from api.acts import retry_failed_work
from api.authentication import Caller
from api.dependencies import AtDesk, Desk, may
from api.enquiries import recordings
from api.enquiries.children import ENDINGS
from api.enquiries.dossier import Dossier, dossier, has_sound, media_lines, shows_pictures
from api.looks import (
    CONDITIONS,
    KINDS,
    PLAYABILITIES,
    RENDITION_KINDS,
    RENDITION_METHODS,
    RENDITION_STATES,
    URGENCY_REASONS,
)
from api.pages.clips import list_values
from api.pages.rendering import go_to, page
from api.playback import Source, Views
from api.records_of_reading import note_details, note_history
from api.wording import clock_offset
from evidence import clock
from evidence.access import Action, Resource, decide
from evidence.custody import ledger
from evidence.database import ReadSession
from evidence.errors import LogDisagrees, NotPermitted
from evidence.models import Recording
from evidence.vocabulary import RenditionKind
from transcode import clip_records

router = APIRouter(include_in_schema=False)

Seeing = Annotated[Caller, Depends(may(Action.SEE_RECORDING))]
Watching = Annotated[Caller, Depends(may(Action.WATCH))]
ReadingHistory = Annotated[Caller, Depends(may(Action.READ_HISTORY))]
HISTORY_PAGE = 100


@router.get("/recordings/{name}")
def recording(request: Request, desk: AtDesk, caller: Seeing, name: str) -> Response:
    """The player and the details. That they were read is recorded before they are shown."""
    with desk.house.writing() as session:
        found = dossier(session, caller.asker, name)
        if name != found.line.reference:
            return RedirectResponse(f"/recordings/{found.line.reference}", 303)
        note_details(session, caller, found.line.id)
        beside = list_values(session, found.recording)
    return page(request, "recording.html", {**beside, **_values(found, caller)}, caller=caller)


@router.get("/recordings/{name}/history")
def history(request: Request, desk: AtDesk, caller: ReadingHistory, name: str, after: int = 0) -> Response:
    """What happened to it, sentence by sentence."""
    with desk.house.writing() as session:
        found = recordings.one(session, caller.asker, name)
        note_history(session, caller, found.id)
    with desk.house.reading() as session:
        lines = ledger.history(session, found.id, after=min(max(0, after), 2**53), limit=HISTORY_PAGE + 1)
        agreeing, disagrees = _checked(session, found.id)
    values = {
        "line": found,
        "lines": lines[:HISTORY_PAGE],
        "more": lines[HISTORY_PAGE - 1].subject_no if len(lines) > HISTORY_PAGE else None,
        "agreeing": agreeing,
        "disagrees": disagrees,
        "may_report": decide(caller.asker, Action.MAKE_REPORT).allow,
    }
    return page(request, "history.html", values, caller=caller)


@router.get("/recordings/{name}/standing")
def standing(request: Request, desk: AtDesk, caller: Seeing, name: str, *, player: bool = False) -> Response:
    """How far the preparation is, for the page to ask now and then while it waits. `player`: the page has one."""
    with desk.house.reading() as session:
        found = dossier(session, caller.asker, name)
    return page(request, "parts/standing.html", {**_values(found, caller), "has_player": player}, caller=caller)


@router.post("/recordings/{name}/retry")
def retry(desk: AtDesk, caller: Seeing, name: str) -> Response:
    """A person asks again for what failed."""
    with desk.house.writing() as session:
        found = dossier(session, caller.asker, name)
        decision = decide(caller.asker, Action.RETRY_JOB, Resource(officer=found.recording.officer_id))
        if not decision.allow:
            raise NotPermitted(decision.reason)
        again = retry_failed_work(session, found, by=caller.actor)
    note = "It is tried again." if again else "Nothing stands failed any more."
    return go_to(f"/recordings/{found.line.reference}", note=note)


@router.get("/recordings/{name}/media")
@router.head("/recordings/{name}/media")
def media(request: Request, desk: AtDesk, caller: Watching, name: str, view: str | None = None) -> Response:
    """The bytes that play, by ranges. The first of a viewing is recorded before it is answered."""
    with desk.house.reading() as session:
        source = _source(session, caller, name, RenditionKind.PLAYBACK)
    if request.method != "HEAD":
        _record(request, desk, caller, source, view)
    return playback.answer(request, desk.house, source)


@router.get("/recordings/{name}/beginning")
@router.head("/recordings/{name}/beginning")
def beginning(
    request: Request, desk: AtDesk, caller: Watching, name: str, made: UUID | None = None, view: str | None = None
) -> Response:
    """The beginning of a copy that is still being made. Whoever watches it is recorded as ever."""
    with desk.house.reading() as session:
        row = session.scalars(select(Recording).where(recordings.named(name))).one_or_none()
        source = playback.beginning_source(session, playback.watchable(caller, row), made)
    if request.method != "HEAD":
        _record(request, desk, caller, source, view)
    return playback.answer(request, desk.house, source)


@router.get("/recordings/{name}/poster")
def poster(request: Request, desk: AtDesk, caller: Watching, name: str) -> Response:
    """The still picture of lists and pages. The list or page that shows it is what was recorded."""
    with desk.house.reading() as session:
        source = _source(session, caller, name, RenditionKind.POSTER)
    return playback.answer(request, desk.house, source)


@router.get("/recordings/{name}/waveform")
def waveform(request: Request, desk: AtDesk, caller: Watching, name: str) -> Response:
    """How loud it is when: no content to speak of, and drawn as soon as the page is there."""
    with desk.house.reading() as session:
        source = _source(session, caller, name, RenditionKind.WAVEFORM)
    return playback.answer(request, desk.house, source)


@router.get("/recordings/{name}/frames")
def frames(request: Request, desk: AtDesk, caller: Watching, name: str) -> Response:
    """When each frame is shown."""
    with desk.house.reading() as session:
        source = _source(session, caller, name, RenditionKind.FRAMES)
    return playback.answer(request, desk.house, source)


@router.get("/recordings/{name}/storyboard/{file}")
def storyboard(
    request: Request, desk: AtDesk, caller: Watching, name: str, file: str, view: str | None = None
) -> Response:
    """One sheet of the storyboard, or the list of what is where. Whoever sees it has seen the recording."""
    with desk.house.reading() as session:
        source = _source(session, caller, name, RenditionKind.STORYBOARD)
    wanted = playback.beside(desk.house, source, file)
    _record(request, desk, caller, source, view)
    return playback.answer(request, desk.house, wanted)


def _checked(session: ReadSession, subject: UUID) -> tuple[int, str]:
    """How many events follow one another as they should, or the words of the first disagreement."""
    try:
        return ledger.check_subject(session, subject), ""
    except LogDisagrees as disagrees:
        return 0, str(disagrees)


def _source(session: ReadSession, caller: Caller, name: str, kind: RenditionKind) -> Source:
    row = session.scalars(select(Recording).where(recordings.named(name))).one_or_none()
    return playback.source_of(session, playback.watchable(caller, row), kind)


def _record(request: Request, desk: Desk, caller: Caller, source: Source, view: str | None) -> None:
    views: Views = request.app.state.views
    of = f"beginning of {source.beginning_s} s" if source.beginning_s is not None else ""
    key = playback.view_key(caller, source.recording, view, of=of)
    if not views.knows(key):
        with desk.house.writing() as session:
            playback.record_view(session, caller, source, key)
        views.learn(key)


def _values(found: Dossier, caller: Caller) -> dict[str, object]:
    resource = Resource(officer=found.recording.officer_id)
    return {
        "file": found,
        "line": found.line,
        "recording": found.recording,
        "master": found.master,
        "playback": found.ready(RenditionKind.PLAYBACK),
        "beginning": found.beginning,
        "parts": found.parts,
        "urgency": found.urgency,
        "may_set_urgency": decide(caller.asker, Action.SET_URGENCY, resource).allow,
        "urgency_reasons": URGENCY_REASONS,
        "tomorrow": clock.now() + timedelta(days=1),
        "endings": {how.value: look for how, look in ENDINGS.items()},
        "has_storyboard": found.ready(RenditionKind.STORYBOARD) is not None,
        "has_waveform": found.ready(RenditionKind.WAVEFORM) is not None,
        "has_frames": found.ready(RenditionKind.FRAMES) is not None,
        "media_lines": media_lines(found.recording.media_facts),
        "has_sound": bool(found.recording.media_facts and has_sound(found.recording.media_facts)),
        "cuttable": not clip_records.is_repair(found.ready(RenditionKind.PLAYBACK)),
        "is_sound": not shows_pictures(found.recording.media_facts),
        "offset": clock_offset(found.recording.clock_offset_ms),
        "view": secrets.token_urlsafe(18),
        "may_report": decide(caller.asker, Action.MAKE_REPORT, resource).allow,
        "may_retry": decide(caller.asker, Action.RETRY_JOB, resource).allow,
        "may_decide": decide(caller.asker, Action.DECIDE_QUARANTINE, resource).allow and caller.person is not None,
        "watch": decide(caller.asker, Action.WATCH, resource),
        "kinds": KINDS,
        "conditions": CONDITIONS,
        "playabilities": PLAYABILITIES,
        "rendition_kinds": RENDITION_KINDS,
        "rendition_methods": RENDITION_METHODS,
        "rendition_states": RENDITION_STATES,
    }
