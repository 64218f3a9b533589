"""The engine's application: our tasks made known to Procrastinate, and what is done otherwise with worker rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from procrastinate import App, PsycopgConnector, job_context, jobs, manager
from typing_extensions import override

from evidence.jobs.crew import Crew, Order
from evidence.jobs.port import TaskSpec
from evidence.jobs.storing import Pool

RETIRE = "UPDATE procrastinate_workers SET last_heartbeat = '-infinity' WHERE id = %(worker_id)s"


class EngineManager(manager.JobManager):
    """Leaves worker rows alone; `upkeep` clears them when no job names them any more. Obeys the host's order."""

    def __init__(self, connector: PsycopgConnector, crew: Crew) -> None:
        super().__init__(connector)
        self.crew = crew

    @override
    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Prune none. After an outage *every* heartbeat is old, and a worker that starts just then would cut
        all the living ones off from the jobs that they run."""
        return []

    @override
    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:
        """Fetch nothing for a drained host, nor before it is known whether it is one."""
        if self.crew.order is not Order.WORK:
            return None
        return await super().fetch_job(queues, worker_id)

    @override
    async def unregister_worker(self, worker_id: int) -> None:
        """Mark the worker as gone. Deleting its row would rewrite every job that it ever ended."""
        await self.connector.execute_query_async(RETIRE, worker_id=worker_id)


class EngineApp(App):
    """The tasks of one worker process, and the pool of connections that its lanes share."""

    def __init__(self, conninfo: str, connector: PsycopgConnector, crew: Crew) -> None:
        super().__init__(connector=connector)
        self.conninfo = conninfo
        self.job_manager = EngineManager(connector, crew)
        for spec in crew.specs.values():
            task = self.task(name=spec.name, queue=spec.queue, priority=spec.priority, pass_context=True)(_runs(spec))
            if spec.name in crew.sweeps:
                # One round at a time, and one waiting at most: a sweep looks at the state, not at the tick.
                self.periodic_registry.register_task(
                    task,
                    cron=crew.sweeps[spec.name],
                    periodic_id="",
                    configure_kwargs={"lock": spec.name, "queueing_lock": spec.name},
                )

    @property
    def pool(self) -> Pool:
        """The open pool."""
        return cast(Pool, cast(PsycopgConnector, self.connector).pool)


def _runs(spec: TaskSpec) -> Callable[..., Awaitable[None]]:
    async def run(context: job_context.JobContext, /, **args: Any) -> None:
        await context.additional_context["worker"].attempt(context.job, spec)

    return run
