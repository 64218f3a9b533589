"""Each lane of a process has its own slots: urgent work does not wait behind a two-hour job."""

from __future__ import annotations

from evidence.jobs import JobState
from tests.integration.evidence.jobs.yard import Yard, eventually

LANES = ({"queues": ["transcode"], "concurrency": 2}, {"queues": ["urgent", "verify"], "concurrency": 1})


def test_a_full_lane_leaves_the_other_free(yard: Yard) -> None:
    worker = yard.worker(lanes=LANES)
    slow = yard.enqueue("child", count=3, queue="transcode", seconds=60)
    eventually("two run", lambda: len(yard.said("began")) == 2)
    [urgent] = yard.enqueue("note", queue="urgent")
    [verify] = yard.enqueue("note", queue="verify")
    eventually("both are done", lambda: len(yard.said("noted")) == 2, within=20)
    assert {line["job"] for line in yard.said("noted")} == {urgent, verify}
    assert [yard.status(job).state for job in slow].count(JobState.WAITING) == 1
    assert {line["pid"] for line in yard.said("noted")} == {worker.pid}


def test_a_lane_leaves_other_queues_alone(yard: Yard) -> None:
    yard.worker(lanes=LANES)
    [job] = yard.enqueue("note", queue="somewhere")
    [mine] = yard.enqueue("note", queue="verify")
    eventually("its own is done", lambda: yard.status(mine).state is JobState.SUCCEEDED)
    assert yard.status(job).state is JobState.WAITING
