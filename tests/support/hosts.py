"""A worker host as the database knows it, without a process: for pages that show one."""

from __future__ import annotations

import json

from sqlalchemy import text

from evidence import jobs
from evidence.identifiers import new_id
from evidence.jobs import JobRequest
from tests.support.house import World

FACTS = {"sandbox": [{}], "sandbox_missing": ["seccomp"], "hardware_encoders": ["h264_nvenc"]}


class Stage:
    """The host `bench-1` with room for two encodes: one job runs on it, one waits."""

    def __init__(self, world: World) -> None:
        self.world = world
        with world.house.writing() as session:
            request = JobRequest(task="transcode.render", args={"rendition": "x"}, queue="transcode")
            self.running, self.waiting = jobs.enqueue_all(session, [request, request])
            worker = session.scalar(text("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"))
            session.execute(
                text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker WHERE id = :id"),
                {"worker": worker, "id": self.running},
            )
            session.execute(
                text(
                    "INSERT INTO worker_report (id, host, pid, machine, began, software, lanes, facts, draining)"
                    " VALUES (:id, 'bench-1', 4711, '', 0, 'continuity 1', :lanes, :facts, false)"
                ),
                {
                    "id": new_id(),
                    "lanes": json.dumps([{"queues": ["transcode"], "concurrency": 2, "worker": worker}]),
                    "facts": json.dumps(FACTS),
                },
            )
            session.execute(
                text(
                    "INSERT INTO job_progress (job_id, attempt, phase, fraction, speed)"
                    " VALUES (:id, 0, 'encoding', 0.25, 2.5)"
                ),
                {"id": self.running},
            )

    def environment(self) -> dict[str, str]:
        """The settings of a command that speaks to this world."""
        said = self.world.settings.model_dump(exclude_none=True, exclude_defaults=True)
        words = {name: getattr(value, "get_secret_value", lambda value=value: value)() for name, value in said.items()}
        return {f"CONTINUITY_{name.upper()}": str(value) for name, value in words.items()}
