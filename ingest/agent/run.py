"""Runs the agent at a dock until it is told to stop; keeps the service manager and `status` informed."""

from __future__ import annotations

import logging
import threading

from ingest.agent import identity
from ingest.agent.agent import Agent
from ingest.agent.digests import Digester, Digests
from ingest.agent.errors import AgentError, AgentFault, SettingsRefused
from ingest.agent.holding import holding
from ingest.agent.journal import Journal
from ingest.agent.reception import Docks
from ingest.agent.service import Service
from ingest.agent.settings import PREFIX, Settings, changed
from ingest.agent.status import StatusFile
from ingest.agent.tracking import Device, Tracked
from ingest.agent.watcher import Watcher

log = logging.getLogger(__name__)

# FIPS 180-4 for "abc"; the tree is that of one leaf.
KNOWN = Digests(
    3,
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
    "454d4423643ce80e2a9ac94fa54ca49f",
    "609f6e36d2405585188d5cfd761f407c7cc46a7d3f314c88270469dde315fcd1",
)


def run_agent(settings: Settings, stop: threading.Event) -> int:
    """Run until `stop` is set. Gives back an exit code: 0 stopped as told; others as in `__main__`."""
    try:
        if not settings.docks:
            raise SettingsRefused(f"No dock folder is named: set {PREFIX}DOCKS or {PREFIX}SUITES, or give --dock.")
        _prove_digests()
        with holding(settings.state):
            _run(settings, stop)
    except AgentError as error:
        log.critical("the agent ends", extra={"reason": error.reason}, exc_info=isinstance(error, AgentFault))
        return error.exit_code
    return 0


def _run(settings: Settings, stop: threading.Event) -> None:
    me = identity.load(settings.state)
    settings = changed(settings, server=settings.server or me.server)
    journal = Journal(settings.state)
    desk = _Desk(settings)
    try:
        agent = Agent(settings, me, journal, find_places=desk.docks, stop=stop, wake=desk.wake, listener=desk)
        desk.watcher.start()
        log.info("the agent runs", extra={"agent": me.agent_id, "server": settings.server})
        agent.run()
    finally:
        desk.leave()
        journal.close()


class _Desk:
    """Who listens to the agent at a dock."""

    def __init__(self, settings: Settings) -> None:
        self.wake = threading.Event()
        self.watcher = Watcher(self.wake)
        self.docks = Docks(settings.docks, self.watcher)
        self._service, self._status = Service(), StatusFile(settings.state)
        self._is_ready = False

    def changed(self, device: Device, file: Tracked) -> None:
        """The server is told elsewhere; nobody else asks."""

    def rounded(self, agent: Agent) -> None:
        """Pass on what the watcher noticed, and say that the agent is well."""
        for path in self.watcher.noticed():
            agent.notice(path)
        if not self._is_ready:
            self._is_ready = True
            self._service.ready()
        self._service.alive()
        faults = {str(folder): reason for folder, reason in self.watcher.faults.items()}
        self._status.write(agent, {**faults, **self.docks.faults})

    def leave(self) -> None:
        """The agent is on its way out."""
        self._service.stopping()
        self.watcher.stop()


def _prove_digests() -> None:
    """Each process hashes a known text before it takes work. Raises AgentFault."""
    digester = Digester()
    digester.update(b"abc")
    if digester.digests() != KNOWN:
        raise AgentFault(ArithmeticError("the digests of a known text are wrong"))
