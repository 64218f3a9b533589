"""What the sequencer's process owes to those outside, turn by turn, in a thread beside the sequencing itself.

    duties = Duties(house, settings, reading.subtree_reader)
    while not stop.wait(1): duties.tick()

A duty that fails is written to the log of the process and comes up again; it never stops the others. Nothing here is
waited for by the sequencer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from evidence import clock
from evidence.custody.events import Actor
from evidence.outages import log_failure
from evidence.outside import unbelieved
from evidence.outside.keys import LogKeys, open_keys
from evidence.outside.rotating import enter
from evidence.outside.stamping import Stamping
from evidence.outside.strays import tell
from evidence.outside.witnessing import Subtrees, Witnessing
from evidence.settings import EvidenceSettings

if TYPE_CHECKING:
    from evidence.bootstrap import House

KEYS_EVERY = timedelta(minutes=10)
STRAYS_EVERY = timedelta(hours=1)
WHO = Actor.system("sequencer")
log = structlog.get_logger()


class Duties:
    """Keys, witnesses and time-stamps. Raises SettingsRefused or KeyUnusable where the settings do not hold."""

    def __init__(self, house: House, settings: EvidenceSettings, subtrees: Subtrees) -> None:
        self._house = house
        self._keys: LogKeys | None = open_keys(settings) if settings.log_keys_dir is not None else None
        self._keys_entered: datetime | None = None
        self._strays_named: datetime | None = None
        self._witnessing = Witnessing(house, settings, subtrees)
        self._stamping = Stamping(house, settings)

    def is_unwitnessed(self) -> bool:
        """Whether a checkpoint counts as soon as it is published: no policy is named, or it asks for nobody."""
        policy = self._witnessing.look()
        return policy is None or policy.quorum is None

    def tick(self) -> None:
        """Do what is due. May take as long as somebody outside has for an answer; to be called each second or so."""
        now = clock.now()
        self._do("keys", lambda: self._enter_keys(now))
        self._do("witnesses", lambda: self._witnessing.tick(now))
        self._do("time-stamps", lambda: self._stamping.tick(now))
        self._do("rows that say what nobody said", lambda: self._name_strays(now))

    def _enter_keys(self, now: datetime) -> None:
        if self._keys is None or (self._keys_entered is not None and now - self._keys_entered < KEYS_EVERY):
            return
        enter(self._house, self._keys, now=now)
        self._keys_entered = now

    def _name_strays(self, now: datetime) -> None:
        """Rows that somebody added to what those outside have said: nothing rests on them, and a person is told."""
        if self._strays_named is not None and now - self._strays_named < STRAYS_EVERY:
            return
        policy = self._witnessing.look()
        witnesses = [each.key for each in policy.witnesses] if policy is not None else []
        with self._house.reading() as session:
            lines, stamps = unbelieved.lines(session, witnesses), unbelieved.stamps(session)
        tell(self._house, "custody.cosignature", lines, by=WHO)
        tell(self._house, "custody.tst", stamps, by=WHO)
        self._strays_named = now

    @staticmethod
    def _do(duty: str, what: Callable[[], object]) -> None:
        try:
            what()
        except Exception as error:  # noqa: BLE001 - it is logged, whole where it is no outage
            # Database or store away, or a fault of ours: the next turn tries again, the other duties go on.
            log_failure(log, "a duty failed", error, duty=duty)
