"""Whether a viewing is recorded already, in a long history: one question to the log, against reading all of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import EventType
from evidence.database import Sessions, open_engine
from evidence.identifiers import new_id
from tests.benchmarks.scene import middle
from tests.benchmarks.sheet import Sheet
from tests.support.logbook import viewed, write

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

EVENTS = 5_000
ROUNDS = 5
NOBODYS = "f" * 32


def test_finding_a_viewing(database_url: str, sheet: Sheet) -> None:
    engine = open_engine(database_url)
    sessions, subject = Sessions(engine, log_origin="bench.example/main"), new_id()
    views = (f"{number:032x}" for number in range(EVENTS))
    write(sessions, *(viewed(subject, facts={"kind": "playback", "view": view}) for view in views))
    since = clock.now() - timedelta(hours=25)
    kinds = (EventType.RENDITION_VIEWED, EventType.MASTER_VIEWED)
    with sessions.reading() as session:

        def ask() -> bool:
            return ledger.has_said(session, subject, kinds=kinds, fact=("view", NOBODYS), since=since)

        def read_all() -> bool:
            after = 0
            while lines := ledger.history(session, subject, after=after):
                if any(line.facts.get("view") == NOBODYS for line in lines):
                    return True
                after = lines[-1].subject_no
            return False

        ours, whole = [], []
        for _ in range(ROUNDS):
            ours.append(_milliseconds(ask))
            whole.append(_milliseconds(read_all))
    engine.dispose()
    sheet.add(
        "a viewing that is not in a history of 5,000 events, against reading it",
        ours=middle(ours), reference=middle(whole), unit="ms", limit=0.2,
    )  # fmt: skip


def _milliseconds(look: Callable[[], bool]) -> float:
    began = time.perf_counter()
    assert not look()
    return (time.perf_counter() - began) * 1000
