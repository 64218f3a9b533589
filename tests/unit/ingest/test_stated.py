"""Times as stated in text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.stated import Precision, ZoneSource, stated_epoch, stated_in_formats, stated_iso


@pytest.mark.parametrize(
    ("text", "at", "zone"),
    [
        ("2026-03-14T09:07:00Z", datetime(2026, 3, 14, 9, 7, tzinfo=UTC), ZoneSource.STATED),
        ("2026-07-14T09:07:00.016256Z", datetime(2026, 7, 14, 9, 7, 0, 16256, tzinfo=UTC), ZoneSource.STATED),
        ("2026-07-14T09:07:00+01:00", datetime(2026, 7, 14, 8, 7, tzinfo=UTC), ZoneSource.STATED),
        ("2026-07-14 09:07:00,5 +0100", datetime(2026, 7, 14, 8, 7, 0, 500000, tzinfo=UTC), ZoneSource.STATED),
        (" 2026-07-14 09:07:00 ", datetime(2026, 7, 14, 8, 7, tzinfo=UTC), ZoneSource.LOCAL),
    ],
)
def test_iso_times_are_read(text: str, at: datetime, zone: ZoneSource) -> None:
    stated = stated_iso(text)
    assert stated is not None
    assert (stated.at, stated.zone, stated.text) == (at, zone, text.strip())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-13-45T99:99:99Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "2026-07-14T09:07:00+99:99",
        "2026-W11-6",
        "2026-07-14",
        "２０２６-07-14T09:07:00Z",
        "2026-07-14T09:07:00Z\n2026",
    ],
)
def test_what_is_no_time_gives_none(text: str) -> None:
    assert stated_iso(text) is None


def test_an_epoch_is_utc() -> None:
    stated = stated_epoch("1773479220")
    assert stated is not None
    assert (stated.at, stated.zone) == (datetime(2026, 3, 14, 9, 7, tzinfo=UTC), ZoneSource.UTC)


@pytest.mark.parametrize("text", ["0", "1e9", "9999999999", "-5", "17734792200000000"])
def test_an_epoch_outside_our_age_gives_none(text: str) -> None:
    assert stated_epoch(text) is None


def test_configured_forms_are_tried_in_turn() -> None:
    forms = ("%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%z")
    first = stated_in_formats("14/07/2026 09:07:11", forms, otherwise=ZoneSource.LOCAL)
    second = stated_in_formats("202607140907+0200", forms, otherwise=ZoneSource.LOCAL)
    assert first is not None
    assert second is not None
    assert (first.at, first.zone) == (datetime(2026, 7, 14, 8, 7, 11, tzinfo=UTC), ZoneSource.LOCAL)
    assert (second.at, second.zone) == (datetime(2026, 7, 14, 7, 7, tzinfo=UTC), ZoneSource.STATED)
    assert stated_in_formats("14.07.2026", forms, otherwise=ZoneSource.LOCAL) is None


def test_precision_follows_the_text() -> None:
    minutes, seconds = stated_iso("2026-07-14T09:07Z"), stated_iso("2026-07-14T09:07:00Z")
    assert minutes is not None
    assert seconds is not None
    assert (minutes.precision, seconds.precision) == (Precision.MINUTE, Precision.SECOND)
    assert (minutes.wall, seconds.wall) == ("2026-07-14T09:07", "2026-07-14T09:07:00")
