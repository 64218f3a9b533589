"""Speaks to systemd, where systemd asked for it: ready, alive, stopping. A few lines instead of a dependency."""

from __future__ import annotations

import os
import socket

from ingest.agent import clock


class Service:
    """Tells the service manager how the agent is; without one, nothing happens."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        period = os.environ.get("WATCHDOG_USEC", "")
        self._every = int(period) / 2e6 if period.isdigit() else 0.0
        self._next = 0.0

    def ready(self) -> None:
        """The agent has begun its rounds."""
        self._tell(b"READY=1")

    def alive(self) -> None:
        """A round is over; said as often as the watchdog wants to hear it."""
        now = clock.monotonic()
        if self._every and now >= self._next:
            self._next = now + self._every / 2
            self._tell(b"WATCHDOG=1")

    def stopping(self) -> None:
        """The agent is on its way out."""
        self._tell(b"STOPPING=1")

    def _tell(self, words: bytes) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as wire:
            wire.sendto(words, address)
