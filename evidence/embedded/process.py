"""One server process, whether we started it or found it, and the record that outlives its supervisor.

A supervisor may be killed at any moment. Its servers then go on: they hold other processes' connections,
and a database is not stopped because its nurse fell over. The next start finds them by their command
line, which names the data directory, and adopts or replaces them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from evidence.embedded.account import Account, give_to_owner_of_folder
from evidence.embedded.errors import AlreadySupervised, PlaceRefused

LOG_LIMIT = 16 << 20  # bytes; a longer log is set aside at the next start


class ServerProcess:
    """A living or ended process of a server. `child` is there when we are its parent."""

    def __init__(self, process: psutil.Process, child: subprocess.Popen[bytes] | None = None) -> None:
        self._process = process
        self._child = child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """The process runs. A dead one that nobody has reaped is dead; one with a reused id is another."""
        if self._child is not None:
            return self._child.poll() is None
        try:
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def command(self) -> list[str]:
        """Its command line; empty when it has ended."""
        try:
            return self._process.cmdline()
        except psutil.NoSuchProcess:
            return []

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        with suppress(psutil.NoSuchProcess):
            if self.is_alive():
                self._process.send_signal(number)

    def has_ended(self, *, within: float) -> bool:
        """Wait up to so many seconds for the end; true when it came."""
        return wait_until(lambda: not self.is_alive(), within=within)


def launch(command: Sequence[str], *, account: Account, log: Path, cwd: Path, env: Mapping[str, str]) -> ServerProcess:
    """Start a server in a session of its own, so that Ctrl-C at the terminal reaches only its supervisor."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".1.log"))
    with log.open("ab") as words:
        log.chmod(0o600)  # the servers' words name addresses, keys and queries
        give_to_owner_of_folder(log)
        child = subprocess.Popen(  # noqa: S603 - our own program, no shell
            command, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT, cwd=cwd, env=dict(env),
            start_new_session=True, **account.for_popen(),
        )  # fmt: skip
    return ServerProcess(psutil.Process(child.pid), child)


def find(program: str, *, below: Path) -> list[ServerProcess]:
    """Living processes of a program whose command line names this folder, or one below it, as its data."""
    found = []
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        if process.info["name"] != program or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        named = [Path(word.removeprefix("-dir=")) for word in process.info["cmdline"] or []]
        if any(path.is_relative_to(below) for path in named):
            found.append(ServerProcess(process))
    return found


def find_in(program: str, *, cwd: Path) -> list[ServerProcess]:
    """Living processes of a program that work in this folder."""
    return [ServerProcess(each) for each in psutil.process_iter(["name"]) if _works_in(each, program, cwd)]


def _works_in(process: psutil.Process, program: str, cwd: Path) -> bool:
    if process.info["name"] != program:
        return False
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == cwd
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False  # gone, or somebody else's: ours can always be asked


def wait_until(condition: Callable[[], bool], *, within: float) -> bool:
    """Ask again and again, a little slower each time, until the condition holds or the seconds are over."""
    deadline = time.monotonic() + within
    pause = 0.01
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return True


class Watch:
    """The one supervisor of a place: a file lock that the kernel lets go when we die, however we die."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._handle: int | None = None

    def take(self) -> None:
        """Become the supervisor. Raises AlreadySupervised."""
        if self._handle is not None:
            return
        path = self._place / "supervisor.lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise PlaceRefused(self._place, because="it was made by another account; run as that account") from error
        try:
            give_to_owner_of_folder(path)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise AlreadySupervised(self._place) from None
        self._handle = handle

    def give_up(self) -> None:
        """Cease to be the supervisor."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def read_record(path: Path) -> dict[str, Any]:
    """A small JSON record; empty when there is none yet. Raises PlaceRefused when it is somebody else's."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except PermissionError as error:
        raise PlaceRefused(path.parent, because="it was made by another account; run as that account") from error
    return dict(record)


def write_private(path: Path, text: str, *, account: Account | None = None) -> None:
    """Write a whole file, readable by its owner only, in one step: a crash leaves the old one or the new.

    It belongs to the account, or to whom its folder belongs.
    """
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if account is not None:
        account.own(unfinished)
    else:
        give_to_owner_of_folder(unfinished)
    unfinished.replace(path)


def last_words(log: Path, *, lines: int = 15) -> str:
    """The end of a log, for the sentence that says why a server did not start."""
    if not log.exists():
        return "(nothing was written)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16384))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-lines:])
