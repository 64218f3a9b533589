"""Bounds what all sign-ins together may cost this process: each check of a password takes 64 MiB and a core's time.

Known browsers have turns of their own, so that strangers who send attempts without end keep none of them waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):
    """Too many passwords are being checked at this moment."""

    def __init__(self) -> None:
        super().__init__("Many people are signing in at this moment. Try again in a few seconds.")


class Turns:
    """At most `at_once` checks at a time, and `queue` that wait for one, `patience` seconds at most."""

    def __init__(self, *, at_once: int, queue: int, patience: float) -> None:
        self._checks = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + queue)
        self._patience = patience

    @contextmanager
    def one(self) -> Iterator[None]:
        """Have a turn while the block lasts. Raises Busy."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            if not self._checks.acquire(timeout=self._patience):
                raise Busy
            try:
                yield
            finally:
                self._checks.release()
        finally:
            self._places.release()


STRANGERS = Turns(at_once=2, queue=4, patience=2.0)
KNOWN = Turns(at_once=2, queue=16, patience=20.0)
