"""A whole system of a test's own: `continuity up` as a process, and each of its parts by its process id.

Everything is reached as an operator would reach it: the command line, the dock folder, the address that is
printed, signals. Records and store are looked at from outside by reckoning.py.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import psycopg

from api.system import DATABASE, Embedded
from evidence.bootstrap import House
from evidence.embedded import EmbeddedPostgres, EmbeddedS3, ports
from evidence.embedded.process import find
from ingest.agent.journal_rows import JOURNAL_FILE

REPOSITORY = Path(__file__).resolve().parents[2]
UP_WITHIN = 180.0  # seconds, on a machine that others use too
BACK_WITHIN = 90.0  # the supervisor's longest pause is 30 s
STOP_WITHIN = 90.0

Found = TypeVar("Found")


class Part(StrEnum):
    """What can be killed, as the table names it."""

    AGENT = "agent"
    WORKER = "worker"
    API = "API"
    POSTGRES = "PostgreSQL"
    S3 = "S3 server"


# How our own processes are called, after `python -m`. The agent starts over under its own name.
WORDS: Mapping[Part, Sequence[str]] = {
    Part.AGENT: ("ingest.agent run", "api agent run"),
    Part.WORKER: ("api worker",),
    Part.API: ("api api",),
}


class System:
    """One system on one data folder. As a context: started, and stopped with everything that belongs to it."""

    def __init__(
        self, data: Path, docks: Sequence[Path], *, settings: Mapping[str, str] | None = None, workers: int = 1
    ) -> None:
        self.data, self.docks, self.workers = data, list(docks), workers
        self._settings = dict(settings or {})
        self._port = ports.choose(1, kept=())[0]
        self._up: subprocess.Popen[bytes] | None = None
        self._known: dict[int, psutil.Process] = {}
        self.url = ""
        # Of the supervised agent; other docks of a test add theirs.
        self.journals = [data / "agent" / JOURNAL_FILE]

    # --- life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait for what it prints once the pages answer."""
        self.data.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "api", "up", "--data", os.fspath(self.data), "--no-demo", "--json"]
        command += ["--port", str(self._port), "--workers", str(self.workers)]
        for dock in self.docks:
            dock.mkdir(parents=True, exist_ok=True)
            command += ["--dock", os.fspath(dock)]
        with self._printed.open("wb") as out, self._said.open("ab") as err:
            self._up = subprocess.Popen(
                command, cwd=REPOSITORY, env=self._environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        self.url = self.until(self._announced, within=UP_WITHIN, what="the printed address")["url"]
        self._note_family()

    def stop(self) -> None:
        """Ctrl-C, and see that nothing of it is left. Raises AssertionError where something had to be killed."""
        if self._up is None:
            return
        self._note_family()
        self._up.send_signal(signal.SIGINT)
        try:
            self._up.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
        self._up = None
        left = self._end_family()
        assert not left, f"left behind by `continuity up`: {left}"

    def abandon(self) -> None:
        """kill -9 of the supervisor itself."""
        assert self._up is not None
        self._note_family()
        self._up.kill()
        self._up.wait()
        self._up = None

    @property
    def process(self) -> int:
        """The process id of the supervisor."""
        assert self._up is not None
        return self._up.pid

    # --- parts

    def pid(self, part: Part) -> int | None:
        """The process id of a part, while it lives."""
        if part is Part.POSTGRES:
            return next((each.pid for each in find("postgres", below=self.data)), None)
        if part is Part.S3:
            return next((each.pid for each in find("weed", below=self.data)), None)
        return next(iter(self._ours(WORDS[part])), None)

    def kill(self, part: Part, chance: random.Random | None = None) -> int:
        """kill -9. Of PostgreSQL now and then a child, where `chance` is given. Gives back the killed process id."""
        self._note_family()
        victim = self.until(lambda: self.pid(part), within=BACK_WITHIN, what=f"a living {part}")
        if part is Part.POSTGRES and chance is not None and chance.random() < 0.5:
            children = [child.pid for child in psutil.Process(victim).children()]
            victim = chance.choice(children) if children else victim
        with suppress(ProcessLookupError):  # a child of the database may end by itself in that instant
            os.kill(victim, signal.SIGKILL)
        self.until(lambda: not _lives(victim), within=10, what=f"the end of {part} {victim}")
        return victim

    def back(self, part: Part) -> None:
        """Wait until the supervisor has started a part again and it answers."""
        self.until(lambda: self.pid(part), within=BACK_WITHIN, what=f"{part} started again")
        if part is Part.API:
            self.until(lambda: self.get("/health/live") is not None, within=BACK_WITHIN, what="the pages")
        if part is Part.POSTGRES:
            self.until(self._database_answers, within=BACK_WITHIN, what="the database")
        if part is Part.S3:
            self.until(self._store_answers, within=BACK_WITHIN, what="the store")

    def pause(self, part: Part) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        os.kill(self.until(lambda: self.pid(part), within=BACK_WITHIN, what=f"a living {part}"), signal.SIGSTOP)

    def wake(self, part: Part) -> None:
        """SIGCONT."""
        pid = self.pid(part)
        assert pid is not None, f"{part} did not survive being stopped"
        os.kill(pid, signal.SIGCONT)

    def restart_database(self) -> None:
        """An orderly end that its operator ordered; the supervisor starts it again."""
        pid = self.until(lambda: self.pid(Part.POSTGRES), within=BACK_WITHIN, what="a living database")
        os.kill(pid, signal.SIGINT)
        self.until(lambda: not _lives(pid), within=60, what="the end of the database")
        self.back(Part.POSTGRES)

    # --- from outside

    def house(self) -> House:
        """The records room over its servers; dispose of its engine after use."""
        return Embedded.of(self.data).house()

    def get(self, path: str, *, token: str | None = None) -> bytes | None:
        """What a GET gives with status 200, or None."""
        request = urllib.request.Request(self.url + path)  # noqa: S310 - our own http address
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return bytes(answer.read()) if answer.status == 200 else None
        except (urllib.error.URLError, OSError):
            return None

    def command(self, *words: str) -> dict[str, Any]:
        """Run a command of ours that prints one JSON object."""
        command = [sys.executable, "-m", "api", *words, "--data", os.fspath(self.data), "--json"]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self._environment(), capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process that belongs to this system."""
        return {**self._environment(), **more}

    def until(self, look: Callable[[], Found | None], *, within: float, what: str) -> Found:
        """Wait for something to be so. Fails in words, with what the supervisor said last."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if found := look():
                return found
            if self._up is not None and self._up.poll() is not None:
                raise AssertionError(f"`continuity up` ended ({self._up.returncode}):\n{self.last_words()}")
            time.sleep(0.02)
        raise AssertionError(f"{what} did not come about within {within:.0f} s:\n{self.last_words()}")

    def last_words(self) -> str:
        """The ends of all logs, for a person."""
        logs = [self._said, *sorted((self.data / "logs").glob("*.log"))]
        lines = {self._said: 60}
        ends = [f"--- {log.name}\n" + "\n".join(_tail(log, lines.get(log, 12))) for log in logs if log.exists()]
        return "\n".join(ends)

    # --- inside

    @property
    def _printed(self) -> Path:
        return self.data.with_name(f"{self.data.name}.printed")

    @property
    def _said(self) -> Path:
        return self.data.with_name(f"{self.data.name}.said")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTINUITY_")}
        return {**kept, **self._settings, "PYTHONUNBUFFERED": "1"}

    def _announced(self) -> dict[str, Any] | None:
        text = self._printed.read_text("utf-8")
        return dict(json.loads(text)) if text.endswith("\n") else None

    def _database_answers(self) -> bool:
        try:
            with psycopg.connect(EmbeddedPostgres(self.data).url(DATABASE), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _store_answers(self) -> bool:
        try:
            address = f"{EmbeddedS3(self.data).endpoint}/healthz"
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own http address
                return int(answer.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def _ours(self, words: Sequence[str]) -> list[int]:
        """Living children of the supervisor that were started with one of these."""
        if self._up is None:
            return []
        found = []
        for child in psutil.Process(self._up.pid).children():
            with suppress(psutil.NoSuchProcess):
                said = " ".join(child.cmdline()[2:])
                if said.startswith(tuple(words)) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child.pid)
        return found

    def _note_family(self) -> None:
        """Remember who belongs to us, so that nobody can be left behind unseen."""
        if self._up is not None:
            with suppress(psutil.NoSuchProcess):
                for process in psutil.Process(self._up.pid).children(recursive=True):
                    self._known[process.pid] = process

    def _end_family(self) -> list[str]:
        _, alive = psutil.wait_procs(list(self._known.values()), timeout=10)
        left = []
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                left.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
                process.kill()
        for program in ("postgres", "weed"):
            for server in find(program, below=self.data):
                left.append(f"{server.pid} {program}")
                server.send(signal.SIGKILL)
        psutil.wait_procs(alive, timeout=10)
        self._known.clear()
        return left


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _tail(log: Path, lines: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16384))
        return [line[:500] for line in file.read().decode("utf-8", "replace").splitlines()[-lines:]]
