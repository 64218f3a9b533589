"""Whether server and store can be reached, as last seen: shared by all threads, one reason a person can read."""

from __future__ import annotations

import threading

from ingest.agent import clock, patience
from ingest.agent.errors import AgentRevoked, Away, StoreAway


class Reach:
    """What the last attempts to speak to server and store taught."""

    def __init__(self, wake: threading.Event) -> None:
        self._lock, self._wake = threading.Lock(), wake
        self._failures, self._is_store = 0, False
        self.away: str | None = None
        self.away_since: str | None = None
        self.try_at = 0.0
        self.last_contact: str | None = None
        self.revoked: AgentRevoked | None = None

    def failed(self, error: Away) -> None:
        """Something did not answer; the pause before the next attempt grows."""
        with self._lock:
            self.away, self._is_store = error.reason, isinstance(error, StoreAway)
            if clock.monotonic() < self.try_at:
                return  # several threads found out the same
            self._failures += 1
            self.away_since = self.away_since or clock.now_as_text()
            self.try_at = clock.monotonic() + patience.pause_after(self._failures)

    def contact(self) -> None:
        """The server answered something."""
        self.last_contact = clock.now_as_text()

    def answered(self, *, store_too: bool) -> None:
        """The server answered after all, or the store as well: what was held back for them need not wait longer."""
        with self._lock:
            self.contact()
            if self.away and (store_too or not self._is_store):
                self.away, self.away_since, self.try_at, self._failures = None, None, 0.0, 0
                self._wake.set()

    def refuse(self, error: AgentRevoked) -> None:
        """The server no longer lets this agent in."""
        with self._lock:
            self.revoked = self.revoked or error
        self._wake.set()
