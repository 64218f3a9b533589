"""Appending to the custody log, each event in a transaction of its own, against what the same server commits at all."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import Sessions, open_engine
from evidence.identifiers import new_id
from tests.benchmarks.scene import middle
from tests.benchmarks.sheet import Sheet

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

EVENTS = 400
ROUNDS = 5
BENCH = Actor.system("benchmark")


def test_appending(database_url: str, sheet: Sheet) -> None:
    engine = open_engine(database_url)
    sessions = Sessions(engine, log_origin="bench.example/main")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE plain (id uuid PRIMARY KEY, body text NOT NULL)"))

    def append() -> None:
        personal = {"name": "patrol.mp4", "device": "camera"}
        facts = {"size": 66_000_000, "session": str(new_id())}
        event = Event(type=EventType.ARRIVAL_CLAIMED, subject=new_id(), actor=BENCH, facts=facts, personal=personal)
        with sessions.writing() as session:
            ledger.record(session, event)

    def insert() -> None:
        with sessions.writing() as session:
            session.execute(text("INSERT INTO plain VALUES (:id, :body)"), {"id": new_id(), "body": "a" * 600})

    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(_a_second(append))
        plain.append(_a_second(insert))
    engine.dispose()
    sheet.add(
        "custody events, one a transaction, against a plain row", ours=middle(ours), reference=middle(plain), unit="/s"
    )


def _a_second(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(EVENTS):
        work()
    return EVENTS / (time.perf_counter() - began)
