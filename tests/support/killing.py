"""Ends a child of the workroom from outside, as a person or a kernel short of memory does."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

import pytest

from transcode import child


class Killer:
    """Kills the next children of one kind, each as soon as its wall stands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind, self.left, self.killed = "", 0, 0
        watch = child._Running.watch
        monkeypatch.setattr(child._Running, "watch", lambda running: self._watch(running, watch))

    def kills(self, kind: str, times: int) -> None:
        """From now on, the next `times` children of this kind."""
        self.kind, self.left, self.killed = kind, times, 0

    def _watch(self, running: child._Running, watch: Callable[[child._Running], None]) -> None:
        if self.left and running.command.inside == self.kind:
            self.left -= 1
            self.killed += 1
            # It says on this pipe that its wall stands: one that dies before says nothing about anything.
            pipes = [key.fd for key in running.selector.get_map().values() if key.data == running.report.extend]
            select.select(pipes, [], [], 20)
            os.kill(running.pid, signal.SIGKILL)
        watch(running)
