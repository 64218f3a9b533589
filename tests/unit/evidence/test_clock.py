"""Times: aware, in UTC, in one written form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from evidence import clock


def test_now_is_aware_and_in_utc() -> None:
    before = clock.now()
    assert before.utcoffset() == timedelta(0)
    assert before <= clock.now()


def test_a_moment_is_written_in_one_form() -> None:
    summer = timezone(timedelta(hours=1))
    assert clock.as_text(datetime(2026, 7, 1, 0, 30, tzinfo=summer)) == "2026-06-30T23:30:00.000000Z"
    assert clock.as_text(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)) == "2026-01-02T03:04:05.000006Z"


def test_what_was_written_reads_back_as_the_same_moment() -> None:
    moment = datetime(2026, 11, 23, 7, 45, 12, 123456, tzinfo=UTC)
    assert clock.from_text(clock.as_text(moment)) == moment


@pytest.mark.parametrize("text", ["2026-07-01T00:30:00+01:00", "2026-06-30T23:30:00Z", "2026-06-30T23:30Z"])
def test_other_zones_are_read_into_utc(text: str) -> None:
    read = clock.from_text(text)
    assert read == datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    assert read.tzinfo is UTC


def test_a_time_without_a_zone_is_not_a_fact() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        clock.as_text(datetime(2026, 7, 1))  # noqa: DTZ001 - the naive time is the point
    with pytest.raises(ValueError, match="time zone"):
        clock.from_text("2026-07-01T00:30:00")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "1767225600"])
def test_words_that_are_no_time_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - datetime's own sentence
        clock.from_text(text)
