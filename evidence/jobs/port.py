"""The words that rooms and the job engine have in common. Pure; no engine is named here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from evidence.jobs.rows import FailureReason


class JobState(StrEnum):
    """How far a job is. CANCELLED never ran; STOPPED was running when a person cancelled it."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One job to be done. Arguments are identifiers, never facts about media: they are kept as plain JSON.

    A higher `priority` is fetched first. Jobs with the same `lock` never run at the same time, and run in order.
    """

    task: str
    args: Mapping[str, str | int]
    queue: str
    priority: int = 0
    lock: str | None = None


@dataclass(frozen=True, slots=True)
class HeldJob:
    """The lease of one attempt: what `held` compares before a result may commit."""

    id: int
    owner: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What a handler last said of itself. `fraction` runs from 0 to 1; None where nobody can know it.

    `speed` is in seconds of recording done in one second, where the work goes along a recording.
    """

    phase: str
    fraction: float | None = None
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt did not succeed, in words."""

    reason: FailureReason
    detail: str
    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as it stands now. `progress` while it runs; `failure` is the latest nobody has acted on.

    `cancelled_by` is who cancelled it, until somebody asks for it again.
    """

    id: int
    task: str
    queue: str
    state: JobState
    priority: int
    attempt: int
    stopping: bool
    not_before: datetime | None
    progress: Progress | None
    failure: Failure | None
    cancelled_by: str | None = None


@dataclass(slots=True, kw_only=True)
class RunningJob:
    """What a handler is given. It looks at `stopping` often; once set, it ends its child and raises JobStopped."""

    held: HeldJob
    task: str
    args: Mapping[str, str | int]
    queue: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)
    said: Progress | None = None

    def report(self, phase: str, fraction: float | None, speed: float | None = None) -> None:
        """Say how far the work is, as often as one likes: it is written down every two seconds at most."""
        self.said = Progress(phase, None if fraction is None else min(max(fraction, 0.0), 1.0), speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A kind of job, and the function that does it.

    `run` is synchronous, runs in a thread of its own and may be run again after any crash. Exceptions in
    `retry_on` mean that something was away: the job waits `first_wait` seconds, then longer each time up to
    `longest_wait`, and fails after `max_attempts` such ends. Any other exception fails it at once. `opens_media`: it
    runs children whose endings are counted; an attempt that is lost with its worker counts as one that nobody saw end.
    """

    name: str
    queue: str
    priority: int
    run: Callable[[RunningJob], None]
    max_attempts: int = 5
    retry_on: tuple[type[Exception], ...] = ()
    first_wait: float = 5.0
    longest_wait: float = 900.0
    opens_media: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """Jobs of these queues, so many at a time. A slot is kept by its job: give urgent work a lane of its own."""

    queues: tuple[str, ...]
    concurrency: int
