"""The world that the job engine's tests speak to: a database, worker processes, and what they wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy.orm import Session

from evidence.database import open_engine
from evidence.jobs import JobRequest, JobStatus, Lane, TaskSpec, enqueue_all, status
from evidence.jobs.crew import Pace
from evidence.jobs.periodic import Periodic
from evidence.jobs.worker import run_worker

ROOT = Path(__file__).parents[4]

# Small enough for a test, and in the proportions of the real pace.
BRISK: dict[str, Any] = {"beat": 0.4, "stall": 4.0, "poll": 0.5, "progress": 0.2, "watch_neighbours": False}
TEST_LANE = ({"queues": ["test"], "concurrency": 2},)


def eventually(what: str, condition: Callable[[], Any], *, within: float = 60) -> Any:
    """Wait until the condition gives something true, and return it; fail with its name otherwise."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)
    return found


def is_alive(pid: int) -> bool:
    """The process runs, and is not just a corpse that nobody has fetched."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return words[0] not in {"Z", "X"}


class Yard:
    """One database with its worker processes. Ends every process that it started."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.book = folder / "book.jsonl"
        self.book.touch()
        self.engine = open_engine(url, pool_size=2)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.sql("CREATE TABLE test_result (job bigint, attempt bigint)")

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.engine.dispose()

    def worker(self, **order: Any) -> subprocess.Popen[bytes]:
        """Start a worker process and wait until the database knows each of its lanes."""
        before = len(self.reports())
        process = self.start(**order)

        def is_known() -> bool:
            assert process.poll() is None, f"the worker ended: {self.log_of(process)}"
            return len(self.reports()) > before

        eventually("the worker reports itself", is_known)
        return process

    def start(
        self,
        *,
        lanes: Sequence[dict[str, Any]] = TEST_LANE,
        prefix: Sequence[str] = (),
        url: str | None = None,
        sweep: bool = False,
        host: str = "",
        **pace: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a worker process. `prefix` is a command that runs it, `url` how it reaches the database."""
        orders = {
            "url": url or self.url,
            "book": str(self.book),
            "log": str(self._log(len(self.workers))),
            "lanes": list(lanes),
            "sweep": sweep,
            "host": host,
            "pace": {**BRISK, **pace},
        }
        command = [*prefix, sys.executable, "-m", "tests.integration.evidence.jobs.worker_program", json.dumps(orders)]
        process = subprocess.Popen(command, cwd=ROOT)
        self.workers.append(process)
        return process

    def reports(self) -> list[dict[str, Any]]:
        """Worker processes whose lanes are all registered."""
        rows = self.rows("SELECT * FROM worker_report ORDER BY started_at")
        return [row for row in rows if all(lane["worker"] is not None for lane in row["lanes"])]

    def age_of(self, worker: subprocess.Popen[bytes]) -> float:
        """Seconds since the worker first reported itself; 0 before that."""
        rows = self.rows(
            "SELECT extract(epoch FROM now() - started_at)::float AS age FROM worker_report WHERE pid = %s", worker.pid
        )
        return float(rows[0]["age"]) if rows else 0.0

    def enqueue(self, task: str, *, count: int = 1, queue: str = "test", **args: str | int) -> list[int]:
        requests = [JobRequest(task=f"test.{task}", args=args, queue=queue) for _ in range(count)]
        with Session(self.engine) as session, session.begin():
            return enqueue_all(session, requests)

    def status(self, job: int) -> JobStatus:
        with Session(self.engine) as session:
            return status(session, [job])[job]

    def raw_state(self, job: int) -> str:
        """The engine's own word for the job's state."""
        return str(self.rows("SELECT status::text FROM procrastinate_jobs WHERE id = %s", job)[0]["status"])

    def failures(self, job: int) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM job_failure WHERE job_id = %s ORDER BY id", job)

    def reasons(self, job: int) -> list[str]:
        return [row["reason"] for row in self.failures(job)]

    def results(self) -> list[tuple[int, int]]:
        return [(row["job"], row["attempt"]) for row in self.rows("SELECT * FROM test_result ORDER BY attempt")]

    def sql(self, statement: str, *words: Any) -> None:
        with psycopg.connect(self.url, autocommit=True) as db:
            db.execute(statement, words)

    def rows(self, statement: str, *words: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as db:
            return db.execute(statement, words).fetchall()

    def said(self, what: str, job: int | None = None) -> list[dict[str, Any]]:
        """What the workers wrote, in order."""
        lines = [json.loads(line) for line in self.book.read_text().splitlines()]
        return [line for line in lines if line["what"] == what and job in (None, line["job"])]

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        return self._log(self.workers.index(worker)).read_text()

    def _log(self, number: int) -> Path:
        return self.folder / f"worker-{number}.log"


@contextmanager
def working(url: str, *tasks: TaskSpec, periodics: Sequence[Periodic] = (), **pace: Any) -> Iterator[threading.Event]:
    """A worker in a thread of this process, for tests that kill nothing."""
    queues = tuple({each.queue for each in tasks} | ({"sweep"} if periodics else set()))
    stop, failed = threading.Event(), []

    def run() -> None:
        try:
            run_worker(url, tasks, [Lane(queues, 4)], periodics=periodics, stop=stop, pace=Pace(**{**BRISK, **pace}))
        except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive(), "the worker does not end"
        if failed:
            raise failed[0]
