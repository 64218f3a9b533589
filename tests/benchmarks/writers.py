"""Sixteen writers in four processes, told when to begin: each event in a transaction of its own, with other work in it.

With many subjects they are our log. With one subject every event waits for the one before it to be committed, links
to its hash, and nobody else can go on meanwhile: that is a hash chain in a table, by the same writer.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import UUID

from evidence.custody import ledger
from evidence.database import Sessions, open_engine
from evidence.identifiers import new_id
from evidence.sequencing.sequencer import Pace, Sequencer
from evidence.store import StoreSettings
from tests.support.log import happening, log_house, log_keys

PROCESSES, THREADS = 4, 4
ORIGIN = "custody.demonstration.example/main"
SPAWN = multiprocessing.get_context("spawn")  # a fork would take the threads' locks along


class Crew:
    """The writers of one database."""

    def __init__(self, url: str) -> None:
        self._pipes: list[Connection] = []
        self._processes = []
        for number in range(PROCESSES):
            ours, theirs = SPAWN.Pipe()
            process = SPAWN.Process(target=_work, args=(url, number, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        assert all(pipe.recv() == "ready" for pipe in self._pipes)

    def write(self, *, subjects: list[UUID], seconds: float, work: float) -> float:
        """Write for so long, with `work` seconds of other work in each transaction; the events a second."""
        for pipe in self._pipes:
            pipe.send((subjects, seconds, work))
        return sum(pipe.recv() for pipe in self._pipes) / seconds

    def stop(self) -> None:
        """Let them go home."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send(None)
            process.join(30)


def _work(url: str, number: int, pipe: Connection) -> None:
    sessions = Sessions(open_engine(url, pool_size=THREADS), log_origin=ORIGIN)
    pipe.send("ready")
    with ThreadPoolExecutor(THREADS) as pool:
        while (told := pipe.recv()) is not None:
            subjects, seconds, work = told
            firsts = range(number * THREADS, (number + 1) * THREADS)
            done = [pool.submit(_write, sessions, subjects, first, seconds, work) for first in firsts]
            pipe.send(sum(each.result() for each in done))
    sessions.engine.dispose()


def _write(sessions: Sessions, subjects: list[UUID], first: int, seconds: float, work: float) -> int:
    ends, count, pause = time.monotonic() + seconds, 0, threading.Event()
    while time.monotonic() < ends:
        with sessions.writing() as session:
            ledger.record(session, happening(subjects[(first + count * 16) % len(subjects)]))
            if work:
                pause.wait(work)
        count += 1
    return count


@contextmanager
def sequencer_beside(url: str, store: StoreSettings, folder: Path) -> Iterator[None]:
    """The log's sequencer in a process of its own, at its usual pace."""
    stop = SPAWN.Event()
    process = SPAWN.Process(target=_sequence, args=(url, store, folder, stop), daemon=True)
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(60)
        assert process.exitcode == 0


def _sequence(url: str, store: StoreSettings, folder: Path, stop: threading.Event) -> None:
    house = log_house(url, store)
    Sequencer(house, log_keys(house, folder), Pace()).run(stop)


def many_subjects(count: int = 1000) -> list[UUID]:
    """As many exhibits as a busy hour touches."""
    return [new_id() for _ in range(count)]
