"""Continuity reports and packages, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api import disclosure
from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.v1.conventions import problems
from api.v1.shapes import Shape
from evidence.access import Action
from evidence.continuity.said import FactList, Section, Sentences

router = APIRouter(prefix="/recordings", tags=["Continuity"])

Reporting = Annotated[Caller, Depends(may(Action.MAKE_REPORT))]
Packaging = Annotated[Caller, Depends(may(Action.MAKE_PACKAGE))]


class ReportSection(Shape):
    """A part of a report: rows under headings, or sentences where there is no heading."""

    title: str
    heads: list[str]
    rows: list[list[str]]


class ContinuityReport(Shape):
    """What is said of one exhibit."""

    force: str
    log: str
    reference: str
    title: str
    made: datetime
    sections: list[ReportSection]
    contradicted: list[str] = Field(description="What does not hold, a sentence each: do not rely on the report")


class PackageAsked(BaseModel):
    """What a package is to tell."""

    model_config = ConfigDict(extra="forbid")

    names: bool = Field(default=True, description="False: names of people, devices and files stay sealed")


@router.get("/{name}/continuity", responses=problems(404), summary="Its continuity report")
def continuity(desk: AtDesk, caller: Reporting, name: str) -> ContinuityReport:
    """Where it came from, who did what with which number in the log, what is proved and by whom. Recorded first."""
    _, report = disclosure.continuity(desk, caller, name, waiting=False)
    return ContinuityReport(
        force=report.force,
        log=report.log,
        reference=report.reference,
        title=report.title,
        made=report.made,
        sections=[_section(each) for each in report.sections],
        contradicted=list(report.contradicted),
    )


@router.get(
    "/{name}/continuity.pdf",
    responses={200: {"content": {disclosure.PDF: {}}}, **problems(404)},
    response_class=Response,
    summary="Its continuity report as a PDF",
)
def on_paper(desk: AtDesk, caller: Reporting, name: str) -> Response:
    """The same on paper, once the log has published what it tells."""
    return disclosure.continuity_pdf(desk, caller, name)


@router.post(
    "/{name}/package",
    responses={200: {"content": {disclosure.ZIP: {}}}, **problems(404)},
    response_class=Response,
    summary="A package to hand out",
)
def package(desk: AtDesk, caller: Packaging, name: str, asked: PackageAsked) -> Response:
    """The recording with everything that is needed to check it without us, as a ZIP file. Recorded first."""
    return disclosure.package(desk, caller, name, names=asked.names)


def _section(section: Section) -> ReportSection:
    match section:
        case FactList():
            return ReportSection(title=section.title, heads=["name", "value"], rows=[list(row) for row in section.rows])
        case Sentences():
            return ReportSection(title=section.title, heads=[], rows=[[line] for line in section.lines])
        case _:
            rows = [list(row) for row in section.rows]
            return ReportSection(title=section.title, heads=list(section.heads), rows=rows)
