"""Procrastinate's worker, made safe for jobs that run for hours.

It keeps beating while it drains, lives through an outage of the database, finds dead workers by itself, tells
a handler to stop when the job has become another's, lets go of a job that it was handed but never heard of,
and stores an outcome only for an attempt that is still its own.

Overrides methods of `procrastinate.worker.Worker` that begin with an underscore, hence the pinned version;
the tests in tests/integration/evidence/jobs and tests/faults/jobs say what each override is for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import psycopg
from procrastinate import exceptions, job_context, jobs, utils
from procrastinate.worker import Worker
from psycopg.rows import dict_row
from typing_extensions import override

from evidence.jobs import storing
from evidence.jobs.app import EngineApp
from evidence.jobs.attempt import Attempt
from evidence.jobs.crew import Crew
from evidence.jobs.outcomes import Ending, StopReason
from evidence.jobs.port import HeldJob, Lane, RunningJob, TaskSpec
from evidence.jobs.reporting import Report, write_progress
from evidence.jobs.rescue import ONLY_THE_DECLARED, declare_dead_neighbours, forget_reports, rescue_one
from evidence.jobs.storing import Done

log = logging.getLogger(__name__)

AWAY = (exceptions.ConnectorException, psycopg.Error, TimeoutError, OSError)

BEAT = "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker)s RETURNING id"
OURS = "SELECT id, attempts, worker_id FROM procrastinate_jobs WHERE worker_id = ANY(%(workers)s) AND status = 'doing'"
LET_GO = """
UPDATE procrastinate_jobs SET worker_id = NULL
WHERE id = %(id)s AND status = 'doing' AND worker_id = %(owner)s AND attempts = %(attempt)s"""

FAREWELL = 2.0  # seconds; a worker that cannot say that it ends is noticed by its heartbeat all the same
STAY_TO_THE_END = {"beat", "aborts", "progress"}


async def for_ever(name: str, make: Callable[[], Awaitable[None]]) -> None:
    """Run something again whenever it fails: a side task may fail, its worker may not."""
    pause = 0.5
    while True:
        began = time.monotonic()
        try:
            await make()
        except Exception as error:  # noqa: BLE001 - every kind of failure is tried again, and said
            log.warning("%s: %r", name, error)
        pause = 0.5 if time.monotonic() - began > 30 else min(pause * 2, 5)
        await asyncio.sleep(pause)


class EngineWorker(Worker):
    """One lane of a worker process. One lane of each process is its `keeper` and also looks after the others."""

    def __init__(self, *, app: EngineApp, crew: Crew, lane: Lane, report: Report, is_keeper: bool) -> None:
        super().__init__(
            app=app,
            queues=list(lane.queues),  # a list becomes an array, a tuple would become a row
            name=",".join(lane.queues),
            concurrency=lane.concurrency,
            fetch_job_polling_interval=crew.pace.poll,
            abort_job_polling_interval=crew.pace.beat,
            install_signal_handlers=False,
            additional_context={"worker": self},
        )
        self.lane = lane
        self._crew = crew
        self._pace = crew.pace
        self._engine = app
        self._report = report
        self._is_keeper = is_keeper
        self._attempts: dict[int, Attempt] = {}
        self._endings: dict[int, tuple[Attempt, Ending]] = {}
        self._strays: set[tuple[int, int, int]] = set()
        self._notices = 0
        self._in_touch_since: float | None = None
        for queue in lane.queues:
            crew.ears.setdefault(queue, []).append(self._handle_notification)

    # --- running and storing ---------------------------------------------------------------------------

    async def attempt(self, job: jobs.Job, spec: TaskSpec) -> None:
        """Run the handler in its thread, and keep its ending for `_persist_job_status`."""
        lease = lease_of(job)
        told = cast(dict[str, str | int], dict(job.task_kwargs))
        attempt = Attempt(RunningJob(held=lease, task=spec.name, args=told, queue=job.queue), spec.run)
        self._attempts[lease.id] = attempt
        if lease.id in self._job_ids_to_abort:
            attempt.stop(_why(self._job_ids_to_abort[lease.id]))
        try:
            self._endings[lease.id] = (attempt, await attempt.finish())
        except RuntimeError as error:  # the system gives no more threads
            self._endings[lease.id] = (attempt, Ending(error=error))
        finally:
            del self._attempts[lease.id]

    @override
    async def _persist_job_status(
        self,
        job: jobs.Job,
        status: jobs.Status,
        retry_decision: Any,
        context: job_context.JobContext,
        job_result: job_context.JobResult | None,
    ) -> None:
        lease = lease_of(job)
        attempt, ending = self._endings.pop(lease.id, (None, _never_began(job)))
        done = Done(
            lease=lease,
            task=job.task_name,
            queue=job.queue,
            args=job.task_kwargs,
            spec=self._crew.specs.get(job.task_name),
            ending=ending,
            spoke=attempt is not None and attempt.job.said is not None,
            schedule=self._crew.sweeps.get(job.task_name),
        )
        if ending.told_to is StopReason.LEASE_LOST:
            log.error("job %s attempt %s had become another's: nothing is stored", lease.id, lease.attempt)
            await self._note_return(done)
        else:
            await self._store(done)
        self._job_ids_to_abort.pop(lease.id, None)

    async def _note_return(self, done: Done) -> None:
        """Say that this worker had not died of the job that was taken from it; rescuers count those that did."""
        try:
            await storing.note_refusal(self._engine.pool, done)
        except AWAY as error:
            log.warning("job %s: that its worker came back is not noted: %r", done.lease.id, error)

    async def _store(self, done: Done) -> None:
        """Store the outcome, however long the database is away; only a process that must end gives up."""
        pause, broken = 0.25, False
        while True:
            try:
                outcome = await storing.store(self._engine.pool, done)
                if outcome is None and not (broken and await storing.was_stored(self._engine.pool, done)):
                    log.error("job %s attempt %s: outcome refused", done.lease.id, done.lease.attempt)
                    await storing.note_refusal(self._engine.pool, done)
            except AWAY as error:
                broken = True
                log.warning("job %s: its outcome is not stored yet: %r", done.lease.id, error)
                if self._crew.leaving:
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5)
            else:
                log.info("job %s %s: %s", done.lease.id, done.task, outcome)
                return

    @override
    def _log_job_outcome(self, *args: Any, **kwargs: Any) -> None:
        """`_store` says what became of the job, once it is known."""

    # --- fetching --------------------------------------------------------------------------------------

    @override
    async def _handle_notification(self, *, channel: str, notification: jobs.Notification) -> None:
        self._notices += 1
        await super()._handle_notification(channel=channel, notification=notification)

    @override
    async def _fetch_and_process_jobs(self) -> None:
        """Fetch until nothing is left. A notice that comes during the last fetch would be forgotten with it,
        and its job found only by the next poll: so the queue is looked at once more."""
        seen = -1
        while seen != self._notices and not self._stop_event.is_set():
            if self._crew.going.is_set():
                self.stop()  # type: ignore[no-untyped-call] # theirs
                return
            seen = self._notices
            try:
                await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call] # theirs
            except AWAY as error:
                log.warning("fetch: %r", error.__cause__ or error)
                await asyncio.sleep(1)

    # --- orders for the host --------------------------------------------------------------------------

    def look_again(self) -> None:
        """Look at the queue at once: the host may take jobs from now on."""
        self._new_job_event.set()

    def hand_back(self) -> None:
        """Tell every handler to stop; their jobs go back to the queue, with no mark against them."""
        for attempt in self._attempts.values():
            attempt.stop(StopReason.SHUTDOWN)

    # --- stopping --------------------------------------------------------------------------------------

    @override
    def _abort_job(
        self,
        process_job_task: asyncio.Task[Any],
        context: job_context.JobContext,
        reason: job_context.AbortReason,
    ) -> None:
        """Tell the handler, instead of cancelling the task that waits for it."""
        job_id = lease_of(context.job).id
        self._job_ids_to_abort[job_id] = reason
        if job_id in self._attempts:
            self._attempts[job_id].stop(_why(reason))

    @override
    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        """Drain: the stock worker stops beating here, and others would take its running jobs for dead."""
        last = [each for each in side_tasks if each.get_name() in STAY_TO_THE_END]
        await utils.cancel_and_capture_errors([each for each in side_tasks if each not in last])
        try:
            await self._drain()
        finally:
            await utils.cancel_and_capture_errors(last)
        try:
            async with asyncio.timeout(FAREWELL):
                await super()._shutdown(side_tasks=[])
        except AWAY as error:
            log.warning("the database does not know yet that worker %s has ended: %r", self.worker_id, error)

    async def _drain(self) -> None:
        await self._wait_for_jobs(self._pace.drain, unless=self._crew.hurry)
        for task, context in list(self._running_jobs.items()):
            self._abort_job(task, context, job_context.AbortReason.SHUTDOWN)
        await self._wait_for_jobs(self._pace.stop)
        self._crew.leaving = self._crew.leaving or bool(self._running_jobs)
        for job_id, attempt in list(self._attempts.items()):
            log.error("job %s did not stop in time and is given back", job_id)
            self._crew.abandoned.append(job_id)
            attempt.abandon()
        if self._running_jobs:
            await asyncio.wait(self._running_jobs)

    async def _wait_for_jobs(self, seconds: float | None, *, unless: asyncio.Event | None = None) -> None:
        if not self._running_jobs:
            return
        ends = asyncio.ensure_future(asyncio.wait(list(self._running_jobs)))
        others = [] if unless is None else [asyncio.ensure_future(unless.wait())]
        await asyncio.wait([ends, *others], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for each in (ends, *others):
            each.cancel()

    # --- side tasks ------------------------------------------------------------------------------------

    @override
    def _start_side_tasks(self) -> list[asyncio.Task[Any]]:
        side: dict[str, Callable[[], Awaitable[None]]] = {
            "beat": self._beat,
            "aborts": self._poll_jobs_to_abort,
            "progress": self._write_progress,
        }
        if self._is_keeper:
            side |= {"rescue": self._rescue, "listener": self._listen}
            if self._crew.sweeps:
                side["sweeps"] = self._periodic_deferrer
        return [asyncio.create_task(for_ever(name, make), name=name) for name, make in side.items()]

    async def _listen(self) -> None:
        """Listen for all lanes of this process: whoever listens wakes ten times a second, heard or not."""
        await self.app.job_manager.listen_for_jobs(on_notification=self._hand_round, queues=list(self._crew.ears))

    async def _hand_round(self, *, channel: str, notification: jobs.Notification) -> None:
        for hear in self._crew.ears.get(channel.partition("#")[2], ()):
            await hear(channel=channel, notification=notification)

    async def _beat(self) -> None:
        """Beat over a connection of its own: no queue for the pool and no pause of its attempts delays it."""
        line: psycopg.AsyncConnection[Any] | None = None
        try:
            while True:
                await asyncio.sleep(self._pace.beat)
                try:
                    async with asyncio.timeout(self._pace.beat * 2):
                        line = line or await psycopg.AsyncConnection.connect(self._engine.conninfo, autocommit=True)
                        await self._beat_once(line)
                    self._in_touch_since = self._in_touch_since or time.monotonic()
                except AWAY as error:
                    self._in_touch_since = None
                    log.warning("heartbeat: %r", error)
                    await _close(line)
                    line = None
        finally:
            await _close(line)

    async def _beat_once(self, line: psycopg.AsyncConnection[Any]) -> None:
        """Say that this worker lives, and compare what it runs with what the database says that it runs."""
        running = {_key(each.job.held): each for each in self._attempts.values() if each.is_running}
        async with line.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(BEAT, {"worker": self.worker_id})
            if await cursor.fetchone() is None:
                log.warning("worker %s was forgotten and registers again", self.worker_id)
                self.worker_id = await self.app.job_manager.register_worker()
            await cursor.execute(OURS, {"workers": [self.worker_id, *(owner for _, _, owner in running)]})
            ours = {(row["id"], row["attempts"], row["worker_id"]) for row in await cursor.fetchall()}
        for key in {each for each in running if running[each].is_running} - ours:
            log.error("job %s attempt %s has become another's: it is told to stop", *key[:2])
            running[key].stop(StopReason.LEASE_LOST)
        await self._let_strays_go(ours - running.keys())

    async def _let_strays_go(self, strays: set[tuple[int, int, int]]) -> None:
        """Let go of jobs that the database gave to this worker in an answer that never arrived.

        They have a living owner, so nobody would ever rescue them. One is believed a stray when two beats in
        a row find it; should its answer arrive after all, the fence refuses what comes of it.
        """
        busy = {lease_of(context.job).id for context in self._running_jobs.values()}
        strays = {key for key in strays if key[0] not in busy}
        for job_id, attempt, owner in strays & self._strays:
            log.error("job %s was handed to this worker but never arrived: it is let go", job_id)
            async with self._engine.pool.connection() as db:
                await db.execute(LET_GO, {"id": job_id, "attempt": attempt, "owner": owner})
        self._strays = strays - self._strays

    async def _rescue(self) -> None:
        while True:
            await asyncio.sleep(self._pace.beat)
            pool = self._engine.pool
            if self._pace.watch_neighbours:
                for pid in await declare_dead_neighbours(pool, machine=self._report.machine, me=self._report.id):
                    log.error("worker process %s of this machine has died", pid)
            await forget_reports(pool, older_than=self._pace.forget)
            media = {name for name, spec in self._crew.specs.items() if spec.opens_media}
            while found := await rescue_one(pool, stall=self._stall(), crashes=self._pace.crashes, media=media):
                log.error("job %s of a dead worker: %s", *found)

    def _stall(self) -> float:
        """How old a heartbeat must be. After an outage every heartbeat looks old: as long as this worker itself
        has not been in touch for a full stall limit, it only believes in deaths that were declared."""
        in_touch = self._in_touch_since
        if in_touch is not None and time.monotonic() - in_touch > self._pace.stall:
            return self._pace.stall
        return ONLY_THE_DECLARED

    async def _write_progress(self) -> None:
        while True:
            await asyncio.sleep(self._pace.progress)
            await write_progress(self._engine.pool, list(self._attempts.values()))


def _never_began(job: jobs.Job) -> Ending:
    return Ending(error=exceptions.TaskNotFound(f"the worker that fetched it knows no task {job.task_name!r}"))


async def _close(line: psycopg.AsyncConnection[Any] | None) -> None:
    if line is not None:
        await line.close()


def lease_of(job: jobs.Job) -> HeldJob:
    """The lease that came with a fetched job."""
    if job.id is None or job.worker_id is None:
        raise ValueError("a job that was not fetched has no lease")
    return HeldJob(id=job.id, owner=job.worker_id, attempt=job.attempts)


def _key(lease: HeldJob) -> tuple[int, int, int]:
    return lease.id, lease.attempt, lease.owner


def _why(reason: job_context.AbortReason) -> StopReason:
    return StopReason.SHUTDOWN if reason is job_context.AbortReason.SHUTDOWN else StopReason.CANCELLED
