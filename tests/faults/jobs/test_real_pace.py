"""The values that production runs with: how long until a dead worker's job runs again."""

from __future__ import annotations

import time
from dataclasses import asdict

import pytest

from evidence.jobs import JobState
from evidence.jobs.crew import Pace
from tests.faults.jobs.conftest import Record
from tests.integration.evidence.jobs.yard import Yard, eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize(("neighbours", "limit"), [(False, 45.0), (True, 12.0)])
def test_kill_9(yard: Yard, record: Record, neighbours: bool, limit: float) -> None:
    pace = {**asdict(Pace()), "watch_neighbours": neighbours}
    first = yard.worker(**pace)
    [job] = yard.enqueue("child", seconds=120, again=0)
    eventually("it runs", lambda: yard.said("began", job))
    yard.worker(**pace)
    first.kill()
    killed = time.monotonic()
    eventually("it starts again", lambda: len(yard.said("began", job)) == 2)
    again = time.monotonic() - killed
    eventually("it succeeds", lambda: yard.status(job).state is JobState.SUCCEEDED)
    where = "on a living machine" if neighbours else "machine and all"
    record(f"kill -9 at the real pace, {where}", started_again_s=again, limit=limit)
    assert again < limit
