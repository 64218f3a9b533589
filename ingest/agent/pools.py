"""What another thread found out: its result, or its error as one of ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from ingest.agent.errors import AgentError, AgentFault, Stopping

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def send_off(
    pool: Executor,
    wake: threading.Event,
    work: Callable[Arguments, Result],
    *args: Arguments.args,
    **named: Arguments.kwargs,
) -> Future[Result]:
    """Let a pool do some work, and be woken when it is done."""
    future = pool.submit(work, *args, **named)
    future.add_done_callback(lambda _: wake.set())
    return future


def result_of(future: Future[Result]) -> Result:
    """The result of finished work. Raises AgentError: an unforeseen fault is logged whole and becomes AgentFault."""
    if future.cancelled():
        raise Stopping
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, AgentError):
        raise error
    log.error("unexpected fault", exc_info=error)
    raise AgentFault(error) from error
