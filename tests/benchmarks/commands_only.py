"""Our planner's commands and nothing else: `python -m tests.benchmarks.commands_only AT_ONCE RECORDING...`.

For each recording, so many at once: its master is examined from the store, and what the planner decides is done by
the same children behind the same walls with the same checks, from the same store and back into it. What is left
out is our machinery: queue, leases, heartbeats, rows, custody events, notices. The last line printed has wall and CPU
seconds, counted from when everything is loaded.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from evidence.bootstrap import House, open_house
from evidence.identifiers import new_id
from evidence.jobs import HeldJob, RunningJob
from evidence.models import Master, Rendition
from evidence.settings import EvidenceSettings
from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState
from tests.benchmarks.reference import spent_by
from transcode import making, trying
from transcode.pictures import LARGEST_FILE, Surveyor
from transcode.plan import Plan, decide
from transcode.probe import Examination, examine
from transcode.ranges import ReadAhead
from transcode.render import Keeper, Renderer, Wanted
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings
from transcode.storyboard import storyboard
from transcode.wanted import work_for

NOBODY = HeldJob(id=0, owner=0, attempt=0)


@dataclass(frozen=True, slots=True)
class Commands:
    """The planner's commands."""

    house: House
    settings: TranscodeSettings

    def do(self, master: Master) -> None:
        """Everything that one master needs."""
        ranges = ReadAhead(self.house.masters.ranges(master.key, version_id=master.version_id))
        found = examine(ranges, self.settings)
        plan = decide(found.facts, found.verdict.condition)
        assert isinstance(plan, Plan)
        job = RunningJob(held=NOBODY, task="", args={})
        if plan.method is not RenditionMethod.DIRECT:
            self._copy(master, found, plan, job)
        if plan.method is not RenditionMethod.TRANSCODE:
            self._pictures(master, found, job)

    def _copy(self, master: Master, found: Examination, plan: Plan, job: RunningJob) -> None:
        assert found.facts is not None
        row = Rendition(
            id=new_id(),
            recording_id=master.id,
            kind=RenditionKind.PLAYBACK,
            recipe=plan.recipe,
            method=plan.method,
            state=RenditionState.WANTED,
            why=plan.reason,
            facts={},
        )
        wanted = Wanted(row, master, found.facts, found.verdict.condition)
        renderer = Renderer(self.house, self.settings)
        with scratch(self.settings, needed=0) as folder:
            made = making.make(work_for(self.house, self.settings, wanted, plan, folder, job))
            renderer._store(wanted, plan, made, job, {})

    def _pictures(self, master: Master, found: Examination, job: RunningJob) -> None:
        assert found.facts is not None
        board = storyboard(found.facts) if found.facts.pictures else None
        surveyor = Surveyor(self.house, self.settings)
        with scratch(self.settings, needed=LARGEST_FILE) as folder:
            surveyed = surveyor._survey(job, master, found.facts, board, folder)
            surveyor._store(job, master, folder, set(RenditionKind))
            manifest = surveyed.said.manifest()
            Keeper(self.house, master.id, job).manifest(manifest)


def main(at_once: int, recordings: list[UUID]) -> None:
    """Do all, and say what it took."""
    house, settings = open_house(EvidenceSettings.read(), pool_size=2), TranscodeSettings.read()
    Path(settings.scratch).mkdir(parents=True, exist_ok=True)
    trying.bench(settings)
    with house.reading() as session:
        masters = [session.get_one(Master, each) for each in recordings]
        session.expunge_all()
    for each in masters:
        # Ours counted their packets; that is work of the planner's, and is to be done here as well.
        each.packets_sha256 = each.packets_reason = None
    commands, before, began = Commands(house, settings), _spent(), time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(commands.do, masters))
    sys.stdout.write(json.dumps({"wall": time.perf_counter() - began, "cpu": _spent() - before}) + "\n")


def _spent() -> float:
    return spent_by(os.getpid())


if __name__ == "__main__":
    main(int(sys.argv[1]), [UUID(each) for each in sys.argv[2:]])
