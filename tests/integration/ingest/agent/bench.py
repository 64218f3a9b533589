"""The front desk on a port of this machine, and a dock bench in front of it: folders as docks, agents that run here."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from evidence.custody.events import Actor
from evidence.vocabulary import AgentKind
from ingest.agent import identity
from ingest.agent.settings import Dock, Kind, Settings
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
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.dock = self.folder / "dock"
        self.dock.mkdir()
        self.settings = Settings(
            server=self.desk.address,
            state=self.folder / "agent",
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

    def put(self, name: str | bytes, body: bytes, *, device: str | None = "cam-1", old: bool = True) -> bytes:
        """Put a file on a device; `old` gives it a time at which it has long settled."""
        folder = self.dock if device is None else self.dock / device
        path = os.path.join(os.fsencode(folder), os.fsencode(name))  # noqa: PTH118 - raw bytes
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:
            file.write(body)
        if old:
            os.utime(path, (1_700_000_000, 1_700_000_000))
        return path
