"""When a sweep counts as overdue: after its second missed tick and the time in which that is made up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evidence.jobs.overdue import overdue

AT = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night on which clocks in Britain go forward
HOURLY, DAILY, OFTEN = "0 */1 * * *", "17 3 * * *", "* * * * * */30"


@pytest.mark.parametrize(
    ("schedule", "limit"),
    [
        (HOURLY, timedelta(minutes=30 + 60 + 10)),
        (DAILY, timedelta(hours=2, minutes=47 + 10, days=1)),
        (OFTEN, timedelta(minutes=1 + 10)),
    ],
)
def test_the_second_tick_and_its_grace_decide(schedule: str, limit: timedelta) -> None:
    assert not overdue(schedule, AT, AT)
    assert not overdue(schedule, AT, AT + limit)
    assert overdue(schedule, AT, AT + limit + timedelta(seconds=1))


def test_a_time_to_come_is_overdue_and_a_clock_a_little_ahead_is_not() -> None:
    assert overdue(HOURLY, AT + timedelta(days=365), AT)
    assert not overdue(HOURLY, AT + timedelta(minutes=9), AT)


@pytest.mark.parametrize("schedule", ["", "never", "0 0 31 2 *", "99 * * * *"])
def test_a_schedule_that_nobody_can_read_counts_as_overdue(schedule: str) -> None:
    assert overdue(schedule, AT, AT)
