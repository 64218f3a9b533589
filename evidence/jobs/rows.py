"""What the job engine writes for people to read: progress, failures, who works, what people asked, and when sweeps ran.

The engine's own tables are in schema.py; nothing here is custody, and any row may go when its job is long done.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word


class FailureReason(StrEnum):
    """Why an attempt did not succeed."""

    WILL_RETRY = "will_retry"  # something was away; the job waits and runs again by itself
    TRIED_OUT = "tried_out"  # something was away at every attempt that the task allows
    ERROR = "error"  # the task failed in a way that another attempt would not mend
    WORKER_LOST = "worker_lost"  # the worker died or was cut off; another takes the job up
    BURIED = "buried"  # workers died on this job too often; it is not tried again
    TWIN_WAITS = "twin_waits"  # it could not wait again, because a newer one of its kind already waits
    UNKNOWN_TASK = "unknown_task"  # no such task in the software that fetched the job
    REFUSED = "refused"  # the outcome of an attempt that was no longer this job's


class JobProgress(Base):
    """How far the running attempt of a job is; gone when the job ends."""

    __tablename__ = "job_progress"

    job_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    phase: Mapped[str]
    fraction: Mapped[float | None]
    speed: Mapped[float | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class JobFailure(Base):
    """One attempt that did not succeed. `final`: the job failed with it and stands until a person acts."""

    __tablename__ = "job_failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(index=True)
    task: Mapped[str]
    queue: Mapped[str]
    subject: Mapped[str]
    attempt: Mapped[int]
    reason: Mapped[FailureReason] = mapped_column(word(FailureReason))
    detail: Mapped[str]
    trace: Mapped[str | None]
    final: Mapped[bool]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    acted_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_job_failure_open", "queue", "at", postgresql_where=text("final AND acted_at IS NULL")),)


class JobCancellation(Base):
    """A person cancelled a job. Stands until somebody asks for the job again or lets it be."""

    __tablename__ = "job_cancellation"

    job_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    task: Mapped[str]
    queue: Mapped[str]
    subject: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    acted_at: Mapped[datetime | None]


class HostOrder(Base):
    """A host is to take no new jobs, until a person resumes it. `hand_back`: nor to finish those that it has."""

    __tablename__ = "host_order"

    host: Mapped[str] = mapped_column(primary_key=True)
    hand_back: Mapped[bool]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class WorkerReport(Base):
    """One worker process, as it last described itself. `machine` and `began` tell it from any other process."""

    __tablename__ = "worker_report"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    machine: Mapped[str]
    began: Mapped[int]
    software: Mapped[str]
    lanes: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]
    draining: Mapped[bool]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class PeriodicRun(Base):
    """When a periodic sweep last succeeded and last failed: a sweep that does not run must be noticed."""

    __tablename__ = "periodic_run"

    name: Mapped[str] = mapped_column(primary_key=True)
    schedule: Mapped[str]
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    detail: Mapped[str | None]
