"""The agent's only source of time: aware UTC for facts, monotonic seconds for durations.

The agent's clock decides nothing about custody; it is written down beside its measured offset from the server's.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

AS_TEXT = "%Y-%m-%dT%H:%M:%S.%fZ"


def now() -> datetime:
    """The present moment on this host, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one place that asks


def now_ns() -> int:
    """The present moment on this host in ns since 1970: to compare with a file's own time, and for nothing else."""
    return time.time_ns()


def monotonic() -> float:
    """Seconds that only ever go forward, whatever is done to the host's clock."""
    return time.monotonic()


def as_text(moment: datetime) -> str:
    """A moment in the one form that travels: `YYYY-MM-DDThh:mm:ss.ffffffZ`."""
    return moment.astimezone(UTC).strftime(AS_TEXT)


def now_as_text() -> str:
    """The present moment in the form that travels."""
    return as_text(now())


def from_text(text: str) -> datetime:
    """Read an ISO 8601 time that names its zone. Raises ValueError where it does not."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say its time zone")
    return moment.astimezone(UTC)
