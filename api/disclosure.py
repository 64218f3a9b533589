"""What is handed out of a recording: its continuity report, and packages. Each is recorded before it is made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from starlette.responses import Response, StreamingResponse

from api.authentication import Caller
from api.dependencies import Desk
from api.enquiries import recordings
from api.enquiries.recordings import RecordingLine
from evidence.access import Action, Resource, decide
from evidence.continuity import report
from evidence.continuity.gather import Wanted
from evidence.continuity.pdf import as_pdf
from evidence.continuity.said import Report
from evidence.errors import NotPermitted
from evidence.models import Recording
from evidence.package.make import Order, begin, stream

PDF, ZIP = "application/pdf", "application/zip"
AT_ONCE = timedelta(0)


def continuity(desk: Desk, caller: Caller, name: str, *, waiting: bool) -> tuple[RecordingLine, Report]:
    """The continuity report of a recording; `waiting`: for the log to publish what it tells.

    Raises NotFound, NotPermitted.
    """
    line = _allowed(desk, caller, name, Action.MAKE_REPORT)
    wanted = Wanted(recording=line.id, force=desk.house.settings.force_name)
    within = report.A_MOMENT if waiting else AT_ONCE
    return line, report.make(desk.house, wanted, by=caller.actor, within=within)


def continuity_pdf(desk: Desk, caller: Caller, name: str) -> Response:
    """The same on paper. Raises NotFound, NotPermitted."""
    line, made = continuity(desk, caller, name, waiting=True)
    return Response(as_pdf([made]), media_type=PDF, headers=_saved_as(f"continuity-{line.reference}.pdf"))


def package(desk: Desk, caller: Caller, name: str, *, names: bool) -> Response:
    """A package of one recording, as the bytes of a ZIP file. `names`: whether personal values are told.

    Raises NotFound, NotPermitted, NotYetInLog, DoesNotHold; what goes wrong after that breaks the file off, and nobody
    can open it.
    """
    line = _allowed(desk, caller, name, Action.MAKE_PACKAGE)
    ready = begin(desk.house, Order(recordings=(line.id,), names=names), by=caller.actor)
    return StreamingResponse(_some(stream(desk.house, ready)), media_type=ZIP, headers=_saved_as(f"{ready.name}.zip"))


def _some(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return (each for each in pieces if each)


def _allowed(desk: Desk, caller: Caller, name: str, action: Action) -> RecordingLine:
    with desk.house.reading() as session:
        line = recordings.one(session, caller.asker, name)
        officer = session.get_one(Recording, line.id).officer_id
    decision = decide(caller.asker, action, Resource(officer=officer))
    if not decision.allow:
        raise NotPermitted(decision.reason)
    return line


def _saved_as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
