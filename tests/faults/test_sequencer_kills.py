"""kill -9 of the sequencer at random moments while many write: no gap, no double, no wrong order, nothing unsigned.

The brief one belongs to `make test`. KILLS makes the long one shorter, FAULTS_SEED repeats it.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.identifiers import new_id
from evidence.store import StoreSettings
from tests.faults.conftest import Record
from tests.faults.reckoning import Reckoning
from tests.faults.sequencers import Nursery, nursery
from tests.faults.striking import seed
from tests.support.house import until
from tests.support.log import faults_of, happening, log_house, log_keys, published_size, waiting

KILLS = int(os.environ.get("KILLS", "200"))
LONGEST = 0.8  # seconds that a sequencer lives at most


@contextmanager
def writing(house: House, *, writers: int, pause: float) -> Iterator[list[int]]:
    """Several write, one event a transaction, over the same subjects, while the block lasts; how many each wrote."""
    stop, subjects = threading.Event(), [new_id() for _ in range(9)]
    written = [0] * writers

    def write(mine: int) -> None:
        while not stop.wait(pause):
            with house.writing() as session:
                ledger.record(session, happening(subjects[(mine + written[mine]) % len(subjects)]))
            written[mine] += 1

    threads = [threading.Thread(target=write, args=(mine,)) for mine in range(writers)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def strike(sequencers: Nursery, *, kills: int, chance: random.Random) -> None:
    """Kill the one that leads, and now and then have another stand by when it dies."""
    for at in range(kills):
        pids = [sequencers.start() for _ in range(2 if at % 4 == 0 else 1)]
        for pid in pids:
            threading.Event().wait(chance.uniform(0.0, LONGEST))
            os.kill(pid, signal.SIGKILL)


def reckon(house: House, folder: Path, sequencers: Nursery, written: int) -> Reckoning:
    """Let a last one finish the work, and hold every part of the log against every other."""
    pid = sequencers.start()
    reckoning = Reckoning(files=written)
    try:
        until(lambda: waiting(house) == 0 and published_size(house) == written, within=60, what="the last checkpoint")
    except AssertionError as late:
        reckoning.stuck.append(f"{late}; {(folder / 'sequencers.log').read_text('utf-8')[-2000:]}")
    finally:
        os.kill(pid, signal.SIGKILL)
    with house.reading() as session:
        events = session.execute(text("SELECT count(*) FROM custody.event")).scalar_one()
        numbers = session.execute(text("SELECT count(DISTINCT ingest_no), count(*) FROM custody.leaf")).one()
        halted = session.execute(text("SELECT halted FROM custody.state")).scalar_one()
    if events != written:
        reckoning.lost.append(f"{written} events were committed and {events} are there")
    if numbers[0] != numbers[1]:
        reckoning.doubled.append(f"{numbers[1]} numbers for {numbers[0]} events")
    if halted:
        reckoning.untrue.append(f"the log is halted: {halted}")
    reckoning.untrue += faults_of(house, log_keys(house, folder))
    return reckoning


def struck(
    database_url: str, store: StoreSettings, folder: Path, *, kills: int, chosen: int, pause: float
) -> Reckoning:
    """Write, kill, reckon."""
    house = log_house(database_url, store)
    log_keys(house, folder)
    try:
        with nursery(database_url, store, folder) as sequencers:
            with writing(house, writers=4, pause=pause) as written:
                strike(sequencers, kills=kills, chance=random.Random(chosen))  # noqa: S311 - to be repeated
            return reckon(house, folder, sequencers, sum(written))
    finally:
        house.sessions.engine.dispose()


def test_a_few_kills(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> None:
    chosen = seed()
    reckoning = struck(database_url, own_custody, tmp_path, kills=8, chosen=chosen, pause=0.02)
    assert reckoning.is_clean, f"seed {chosen}:\n{reckoning.in_words()}"


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_killed_at_random_moments(
    database_url: str, own_custody: StoreSettings, tmp_path: Path, record: Record
) -> None:
    chosen, began = seed(), time.monotonic()
    reckoning = struck(database_url, own_custody, tmp_path, kills=KILLS, chosen=chosen, pause=0.01)
    seconds = time.monotonic() - began
    record("kill -9 of the sequencer", reckoning, moments=KILLS, seconds=seconds, seed=chosen)
