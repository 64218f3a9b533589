"""Background work: what the rooms ask of it, and nothing of how it is done.

A job is enqueued in the transaction of the row that it serves, and its result commits only behind `held`.
Rows stay the truth; a job is the nudge. The engine behind this door is Procrastinate, driven by engine.py
and worker.py, which only the process that runs workers imports.
"""

from evidence.jobs.errors import JobsError, JobStopped, LeaseLost
from evidence.jobs.hosts import CancelledJob, CurrentJob, DrainOrder, HostLine, HostState, cancelled, hosts, running
from evidence.jobs.hosts import drain as drain_host
from evidence.jobs.hosts import is_known as is_known_host
from evidence.jobs.hosts import resume as resume_host
from evidence.jobs.overdue import overdue
from evidence.jobs.port import (
    Failure,
    HeldJob,
    JobRequest,
    JobState,
    JobStatus,
    Lane,
    Progress,
    RunningJob,
    TaskSpec,
)
from evidence.jobs.queue import cancel, dismiss, ended_before, enqueue, enqueue_all, held, move, retry, status
from evidence.jobs.rows import FailureReason
from evidence.jobs.summary import QueueLine, SweepLine, Waiting, WorkerLine, waiting

__all__ = [
    "CancelledJob",
    "CurrentJob",
    "DrainOrder",
    "Failure",
    "FailureReason",
    "HeldJob",
    "HostLine",
    "HostState",
    "JobRequest",
    "JobState",
    "JobStatus",
    "JobStopped",
    "JobsError",
    "Lane",
    "LeaseLost",
    "Progress",
    "QueueLine",
    "RunningJob",
    "SweepLine",
    "TaskSpec",
    "Waiting",
    "WorkerLine",
    "cancel",
    "cancelled",
    "dismiss",
    "drain_host",
    "ended_before",
    "enqueue",
    "enqueue_all",
    "held",
    "hosts",
    "is_known_host",
    "move",
    "overdue",
    "resume_host",
    "retry",
    "running",
    "status",
    "waiting",
]
