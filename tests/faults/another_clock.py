"""`python -m tests.faults.another_clock run`: the agent on a host whose clock is set back while it runs.

The clock of this machine is everybody's, and the kernel's time namespaces hold no wall clock: so what the agent's
one place for the time asks the host is given another host's answer here, two hours slow from SIGUSR1 on.
Durations are untouched, as they are by a real change of the clock.
"""

from __future__ import annotations

import signal
import sys
import time
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Self

from typing_extensions import override

from ingest.agent import clock
from ingest.agent.__main__ import main

SET_BACK = timedelta(hours=2)
slow = timedelta()


class OtherHost(datetime):
    """The host's wall clock, less what it was set back."""

    @classmethod
    @override
    def now(cls, tz: tzinfo | None = None) -> Self:
        """The present moment there."""
        return super().now(tz) - slow


def set_back(*_: object) -> None:
    """Somebody sets the clock."""
    global slow  # noqa: PLW0603 - a host has one clock
    slow = SET_BACK


def time_ns() -> int:
    """The present moment there, in ns since 1970."""
    return time.time_ns() - int(slow.total_seconds()) * 1_000_000_000


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, set_back)
    vars(clock).update(datetime=OtherHost, time=SimpleNamespace(time_ns=time_ns, monotonic=time.monotonic))
    sys.exit(main())
