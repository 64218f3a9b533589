"""The front desk on a port of this machine, and a dock bench in front of it: folders as docks, agents that run here."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import select

from evidence.custody.events import Actor
from evidence.models import Arrival, DockingSession, Incident, ListedFile, Master, Receipt
from evidence.vocabulary import AgentKind
from ingest.agent import identity, status
from ingest.agent.journal_rows import JOURNAL_FILE
from ingest.agent.run import run_agent
from ingest.agent.settings import Dock, Kind, Settings, changed
from ingest.enrolment import offer_enrolment
from tests.support.house import World, until


@dataclass
class FrontDesk:
    """The front desk on a port of this machine; it may be closed and opened again on the same port."""

    world: World
    port: int = 0
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where agents find it."""
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Answer from now on."""
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", self.port))
        self.port = door.getsockname()[1]
        config = uvicorn.Config(self.world.app(), log_level="error", lifespan="on", timeout_graceful_shutdown=5)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [door]}, name="front desk")
        self._thread.start()
        until(lambda: self._server is not None and self._server.started, what="the front desk")

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(30)
            self._server = self._thread = None


@dataclass
class Bench:
    """A dock bench of a test: a folder for devices, the agent's own folder, and agents that run here."""

    desk: FrontDesk
    folder: Path
    state: str = "agent"
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.dock = self.folder / "dock"
        self.dock.mkdir(exist_ok=True)
        self.settings = Settings(
            server=self.desk.address,
            state=self.folder / self.state,
            docks=(Dock(self.dock, Kind.DOCK),),
            settle_seconds=0.3,
            sure_after_seconds=60,
            sweep_seconds=0.5,
            patience_seconds=30,
        )

    def enrol(self, name: str = "Dock 1") -> None:
        """Become known with a fresh code."""
        with self.desk.world.house.writing() as session:
            code = offer_enrolment(session, kind=AgentKind.DOCK, label=name, hours=1, by=Actor.system("test"))
        identity.enrol(self.settings, code=code, name=name, kind=Kind.DOCK)

    def put(self, name: str, body: bytes, *, device: str = "cam-1", old: bool = True) -> Path:
        """Put a file on a device; `old` gives it a time at which it has long settled. Device "": the dock itself."""
        path = self.dock / device / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        if old:
            os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    @contextmanager
    def running(self, **different: Any) -> Iterator[list[int]]:
        """An agent runs while the block lasts; afterwards its exit code is in the list."""
        stop, codes = threading.Event(), list[int]()
        settings = changed(self.settings, **different)
        thread = threading.Thread(target=lambda: codes.append(run_agent(settings, stop)), name="agent of the test")
        thread.start()
        try:
            yield codes
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive(), "the agent did not stop"

    def start_process(self, **environment: str) -> subprocess.Popen[bytes]:
        """An agent in a process of its own, as at a dock."""
        words = [sys.executable, "-m", "ingest.agent", "--state", str(self.settings.state), "run"]
        named: Mapping[str, str] = {
            "CONTINUITY_AGENT_SETTLE_SECONDS": "0.3",
            "CONTINUITY_AGENT_SWEEP_SECONDS": "0.5",
            **environment,
        }
        root = Path(__file__).resolve().parents[4]
        return subprocess.Popen([*words, "--dock", str(self.dock)], cwd=root, env={**os.environ, **named})

    def unproven(self) -> int:
        """How many receipts the house has committed that the agent does not yet keep, proven to be in the log.

        The house commits first, and the agent fetches then: what it keeps alone does not say that nothing is to come.
        """
        with self.desk.world.house.reading() as session:
            committed = {str(each) for each in session.scalars(select(Receipt.id))}
        with closing(sqlite3.connect(f"file:{self.settings.state / JOURNAL_FILE}?mode=ro", uri=True)) as journal:
            proven = journal.execute("SELECT receipt_id FROM receipts JOIN proofs USING (file_id)")
            return len(committed.difference(row[0] for row in proven))

    # --- what the house knows

    def listed(self, name: str) -> list[ListedFile]:
        """The lines of all sessions' listings for one name, oldest first."""
        with self.desk.world.house.reading() as session:
            wanted = select(ListedFile).where(ListedFile.name_raw == os.fsencode(name))
            return list(session.scalars(wanted.order_by(ListedFile.listed_at, ListedFile.id)))

    def masters(self) -> list[Master]:
        """Every master, oldest first."""
        with self.desk.world.house.reading() as session:
            return list(session.scalars(select(Master).order_by(Master.verified_at)))

    def arrivals(self) -> list[Arrival]:
        """Every arrival, oldest first."""
        with self.desk.world.house.reading() as session:
            return list(session.scalars(select(Arrival).order_by(Arrival.offered_at)))

    def sessions(self) -> list[DockingSession]:
        """Every docking session, oldest first."""
        with self.desk.world.house.reading() as session:
            return list(session.scalars(select(DockingSession).order_by(DockingSession.opened_at)))

    def open_incidents(self) -> list[Incident]:
        """What a person still has to look at."""
        with self.desk.world.house.reading() as session:
            return list(session.scalars(select(Incident).where(Incident.closed_at.is_(None))))

    def await_state(self, name: str, state: str, *, within: float = 30) -> ListedFile:
        """Wait until the newest line of a file is in this state, as the wall shows it."""

        def look() -> ListedFile | None:
            lines = self.listed(name)
            return lines[-1] if lines and lines[-1].state == state else None

        try:
            return until(look, within=within, what=f"{name}: {state}")
        except AssertionError:
            found = [(line.state.value, line.reason) for line in self.listed(name)]
            raise AssertionError(f"{name} is not {state}: {found}; {status.read(self.settings.state)}") from None


def kill(process: subprocess.Popen[bytes]) -> None:
    """As the power does."""
    process.send_signal(signal.SIGKILL)
    process.wait(10)
