"""A worker process: lanes of jobs, each handler in a thread of its own, from start to a clean end.

SIGTERM or SIGINT, or the event `stop`, drains: nothing new is fetched, what runs is finished, heartbeats go on.
A second one, or the end of `Pace.drain`, tells the running handlers to stop; their jobs go back to the queue.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import psycopg
from procrastinate import PsycopgConnector
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from evidence.database import psycopg_url
from evidence.errors import DatabaseAway
from evidence.jobs import schema, upkeep
from evidence.jobs.app import EngineApp
from evidence.jobs.crew import Crew, Order, Pace
from evidence.jobs.engine import AWAY, FAREWELL, EngineWorker, for_ever
from evidence.jobs.errors import EngineVersionDiffers, HandlersAbandoned, LanesRefused
from evidence.jobs.periodic import QUEUE as SWEEPS
from evidence.jobs.periodic import Periodic
from evidence.jobs.port import Lane, TaskSpec
from evidence.jobs.reporting import Report

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 8  # jobs run outside the database; the engine itself needs few


def run_worker(  # noqa: PLR0913 - three things it cannot do without, and named ones with defaults
    database_url: str,
    tasks: Sequence[TaskSpec],
    lanes: Sequence[Lane],
    *,
    periodics: Sequence[Periodic] = (),
    stop: threading.Event | None = None,
    pace: Pace | None = None,
    software: str = "",
    facts: Mapping[str, Any] | None = None,
    host: str = "",
) -> None:
    """Run jobs until told to stop. Signals are obeyed in the main thread; elsewhere only `stop` is.

    `host` names this host where its own name would not do.
    Waits for a database that is away; each task must have a lane, and sweeps need one for the queue `sweep`.
    Raises LanesRefused, EngineVersionDiffers, or HandlersAbandoned: then end the process, for its threads go on.
    """
    conninfo = libpq_url(database_url)
    periodics = _with_upkeep(lanes, periodics, conninfo)
    crew = Crew(
        pace=pace or Pace(),
        specs=_by_name([*tasks, *(each.as_task() for each in periodics)], lanes),
        sweeps={each.name: each.schedule for each in periodics},
    )
    report = Report(software=software, facts=facts or {}, host=host or socket.gethostname())
    asyncio.run(_live(crew, lanes, conninfo, stop, report))
    if crew.abandoned:
        raise HandlersAbandoned(crew.abandoned)


def libpq_url(database_url: str) -> str:
    """The URL as libpq reads it, with dead peers noticed within half a minute."""
    url = psycopg_url(database_url).set(drivername="postgresql")
    asked = {"application_name": "continuity worker", "connect_timeout": "5", "tcp_user_timeout": "20000"}
    return url.update_query_dict({**asked, **dict(url.query)}).render_as_string(hide_password=False)


def _with_upkeep(lanes: Sequence[Lane], periodics: Sequence[Periodic], conninfo: str) -> tuple[Periodic, ...]:
    if any(SWEEPS in lane.queues for lane in lanes):
        return (*periodics, *upkeep.sweeps(conninfo))
    if periodics:
        raise LanesRefused(f"sweeps were given, and no lane takes jobs from the queue {SWEEPS!r}")
    return ()


def _by_name(tasks: Sequence[TaskSpec], lanes: Sequence[Lane]) -> dict[str, TaskSpec]:
    if not lanes or any(lane.concurrency < 1 or not lane.queues for lane in lanes):
        raise LanesRefused("a worker needs at least one lane, each with a queue and room for one job")
    named = {each.name: each for each in tasks}
    if len(named) != len(tasks):
        raise LanesRefused("two tasks have the same name")
    return named


async def _live(crew: Crew, lanes: Sequence[Lane], conninfo: str, stop: threading.Event | None, report: Report) -> None:
    _obey_signals(crew)
    watch = asyncio.create_task(_obey(stop, crew)) if stop is not None else None
    try:
        if not await _reach(conninfo, crew):
            return
        app = EngineApp(conninfo, _connector(conninfo, lanes), crew)
        async with app.open_async():
            await _work(app, crew, lanes, report)
    except PoolTimeout as error:
        raise DatabaseAway("the database went away while the worker was starting") from error
    finally:
        if watch is not None:
            watch.cancel()


async def _work(app: EngineApp, crew: Crew, lanes: Sequence[Lane], report: Report) -> None:
    """Serve all lanes until the last has drained, and say so in this process's report."""
    workers = [
        EngineWorker(app=app, crew=crew, lane=lane, report=report, is_keeper=number == 0)
        for number, lane in enumerate(lanes)
    ]

    writing = asyncio.Lock()

    async def keep_reporting() -> None:
        while True:
            told = [
                {"queues": list(each.lane.queues), "concurrency": each.lane.concurrency, "worker": each.worker_id}
                for each in workers
            ]
            async with writing:
                order = await report.write(app.pool, lanes=told, draining=crew.going.is_set())
            _obey_order(crew, workers, order)
            is_known = all(each.worker_id is not None for each in workers)
            with suppress(TimeoutError):
                await asyncio.wait_for(_any_change(crew), crew.pace.beat if is_known else 0.05)

    reporting = asyncio.create_task(for_ever("report", keep_reporting))
    try:
        await asyncio.gather(*(_serve(each, crew) for each in workers))
    finally:
        with suppress(*AWAY):
            # Not in the middle of a report: the server might carry that out after the farewell.
            async with asyncio.timeout(FAREWELL), writing:
                reporting.cancel()
                await report.withdraw(app.pool)
        reporting.cancel()


def _obey_order(crew: Crew, workers: Sequence[EngineWorker], order: Order) -> None:
    """Do what a person wants of this host. Handing back is asked of each round: a fetch may have been under way."""
    if order is not crew.order:
        log.log(logging.INFO if order is Order.WORK else logging.WARNING, "order for this host: %s", order.value)
    crew.order, before = order, crew.order
    for each in workers:
        if order is Order.HAND_BACK:
            each.hand_back()
        elif order is Order.WORK and before is not Order.WORK:
            each.look_again()


async def _any_change(crew: Crew) -> None:
    """Wait for the word to drain; once it is there, for ever."""
    if crew.going.is_set():
        await asyncio.Event().wait()
    await crew.going.wait()


async def _serve(worker: EngineWorker, crew: Crew) -> None:
    """One lane, to its end. It may have to start more than once, where the database goes away under its start."""
    stopping = asyncio.create_task(_stop_when_going(worker, crew))
    try:
        while not crew.going.is_set():
            try:
                await worker.run()  # type: ignore[no-untyped-call] # theirs
            except AWAY as error:
                log.warning("a lane could not start: %r", error)
                await asyncio.sleep(1)
    except BaseException:
        crew.stop()  # the other lanes finish what they have; then the process ends with this error
        raise
    finally:
        stopping.cancel()


async def _stop_when_going(worker: EngineWorker, crew: Crew) -> None:
    await crew.going.wait()
    worker.stop()  # type: ignore[no-untyped-call] # theirs


async def _reach(conninfo: str, crew: Crew) -> bool:
    """Wait until the database answers and has our version of the engine. False: told to stop before that."""
    pause = 0.25
    while not crew.going.is_set():
        try:
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as db:
                found = await (await db.execute(schema.INSTALLED)).fetchone()
        except psycopg.OperationalError as error:
            log.warning("waiting for the database: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(crew.going.wait(), pause)
            pause = min(pause * 2, 5)
        else:
            _check_version(found[0] if found else None)
            return True
    return False


def _check_version(words: str | None) -> None:
    found = words.removeprefix("procrastinate ") if words else None
    if found != schema.PINNED:
        raise EngineVersionDiffers(wanted=schema.PINNED, found=found, where="database")


def _connector(conninfo: str, lanes: Sequence[Lane]) -> PsycopgConnector:
    async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
        # One statement is one transaction: no BEGIN and COMMIT of their own around each fetch.
        await connection.set_autocommit(True)

    return PsycopgConnector(
        pool_factory=_pool,
        conninfo=conninfo,
        configure=configure,
        min_size=1,
        max_size=min(MOST_CONNECTIONS, 2 + sum(lane.concurrency for lane in lanes)),
        timeout=5,
        # Attempts to connect again double their pause until this is over, and would sleep past the recovery.
        # Then the next statement begins a new one, and some lane has a statement every second or two.
        reconnect_timeout=1,
    )


class _Link(psycopg.AsyncConnection[TupleRow]):
    """A connection that knows when it was last taken from the pool."""

    taken_at = 0.0


def _pool(**arguments: Any) -> AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]:
    async def check(link: psycopg.AsyncConnection[TupleRow]) -> None:
        link = cast(_Link, link)
        # Asked once a second, not before every statement: that would double the way to the server and back.
        if time.monotonic() - link.taken_at > 1:
            await AsyncConnectionPool.check_connection(link)
        link.taken_at = time.monotonic()

    return AsyncConnectionPool(**{**arguments, "connection_class": _Link, "check": check})


def _obey_signals(crew: Crew) -> None:
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, crew.stop)


async def _obey(stop: threading.Event, crew: Crew) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.1)
    crew.stop()
