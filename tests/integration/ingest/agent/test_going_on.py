"""What was sent before an interruption is not sent again, and what the store has lost is."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest.agent import clock, identity
from ingest.agent.budget import Budget
from ingest.agent.client import Server
from ingest.agent.errors import Refused, SourceBusy, SourceChanged, Stopping, StoreAway
from ingest.agent.identifiers import new_id
from ingest.agent.journal import Journal
from ingest.agent.journal_rows import SessionRow
from ingest.agent.protocol import ArrivalState, FileState, PartUrl
from ingest.agent.reporting import session_message
from ingest.agent.sighting import look
from ingest.agent.store import PartStore
from ingest.agent.upload import Errand, HandedOver, Means, carry
from tests.integration.ingest.agent.bench import Bench

MIB = 1 << 20


class Watched(PartStore):
    """The store, with every part that is sent to it counted."""

    puts = 0

    def put(self, body: memoryview, address: Callable[[], PartUrl], progress: Callable[[int], None]) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Count, and send."""
        self.puts += 1
        return super().put(body, address, progress)


class Carrier:
    """Carries one file of a device, as often as is asked."""

    def __init__(self, bench: Bench, path: Path) -> None:
        self.bench, self.path = bench, path
        self.journal = Journal(bench.settings.state)
        self.me = identity.load(bench.settings.state)
        facts = path.parent.stat()
        self.session = SessionRow(
            id=str(new_id()), root=os.fsencode(path.parent), deep=True, label="cam-1", bay="cam-1", kind="dock",
            dev=facts.st_dev, ino=facts.st_ino, opened_at=clock.now_as_text(),
        )  # fmt: skip
        self.journal.open_session(self.session, [])
        self.puts = 0

    @contextmanager
    def _means(self, stop: threading.Event) -> Iterator[Means]:
        with ThreadPoolExecutor(4) as senders:
            settings = self.bench.settings
            store = Watched(settings, stop)
            server = Server(settings, self.me, stop)
            server.put_session(self.session.id, session_message(self.session, [], complete=True))
            yield Means(
                identity=self.me, server=server, store=store, journal=self.journal,
                budget=Budget(64 * MIB, stop), senders=senders, stop=stop,
            )  # fmt: skip
            self.puts = store.puts

    def carry(self, on_sent: Callable[[int, threading.Event], None] = lambda octets, stop: None) -> HandedOver:
        """Carry it; `on_sent` is told of bytes, and may give the stop sign."""
        stop = threading.Event()
        seen = look(os.fsencode(self.path.parent), os.fsencode(self.path.name))
        assert seen is not None
        row = self.journal.claim(self.session.id, "cam-1", seen)
        states: list[FileState] = []
        errand = Errand(
            root=os.fsencode(self.path.parent), row=row, priority=10, on_state=states.append,
            on_sent=lambda octets: on_sent(octets, stop),
        )  # fmt: skip
        with self._means(stop) as means:
            try:
                return carry(errand, means)
            finally:
                self.puts = means.store.puts  # type: ignore[attr-defined]


@pytest.fixture
def carrier(bench: Bench) -> Carrier:
    return Carrier(bench, bench.put("clip.mp4", os.urandom(100 * MIB + 1)))


def test_an_interrupted_file_goes_on_where_it_was(carrier: Carrier) -> None:
    sent = 0

    def count(octets: int, stop: threading.Event) -> None:
        nonlocal sent
        sent += octets
        if sent > 60 * MIB:
            stop.set()

    with pytest.raises(Stopping):
        carrier.carry(count)
    (arrival,) = carrier.bench.arrivals()
    held = carrier.journal.parts(1, str(arrival.id))
    assert held
    done = carrier.carry()
    assert done.standing.state in {ArrivalState.STORED, ArrivalState.VERIFYING}
    assert carrier.puts == 7 - len(held)
    assert done.digests.sha256 == hashlib.sha256(carrier.path.read_bytes()).hexdigest()
    assert [one.id for one in carrier.bench.arrivals()] == [arrival.id]


def test_a_file_that_is_with_the_server_is_not_read_or_sent_again(carrier: Carrier) -> None:
    first = carrier.carry()
    assert carrier.puts == 7
    again = carrier.carry()
    assert (carrier.puts, again.digests, again.standing.arrival_id) == (0, first.digests, first.standing.arrival_id)


def test_a_journal_that_was_lost_costs_reading_and_not_sending(carrier: Carrier) -> None:
    first = carrier.carry()
    carrier.journal.close()
    for file in carrier.bench.settings.state.glob("journal*"):
        file.unlink()
    fresh = Carrier(carrier.bench, carrier.path)
    assert fresh.carry().digests == first.digests
    assert fresh.puts == 0


def test_parts_that_the_store_never_had_are_sent_after_all(carrier: Carrier) -> None:
    def stop_late(_octets: int, stop: threading.Event) -> None:
        if len(carrier.journal.parts(1, str(carrier.bench.arrivals()[0].id))) >= 2:
            stop.set()

    with pytest.raises(Stopping):
        carrier.carry(stop_late)
    (arrival,) = carrier.bench.arrivals()
    carrier.bench.desk.world.house.masters.abort(arrival.key, str(arrival.upload_id))
    carrier.carry()
    assert carrier.puts == 7


def test_an_upload_that_ends_under_its_feet_is_offered_again(carrier: Carrier) -> None:
    masters = carrier.bench.desk.world.house.masters
    aborted: list[str] = []

    def abort(_octets: int, _stop: threading.Event) -> None:
        (arrival,) = carrier.bench.arrivals()
        if not aborted and len(carrier.journal.parts(1, str(arrival.id))) >= 2:
            aborted.append(str(arrival.upload_id))
            masters.abort(arrival.key, aborted[0])

    with pytest.raises((Refused, StoreAway)):
        carrier.carry(abort)
    assert carrier.carry().standing.state in {ArrivalState.STORED, ArrivalState.VERIFYING}


@pytest.mark.parametrize("change", [1, -1, 0])
def test_a_file_that_changes_while_it_is_sent_is_withdrawn(carrier: Carrier, change: int) -> None:
    def write(_octets: int, _stop: threading.Event) -> None:
        os.truncate(carrier.path, 100 * MIB + 1 + change)
        os.utime(carrier.path)

    with pytest.raises(SourceChanged):
        carrier.carry(write)
    assert len(carrier.journal.withdrawals()) == 1


def test_a_file_that_somebody_writes_to_is_not_begun(carrier: Carrier) -> None:
    with carrier.path.open("ab"), pytest.raises(SourceBusy):
        carrier.carry()
    assert carrier.bench.arrivals() == []
