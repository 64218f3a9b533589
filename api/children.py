"""Our own processes on one machine: started, watched, started again after a crash, stopped in order."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger()

PR_SET_PDEATHSIG = 1
SUPERVISED = "CONTINUITY_SUPERVISED_BY"
# Waits between two starts of a process that keeps ending, in seconds.
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SETTLED = 60.0  # a process that has run this long has started well


def end_with_supervisor() -> None:
    """In a child, first thing: be told to stop when the supervisor dies, however it dies.

    Linux only; elsewhere a supervisor that is killed outright leaves its children to be stopped by hand.
    """
    supervisor = os.environ.pop(SUPERVISED, None)
    if supervisor is None or sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):
        sys.exit(0)


@dataclass(slots=True)
class Child:
    """One process and how to start it again. `patience` is how long it may take to stop, in seconds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    patience: float = 15.0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    told: list[float] = field(default_factory=list)
    # Exit codes that say "a person must act": it is not started again.
    needs_a_person: tuple[int, ...] = ()
    stays_down: bool = False

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self.process.pid if self.is_running() and self.process is not None else None

    def is_running(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it in a group of its own; what it prints goes to its log file."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                list(self.command),
                env={**self.environment, SUPERVISED: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = time.monotonic()

    def look_after(self) -> str | None:
        """Start it again where it has ended. Says what happened, or None."""
        if self.is_running():
            if self.failures and time.monotonic() - self.started > SETTLED:
                self.failures = 0
            return None
        code = self.process.returncode if self.process is not None else None
        if self.stays_down:
            return None
        if code in self.needs_a_person:
            self.stays_down = True
            return f"{self.name} ended (exit {code}) and needs a person: look at the incidents, and at {self.log}"
        now = time.monotonic()
        if self.not_before == 0.0 or self.not_before < self.started:
            self.not_before = now + PAUSES[min(self.failures, len(PAUSES) - 1)]
            self.failures += 1
            return f"{self.name} ended (exit {code}); it is started again. Its last words are in {self.log}"
        if now >= self.not_before:
            self.start()
        return None

    def ask_to_stop(self) -> None:
        """Send SIGTERM once more."""
        if self.is_running() and self.process is not None:
            self.process.terminate()
            self.told.append(time.monotonic())

    def make_stop(self) -> None:
        """Wait out its patience, then end the whole group."""
        if self.process is None:
            return
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            log.warning("process did not stop in time and is ended", name=self.name)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def stop_all(children: Sequence[Child]) -> None:
    """Ask all of them at once, then see to it, in the order given."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.make_stop()
