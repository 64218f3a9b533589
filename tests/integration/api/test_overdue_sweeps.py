"""A sweep that never gets its turn fails nowhere: the page and the command line say that it does not come."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from api.enquiries.standing import SWEEPS
from api.sweeping import late_sweeps
from evidence import clock
from tests.integration.api.conftest import Visitor
from tests.support.house import World
from tests.support.log import write_events

CENSUS = "completeness.census"
ROUND = (
    "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (:beat) RETURNING id),"
    " j AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
    " SELECT :queue, :task, 'doing', id FROM w RETURNING id)"
    " INSERT INTO procrastinate_events (job_id, type, at) SELECT id, 'started', :started FROM j"
)
ALERT = "Housekeeping does not come when it is due"


def ran(world: World, ago: timedelta, *, name: str = CENSUS, failed: bool = False) -> None:
    """Put on record that a round of a sweep ended so long ago."""
    column = "failed_at" if failed else "succeeded_at"
    with world.house.writing() as session:
        session.execute(
            text(
                f"INSERT INTO periodic_run (name, schedule, {column}) VALUES (:name, '0 */1 * * *', :at)"
                f" ON CONFLICT (name) DO UPDATE SET {column} = excluded.{column}"
            ),
            {"name": name, "at": clock.now() - ago},
        )


def worker(world: World, *, up_for: timedelta, queue: str = "sweep", heard: timedelta = timedelta()) -> None:
    """Let a worker process report."""
    with world.house.writing() as session:
        session.execute(
            text(
                "INSERT INTO worker_report"
                " (id, host, pid, machine, began, software, lanes, facts, draining, started_at, seen_at)"
                " VALUES (gen_random_uuid(), 'host-1', 1, 'm', 1, 'test', CAST(:lanes AS jsonb), '{}', false,"
                " :began, :seen)"
            ),
            {
                "lanes": json.dumps([{"queues": [queue], "worker": 1}]),
                "began": clock.now() - up_for,
                "seen": clock.now() - heard,
            },
        )


def late(world: World) -> list[str]:
    with world.house.reading() as session:
        return [each["words"] for each in late_sweeps(session)]


def test_a_sweep_that_does_not_come_is_told_on_the_page(world: World, as_: Visitor) -> None:
    ran(world, timedelta(minutes=50))
    visitor = as_("supervisor")
    assert ALERT not in visitor.get("/status").text
    ran(world, timedelta(hours=4))
    page = visitor.get("/status").text
    assert ALERT in page
    assert "The count of the store against the records (completeness.census): ran last 4 hours ago, and is" in page
    assert "Overdue" in page


def test_a_worker_that_has_just_begun_is_given_its_turn(world: World) -> None:
    ran(world, timedelta(days=3))
    assert late(world)
    worker(world, up_for=timedelta(days=1), heard=timedelta(days=1))
    worker(world, up_for=timedelta(minutes=5), queue="transcode")
    assert late(world), "neither of these runs sweeps now"
    worker(world, up_for=timedelta(minutes=5))
    assert late(world) == []
    worker(world, up_for=timedelta(hours=5))
    assert late(world)


def test_a_round_that_runs_now_or_has_just_failed_is_no_silence(world: World) -> None:
    ran(world, timedelta(days=1))
    ran(world, timedelta(minutes=5), failed=True)
    assert late(world) == []
    ran(world, timedelta(days=1), failed=True)
    assert late(world)
    with world.house.writing() as session:
        session.execute(text(ROUND), {"task": CENSUS, "queue": "sweep", "beat": clock.now(), "started": clock.now()})
    assert late(world) == []


@pytest.mark.parametrize(
    ("queue", "beat", "started"),
    [("nowhere", 0, 0), ("sweep", 365, 0), ("sweep", -1, 0), ("sweep", 0, -2), ("sweep", 0, 1)],
    ids=["no queue of theirs", "a beat to come", "a dead worker", "for too long", "from a time to come"],
)
def test_a_row_that_is_no_round_covers_for_none(world: World, queue: str, beat: int, started: int) -> None:
    ran(world, timedelta(days=1))
    at = {"beat": clock.now() + timedelta(days=beat), "started": clock.now() + timedelta(days=started)}
    with world.house.writing() as session:
        session.execute(text(ROUND), {"task": CENSUS, "queue": queue, **at})
    assert late(world)


@pytest.fixture
def old_log(world: World) -> None:
    """A log that began thirty hours ago."""
    write_events(world.house, 1)
    first = (
        "INSERT INTO custody.leaf (seq, ingest_no, at, leaf_hash)"
        " SELECT 0, ingest_no, at - interval '30 hours', leaf_hash FROM custody.event LIMIT 1"
    )
    with world.house.writing() as session:
        session.execute(text(first))


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3650)])
def test_a_round_of_a_time_to_come_is_told(world: World, ahead: timedelta) -> None:
    ran(world, -ahead)
    assert "is said to have run at a time to come" in late(world)[0]


@pytest.mark.usefixtures("old_log")
def test_a_sweep_that_an_old_log_has_no_record_of_is_told(world: World) -> None:
    ran(world, timedelta(minutes=1))
    assert {each.rpartition("(")[2].split(")")[0] for each in late(world)} == SWEEPS.keys() - {CENSUS}
    assert all("has never run" in each for each in late(world))
    worker(world, up_for=timedelta(hours=1))
    assert late(world) == [], "who runs sweeps has only begun"
