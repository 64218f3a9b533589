"""The story of `continuity up`: the whole system on one machine, from nothing to a printed address.

Servers first, then the schema, then our own processes, then the demonstration. Ctrl-C takes them down in the
other order. Killed outright, our processes end with it and the servers are found again at the next start.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api import first_sign_ins
from api.children import Child, stop_all
from api.system import Embedded, read_private, write_private
from api.trouble import KnownTrouble
from evidence.custody.events import Actor
from evidence.vocabulary import AgentKind
from ingest.agent import identity
from ingest.agent.settings import Kind as AgentSideKind
from ingest.enrolment import offer_enrolment

Say = Callable[[str], None]
USUAL_PORT = 8080
HALTED = 4  # exit code of a sequencer whose log is halted: it is not started again
READY_WITHIN = 120.0  # seconds for the pages to answer
UP = Actor.system("continuity up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asked for."""

    data: Path
    host: str = "127.0.0.1"
    port: int | None = None
    workers: int = 1
    docks: Sequence[Path] = ()
    demo: bool = True
    agent: bool = True


@dataclass(slots=True)
class Up:
    """A running system. Use it as a context: what it started, it stops."""

    wanted: Wanted
    say: Say
    embedded: Embedded = field(init=False)
    children: list[Child] = field(default_factory=list)
    url: str = ""
    announced: bool = False

    def __post_init__(self) -> None:
        self.embedded = Embedded.of(self.wanted.data)

    def __enter__(self) -> Up:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until the pages answer."""
        if (there := running_at(self.wanted.data)) is not None:
            raise KnownTrouble(f"Continuity already runs on {self.wanted.data}, at {there}.")
        self.say("Starting PostgreSQL and the S3 server")
        self.embedded.start()
        environment = {**_inherited(), **self.embedded.environment()}
        port = _port(self.wanted.host, self.wanted.port, self.say)
        self.url = f"http://{_shown_host(self.wanted.host)}:{port}"
        # First, so that nothing is written into a database that was rolled back before it has been noticed.
        self._run("sequencer", ["sequencer"], environment, patience=20, needs_a_person=(HALTED,))
        self._run("api", ["api", "--host", self.wanted.host, "--port", str(port)], environment, patience=10)
        for number in range(1, self.wanted.workers + 1):
            self._run(f"worker-{number}", ["worker"], environment, patience=20)
        _wait_for(f"{self.url}/health/ready", self._child("api"))
        write_private(self._record(), {"pid": os.getpid(), "url": self.url})
        self.announced = True
        if self.wanted.agent:
            self._start_agent()

    def stop(self) -> None:
        """Stop everything that was started: our processes first, the servers last."""
        if self.announced:
            self._record().unlink(missing_ok=True)
            self.announced = False
        stop_all(list(reversed(self.children)))
        self.children.clear()
        self.embedded.stop()

    def watch(self, stop: threading.Event) -> None:
        """Keep everything running until told to stop."""
        while not stop.wait(0.5):
            for happened in self.embedded.look_after():
                self.say(happened)
            for child in self.children:
                if happened_to := child.look_after():
                    self.say(happened_to)

    def docks(self) -> list[Path]:
        """The folders that are watched: those that were named, or the data folder's own dock."""
        return [path.resolve() for path in self.wanted.docks] or [self.embedded.data / "dock"]

    def sign_ins(self) -> list[first_sign_ins.SignIn]:
        """The generated accounts, made at the first start, with the passwords that are still the generated ones."""
        return first_sign_ins.make_or_recall(
            self.embedded.house(), self.embedded.data / "secrets" / "first-sign-ins.json"
        )

    def _start_agent(self) -> None:
        state = self.embedded.data / "agent"
        environment = {**_inherited(), **agent_environment(self.url, state, self.docks())}
        enrol(self.embedded, self.url, state, kind=AgentKind.DOCK, name=f"Dock on {socket.gethostname()}")
        self._run("agent", ["agent", "run"], environment, patience=15)

    def _run(
        self,
        name: str,
        words: list[str],
        environment: Mapping[str, str],
        *,
        patience: float,
        needs_a_person: tuple[int, ...] = (),
    ) -> None:
        command = [sys.executable, "-m", "api", *words]
        log = self.embedded.data / "logs" / f"{name}.log"
        child = Child(name, command, environment, log, patience=patience, needs_a_person=needs_a_person)
        child.start()
        self.children.append(child)

    def _child(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    def _record(self) -> Path:
        return self.embedded.data / "run" / "system.json"


def running_at(data: Path) -> str | None:
    """The address of the system that runs on this data folder now, if one does."""
    record = read_private(data.resolve() / "run" / "system.json")
    if record is None:
        return None
    url = str(record["url"])
    return url if _answers(f"{url}/health/live") else None


def agent_environment(url: str, state: Path, docks: Sequence[Path]) -> dict[str, str]:
    """What an agent on this machine is told."""
    return {
        "CONTINUITY_AGENT_SERVER": url,
        "CONTINUITY_AGENT_STATE": str(state),
        "CONTINUITY_AGENT_DOCKS": os.pathsep.join(str(path) for path in docks),
    }


def enrol(embedded: Embedded, url: str, state: Path, *, kind: AgentKind, name: str) -> None:
    """Enrol an agent of this machine with a code of its own, unless it has its key already."""
    if identity.is_enrolled(state):
        return
    with embedded.house().writing() as session:
        code = offer_enrolment(session, kind=kind, label=name, hours=1, by=UP)
    identity.enrol_here(url, state=state, code=code, name=name, kind=AgentSideKind(kind.value))


def stop_on_signals(stop: threading.Event) -> None:
    """Ctrl-C and SIGTERM ask for an orderly end; nothing is torn down inside the handler."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())


def _inherited() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
    passed = {name: os.environ[name] for name in kept if name in os.environ}
    ours = {name: value for name, value in os.environ.items() if name.startswith("CONTINUITY_")}
    return {**passed, **ours, "PYTHONUNBUFFERED": "1"}


def _port(host: str, asked: int | None, say: Say) -> int:
    """The port to listen on: the one that was asked for, or the usual one, or where that is taken any other."""
    if asked:
        if not _is_free(host, asked):
            raise KnownTrouble(f"Port {asked} on {host} is in use: stop what uses it, or name another with --port.")
        return asked
    if asked is None and _is_free(host, USUAL_PORT):
        return USUAL_PORT
    if asked is None:
        say(f"Port {USUAL_PORT} is in use; another is taken")
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _shown_host(host: str) -> str:
    return "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104 - compared, not bound


def _wait_for(url: str, child: Child) -> None:
    for _ in range(int(READY_WITHIN / 0.2)):
        if _answers(url):
            return
        if not child.is_running():
            break
        threading.Event().wait(0.2)
    raise KnownTrouble(f"the pages do not answer at {url}; the reason is in {child.log}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http address
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False
