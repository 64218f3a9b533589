"""A worker host as the database knows it, without a process: for pages that show one."""

from __future__ import annotations

import json

from pydantic import SecretStr
from sqlalchemy import text

from evidence import jobs
from evidence.identifiers import new_id
from evidence.jobs import JobRequest
from tests.support.house import World

FACTS = {
    "sandbox": [{}],
    "sandbox_missing": ["seccomp"],
    "hardware_encoders": ["h264_nvenc"],
    "encoder": "h264_nvenc",
    "encoder_because": "h264_nvenc encoded 30 pictures in 0.3 s",
    "slots_because": "one for each of 2 cores (its affinity); memory (23.5 GiB by the machine) carries 35",
}


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


def environment_of(world: World) -> dict[str, str]:
    """The settings of a process that belongs to this world."""
    said = world.settings.model_dump(exclude_none=True, exclude_defaults=True)
    words = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in said.items()}
    receipts = {"CONTINUITY_INGEST_RECEIPT_KEY_FILE": str(world.folder / "receipt-key.pem")}
    return {**{f"CONTINUITY_{name.upper()}": str(value) for name, value in words.items()}, **receipts}
