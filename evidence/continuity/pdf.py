"""Sets a report on paper: A4, fonts within the file, each page numbered "page x of y".

What the font has no sign for is shown as its number in Unicode, `[U+0141]`: nothing disappears from a page.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    LongTable,
    PageBreak,
    PageTemplate,
    Paragraph,
    TableStyle,
)

from evidence.continuity.said import FactList, Report, Section, Sentences, TableOf, utc

FONT, BOLD = "Vera", "VeraBd"  # ship with reportlab, and are set into each file
INK, QUIET, RULE = HexColor("#0b0c0c"), HexColor("#484949"), HexColor("#b1b4b6")
MARGIN = 18 * mm
LONGEST = 1500  # characters of one cell: a row stays on one page


def as_pdf(reports: list[Report]) -> bytes:
    """One file with the report of each exhibit, each beginning on a page of its own."""
    _fonts()
    first = reports[0]
    names = ", ".join(each.reference for each in reports)
    file = io.BytesIO()
    document = BaseDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=22 * mm,
        title=f"Continuity report: {names}",
        author=first.force,
        subject=f"Custody log {first.log}, {utc(first.made)}",
        creator="Continuity",
        lang="en-GB",
        displayDocTitle=1,
    )
    frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate(frames=[frame]))
    story = [part for report in reports for part in _report(report, document.width)][:-1]
    foot = f"{first.force} · {names if len(names) < 60 else f'{len(reports)} exhibits'} · {utc(first.made)}"
    document.build(story, canvasmaker=lambda *given, **named: _Counted(printable(foot), *given, **named))
    return file.getvalue()


class _Counted(Canvas):  # type: ignore[misc] # reportlab has no types
    """Keeps every page until the last is there, so that each can say how many there are."""

    def __init__(self, foot: str, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._foot = foot
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """End a page, and keep it."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Number the pages and write them."""
        for number, page in enumerate(self._kept, start=1):
            self.__dict__.update(page)
            self.setFont(FONT, 7.5)
            self.setFillColor(QUIET)
            self.drawString(MARGIN, 12 * mm, self._foot)
            self.drawRightString(A4[0] - MARGIN, 12 * mm, f"page {number} of {len(self._kept)}")
            super().showPage()
        super().save()


@cache
def _fonts() -> None:
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)


def printable(text: str) -> str:
    """The text with what the font cannot show written as numbers."""
    _fonts()
    signs = pdfmetrics.getFont(FONT).face.charToGlyph
    return "".join(each if _shows(each, signs) else f"[U+{ord(each):04X}]" for each in text)


def _shows(character: str, signs: dict[int, int]) -> bool:
    return ord(character) in signs and unicodedata.category(character) not in {"Cc", "Cf", "Co", "Cn"}


def _style(name: str, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(name, fontName=FONT, fontSize=8.5, leading=12, textColor=INK, **more)


BODY = _style("body", spaceAfter=3)
CELL = _style("cell", wordWrap="CJK")  # breaks anywhere: digests and file names have no spaces
HEAD = ParagraphStyle("head", parent=CELL, fontName=BOLD)
TITLE = ParagraphStyle("title", fontName=BOLD, fontSize=18, leading=23, textColor=INK, spaceAfter=4)
SECTION = ParagraphStyle("section", fontName=BOLD, fontSize=11, leading=15, textColor=INK, spaceBefore=12, spaceAfter=4)
LINED = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
)


def _report(report: Report, width: float) -> Iterator[Flowable]:
    yield Paragraph(_escaped(f"Continuity report: {report.reference}"), TITLE)
    yield Paragraph(_escaped(report.title), BODY)
    yield Paragraph(_escaped(f"{report.force}. Made {utc(report.made)} from the custody log {report.log}."), BODY)
    for section in report.sections:
        yield from _section(section, width)
    yield PageBreak()


def _section(section: Section, width: float) -> Iterator[Flowable]:
    yield CondPageBreak(40 * mm)
    yield Paragraph(_escaped(section.title), SECTION)
    match section:
        case Sentences(lines=lines):
            yield from (Paragraph(_escaped(each), BODY) for each in lines)
        case FactList(rows=rows):
            cells = [[Paragraph(_escaped(name), HEAD), Paragraph(_escaped(value), CELL)] for name, value in rows]
            yield LongTable(cells, colWidths=[width * 0.28, width * 0.72], style=LINED)
        case TableOf(rows=()):
            yield Paragraph(_escaped(section.empty), BODY)
        case TableOf():
            yield _table(section, width)


def _table(table: TableOf, width: float) -> LongTable:
    rows = [[Paragraph(_escaped(each), HEAD) for each in table.heads]]
    rows += [[Paragraph(_escaped(cell), CELL) for cell in row] for row in table.rows]
    widths = [width * each / sum(table.widths) for each in table.widths]
    return LongTable(rows, colWidths=widths, style=LINED, repeatRows=1)


def _escaped(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"
    return escape(printable(text))
