"""One attempt at one job: the handler in a thread of its own, and the word that it must stop.

The thread lives exactly as long as the handler, and that is on purpose. A child process started with a
parent-death signal gets it when the *thread* that started it ends: a thread from a pool would outlive the
handler and keep a forgotten child alive.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from evidence.jobs.errors import JobStopped
from evidence.jobs.outcomes import Ending, StopReason
from evidence.jobs.port import Progress, RunningJob


class Attempt:
    """A handler at work. Everything but the handler itself happens in the event loop's thread."""

    def __init__(self, job: RunningJob, run: Callable[[RunningJob], None]) -> None:
        self.job = job
        self.written: Progress | None = None
        self._run = run
        self._told_to: StopReason | None = None
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[BaseException | None] = self._loop.create_future()

    @property
    def is_running(self) -> bool:
        """The handler has not returned and has not been given up."""
        return not self._ended.done()

    def stop(self, because: StopReason) -> None:
        """Tell the handler to stop. The first reason stands, unless the job is not ours any more."""
        if self._told_to is None or because is StopReason.LEASE_LOST:
            self._told_to = because
        self.job.stopping.set()

    def abandon(self) -> None:
        """Give up a handler that does not stop. Its thread ends with the process, which must follow at once."""
        self._settle(JobStopped("the handler went on after it was told to stop"))

    async def finish(self) -> Ending:
        """Run the handler to its end. Raises nothing of the handler's: its error is in the ending."""
        threading.Thread(target=self._body, name=f"job {self.job.held.id}", daemon=True).start()
        error = await self._ended
        return Ending(error=error, told_to=self._told_to)

    def _body(self) -> None:
        ending: BaseException | None = None
        try:
            self._run(self.job)
        except BaseException as error:  # noqa: BLE001 - whatever ends a handler becomes the job's recorded outcome
            ending = error
        # The loop is closed when the process has given us up and is on its way out.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, ending)

    def _settle(self, ending: BaseException | None) -> None:
        if not self._ended.done():
            self._ended.set_result(ending)
