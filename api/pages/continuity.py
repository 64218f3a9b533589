"""The continuity report of a recording as a page and on paper, and packages to hand out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from api import disclosure
from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.pages.rendering import page
from evidence.access import Action, decide
from evidence.continuity.said import FactList, Report, TableOf

router = APIRouter(include_in_schema=False)

Reporting = Annotated[Caller, Depends(may(Action.MAKE_REPORT))]
Packaging = Annotated[Caller, Depends(may(Action.MAKE_PACKAGE))]


@router.get("/recordings/{name}/continuity")
def continuity(request: Request, desk: AtDesk, caller: Reporting, name: str) -> Response:
    """What is said of the exhibit. That it was made is recorded first."""
    line, report = disclosure.continuity(desk, caller, name, waiting=False)
    values = {
        "line": line,
        "report": report,
        "sections": list(_shaped(report)),
        "may_package": decide(caller.asker, Action.MAKE_PACKAGE).allow,
    }
    return page(request, "continuity.html", values, caller=caller)


@router.get("/recordings/{name}/continuity.pdf")
def on_paper(desk: AtDesk, caller: Reporting, name: str) -> Response:
    """The same as a PDF, once the log has published what it tells."""
    return disclosure.continuity_pdf(desk, caller, name)


@router.post("/recordings/{name}/package")
def package(
    desk: AtDesk, caller: Packaging, name: str, names: Annotated[str, Form(pattern="^(told|sealed)$")] = "told"
) -> Response:
    """A package of the recording, as a ZIP file. That it was made is recorded first."""
    return disclosure.package(desk, caller, name, names=names == "told")


def _shaped(report: Report) -> list[dict[str, object]]:
    """Sections with a word for their shape, which a template can ask for."""
    shaped: list[dict[str, object]] = []
    for section in report.sections:
        kind = "facts" if isinstance(section, FactList) else "table" if isinstance(section, TableOf) else "sentences"
        shaped.append({"kind": kind, "section": section})
    return shaped
