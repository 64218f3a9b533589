"""What follows from the way an attempt ended. Pure: the same ending always gives the same outcome."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import StrEnum

from evidence.jobs.errors import JobStopped
from evidence.jobs.port import TaskSpec
from evidence.jobs.rows import FailureReason

DETAIL_LIMIT = 4_000  # characters; an error that quotes a whole log would otherwise be kept whole
TRACE_LIMIT = 20_000


class StopReason(StrEnum):
    """Why a running handler was told to stop."""

    CANCELLED = "cancelled"  # a person cancelled the job
    LEASE_LOST = "lease_lost"  # another worker has the job by now
    SHUTDOWN = "shutdown"  # this worker ends and cannot wait any longer


class End(StrEnum):
    """Where the job goes. The values of the first three are the engine's own words."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "aborted"
    AGAIN = "again"
    NONE = "none"  # nothing is stored: the job is another's


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended: the handler's error, and why it had been told to stop, if it had."""

    error: BaseException | None
    told_to: StopReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where the job goes, after how many seconds, and what is put on record."""

    end: End
    wait: float = 0.0
    reason: FailureReason | None = None

    @property
    def is_final(self) -> bool:
        """The job has failed and stands so until a person acts."""
        return self.end is End.FAILED


def decide(ending: Ending, spec: TaskSpec | None, *, earlier: int, jitter: float, may_wait: bool = True) -> Outcome:
    """Where a job goes after an attempt.

    `earlier` counts its attempts that ended in `retry_on` since a person last acted; `jitter` lies between 0 and
    1; `may_wait` is false when the job cannot go back to its queue.
    """
    if ending.error is None:
        return Outcome(end=End.SUCCEEDED)
    if spec is None:
        return Outcome(end=End.FAILED, reason=FailureReason.UNKNOWN_TASK)
    if ending.told_to is not None:
        outcome = _after_a_stop(ending)
    elif not isinstance(ending.error, spec.retry_on):
        outcome = Outcome(end=End.FAILED, reason=FailureReason.ERROR)
    elif earlier + 1 >= spec.max_attempts:
        outcome = Outcome(end=End.FAILED, reason=FailureReason.TRIED_OUT)
    else:
        wait = pause(spec, earlier=earlier, jitter=jitter)
        outcome = Outcome(end=End.AGAIN, wait=wait, reason=FailureReason.WILL_RETRY)
    if outcome.end is End.AGAIN and not may_wait:
        return Outcome(end=End.FAILED, reason=FailureReason.TWIN_WAITS)
    return outcome


def _after_a_stop(ending: Ending) -> Outcome:
    """A handler that was told to stop has no say in what follows; its own error, if any, is still put on record."""
    reason = None if isinstance(ending.error, JobStopped) else FailureReason.ERROR
    match ending.told_to:
        case StopReason.CANCELLED:
            return Outcome(end=End.STOPPED, reason=reason)
        case StopReason.SHUTDOWN:
            return Outcome(end=End.AGAIN, reason=reason)
        case _:
            return Outcome(end=End.NONE)


def pause(spec: TaskSpec, *, earlier: int, jitter: float) -> float:
    """Seconds before the next attempt: four times longer each time, up to a quarter less by chance.

    The chance keeps a thousand jobs that failed together from coming back together.
    """
    grown = spec.first_wait * 4.0 ** min(earlier, 20)
    return min(grown, spec.longest_wait) * (1 - jitter / 4)


def in_words(error: BaseException) -> str:
    """An error as one text that the database can keep: named, printable, not endless."""
    words = str(error) or (error.__doc__ or "").strip()
    return storable(f"{type(error).__name__}: {words}", limit=DETAIL_LIMIT)


def trace_of(error: BaseException) -> str:
    """The traceback, its end kept where it is too long."""
    text = "".join(traceback.format_exception(error))
    return storable(text[-TRACE_LIMIT:], limit=TRACE_LIMIT)


def storable(text: str, *, limit: int) -> str:
    """Text without what PostgreSQL refuses. Names of files from outside end up in errors.

    A NUL or half a surrogate pair would otherwise make the outcome itself impossible to store, and the job
    would run for ever.
    """
    clean = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
