"""Numbers and times as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.wording import clock_offset, count, duration, each_once, how_long, moment, size, written_moment

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (3_600_000_000, "3.6 GB"),
        (123_456, "123 kB"),
    ],
)
def test_sizes(number: int, said: str) -> None:
    assert size(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7200, "2 hours"), (200_000, "2 days")],
)
def test_spans(seconds: int, said: str) -> None:
    assert how_long(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(("milliseconds", "said"), [(None, "–"), (0, "0:00"), (65_000, "1:05"), (3_723_000, "1:02:03")])
def test_lengths(milliseconds: int | None, said: str) -> None:
    assert duration(milliseconds) == said


def test_a_moment_carries_its_zone_in_winter_and_summer() -> None:
    assert moment(datetime(2026, 1, 3, 14, 5, tzinfo=UTC), LONDON) == "3 January 2026, 14:05 GMT"
    assert moment(datetime(2026, 7, 3, 14, 5, 9, tzinfo=UTC), LONDON, seconds=True) == "3 July 2026, 15:05:09 BST"


def test_counting() -> None:
    assert [count(1, "file"), count(1200, "file"), count(2, "bay", "bays")] == ["1 file", "1,200 files", "2 bays"]


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (None, "Not measured"),
        (400, "Agrees with the server to the second"),
        (-90_000, "2 minutes slow"),
        (5000, "5 seconds fast"),
    ],
)
def test_clock_offsets(milliseconds: int | None, said: str) -> None:
    assert clock_offset(milliseconds) == said


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("27 November 2026, 14:05", datetime(2026, 11, 27, 14, 5, tzinfo=UTC)),
        ("27 November 2026, 14:05 GMT", datetime(2026, 11, 27, 14, 5, tzinfo=UTC)),
        ("1 july 2026 14:05", datetime(2026, 7, 1, 13, 5, tzinfo=UTC)),
        ("25 October 2026, 01:30 BST", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("25 October 2026, 01:30 GMT", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("1 July 2026, 14:05 UTC", datetime(2026, 7, 1, 14, 5, tzinfo=UTC)),
        ("1 July 2026, 14:05 GMT", None),
        ("31 February 2026, 14:05", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_moment_is_read_back_as_it_is_written(words: str, meant: datetime | None) -> None:
    assert written_moment(words, LONDON) == meant


def test_what_is_true_of_several_is_said_once() -> None:
    said = ["Encoding, 40 %", "Waiting for a worker", "Waiting for a worker", "Waiting for a worker"]
    assert each_once(said) == ["Encoding, 40 %.", "Waiting for a worker (3 pieces of work)."]
