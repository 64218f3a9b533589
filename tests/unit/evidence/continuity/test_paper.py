"""Reports on paper: numbered pages, what the file says of itself, and signs that no font has."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from evidence.continuity.pdf import as_pdf, printable
from evidence.continuity.said import FactList, Report, Sentences, TableOf, utc

MADE = datetime(2026, 11, 23, 10, 30, 0, 250_000, tzinfo=UTC)


def report(*, rows: int = 3, title: str = "Doorstep", value: str = "ab" * 64) -> Report:
    lines = tuple((str(number), "2026-11-23 10:00:00", "master.stored", "Read back") for number in range(rows))
    sections = (
        FactList("The master", (("SHA-512", value),)),
        TableOf("What was done", ("Log no.", "Time (UTC)", "Event", "What happened"), lines, (10, 20, 22, 48)),
        TableOf("Working copies", ("Copy",), (), (1,)),
        Sentences("What is not proved", ("That the pictures show what happened.",)),
    )
    return Report(
        force="Testshire Police", log="custody.test/1", reference="R0000001", title=title, made=MADE, sections=sections
    )


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_it_says_of_itself_what_it_is() -> None:
    pdf = as_pdf([report()])
    assert pdf.startswith(b"%PDF-")
    assert b"/Title (Continuity report: R0000001)" in pdf
    assert b"/Author (Testshire Police)" in pdf
    assert b"/Lang (en-GB)" in pdf
    assert b"/DisplayDocTitle true" in pdf
    assert re.search(rb"/MediaBox \[ 0 0 595\.\d+ 841\.\d+ \]", pdf), "it is not A4"
    assert pdf.rstrip().endswith(b"%%EOF")
    assert b"/FontFile2" in pdf, "its fonts are not in it"


def test_every_page_is_numbered_however_many_there_are() -> None:
    assert pages(as_pdf([report()])) == 1
    long = as_pdf([report(rows=400)])
    assert pages(long) > 5
    assert pages(as_pdf([report(), report()])) == 2


def test_no_text_is_too_long_or_too_odd_for_it() -> None:
    odd = "Łódź <b>&amp; 😀 \u202e\x07 " + "x" * 5000
    assert pages(as_pdf([report(title=odd, value=odd)])) >= 1


def test_what_the_font_does_not_have_is_shown_as_its_number() -> None:
    assert printable("Åsa Łuk") == "Åsa Łuk"
    assert printable("田😀") == "[U+7530][U+1F600]"
    assert printable("a\u202eb\x07") == "a[U+202E]b[U+0007]"


def test_times_are_in_utc_and_to_the_second() -> None:
    assert utc(MADE) == "2026-11-23 10:30:00 UTC"
    assert utc(None) == "not known"
