"""JobsError
├── JobStopped            a handler stopped because it was asked to       the engine decides what follows
├── LeaseLost             the attempt is no longer this worker's          commit nothing, stop
├── EngineVersionDiffers  package and database are of different versions  migrate, or install the pinned one
├── LanesRefused          the worker's lanes do not fit its tasks         mend the command line
└── HandlersAbandoned     handlers did not stop in time                   end the process now
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence.errors import EvidenceError


class JobsError(EvidenceError):
    """The job engine cannot do what was asked."""


class JobStopped(JobsError):
    """Raised by a handler that saw `stopping` and has ended its child and cleared up."""


class LeaseLost(JobsError):
    """The attempt has been taken from its worker; its result must not be committed."""

    def __init__(self, job_id: int, *, attempt: int) -> None:
        super().__init__(f"job {job_id} is no longer held by attempt {attempt}")
        self.job_id, self.attempt = job_id, attempt


class EngineVersionDiffers(JobsError):
    """The engine's schema and its package must be of one version."""

    def __init__(self, *, wanted: str, found: str | None, where: str) -> None:
        has = "no job engine" if found is None else f"job engine {found}"
        super().__init__(f"the {where} has {has}, this software needs {wanted}: run `continuity migrate`")
        self.wanted, self.found, self.where = wanted, found, where


class LanesRefused(JobsError):
    """The lanes of a worker do not fit the tasks and sweeps that it was given."""


class HandlersAbandoned(JobsError):
    """Some handlers went on after they were told to stop; their jobs have been given back."""

    def __init__(self, job_ids: Sequence[int]) -> None:
        super().__init__(f"handlers did not stop in time: jobs {', '.join(map(str, job_ids))} were given back")
        self.job_ids = tuple(job_ids)
