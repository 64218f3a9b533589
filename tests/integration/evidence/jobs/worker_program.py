"""A real worker process for tests: its jobs start real children, and write what happens to a file.

The file, and not the database, because these tests take the database away.
Run as `python -m tests.integration.evidence.jobs.worker_program '<orders as JSON>'`.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from evidence.database import open_engine
from evidence.jobs import JobStopped, Lane, LeaseLost, RunningJob, TaskSpec, held
from evidence.jobs.crew import Pace
from evidence.jobs.periodic import Periodic
from evidence.jobs.worker import run_worker

# The child asks for its own end when the thread that started it ends, as a sandboxed child does.
CHILD = """
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(1, 9)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and not os.path.exists(sys.argv[2]):
    time.sleep(0.02)
"""


class Hand:
    """The tasks of a test worker. `say` appends one line about what happened."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self._url: str = orders["url"]
        self._book = Path(orders["book"])

    def say(self, what: str, job: RunningJob, **more: Any) -> None:
        line = {
            "what": what,
            "job": job.held.id,
            "attempt": job.held.attempt,
            "pid": os.getpid(),
            "at": time.monotonic(),
        }
        with self._book.open("a", encoding="ascii") as book:
            book.write(json.dumps({**line, **more}) + "\n")

    def noop(self, job: RunningJob) -> None:
        """Nothing at all."""

    def note(self, job: RunningJob) -> None:
        self.say("noted", job)

    def child(self, job: RunningJob) -> None:
        """Runs a child for `seconds` (`again` in a later attempt) or until the file `until` is there.

        With `result` it commits one row behind the fence.
        """
        seconds = job.args["seconds"] if job.held.attempt == 0 else job.args.get("again", job.args["seconds"])
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(seconds), str(job.args.get("until", ""))])
        self.say("began", job, child=child.pid)
        while child.poll() is None:
            job.report("sleeping", 0.5)
            if job.stopping.wait(0.05):
                child.kill()
                child.wait()
                self.say("stopped", job)
                raise JobStopped
        if job.args.get("result"):
            self._commit(job)
        self.say("ended", job)

    def stubborn(self, job: RunningJob) -> None:
        """Takes no notice of being told to stop."""
        self.say("began", job)
        time.sleep(60)

    def poison(self, job: RunningJob) -> None:
        self.say("began", job)
        os.kill(os.getpid(), 9)

    def paused(self, job: RunningJob) -> None:
        """Waits for its file, then commits behind the fence, whatever it has been told meanwhile."""
        self.say("began", job)
        while not Path(str(job.args["until"])).exists():
            time.sleep(0.02)
        self._commit(job)
        self.say("ended", job)

    def _commit(self, job: RunningJob) -> None:
        engine = open_engine(self._url, pool_size=1)
        try:
            with Session(engine) as session, session.begin():
                row = {"job": job.held.id, "attempt": job.held.attempt}
                session.execute(text("INSERT INTO test_result VALUES (:job, :attempt)"), row)
                held(session, job.held)
        except LeaseLost:
            self.say("refused", job)
            raise
        finally:
            engine.dispose()


def main() -> None:
    orders = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", filename=orders["log"])
    hand = Hand(orders)
    runs = (hand.noop, hand.note, hand.child, hand.stubborn, hand.poison, hand.paused)
    run_worker(
        orders["url"],
        [
            TaskSpec(name=f"test.{run.__name__}", queue="test", priority=0, run=run, opens_media=run == hand.child)
            for run in runs
        ],
        [Lane(tuple(lane["queues"]), lane["concurrency"]) for lane in orders["lanes"]],
        periodics=[Periodic("test.sweep", hand.note, every_seconds=1)] if orders["sweep"] else [],
        pace=Pace(**orders["pace"]),
        software="test 1",
        facts={"sandbox": ["none"], "sandbox_missing": ["seccomp"]},
        host=orders["host"],
    )


if __name__ == "__main__":
    main()
