"""A worker process: puts the rooms' jobs together and runs them. The only place that knows them all."""

from __future__ import annotations

from importlib.metadata import version

from api.starting import say_started
from evidence.bootstrap import open_house
from evidence.completeness import rounds
from evidence.jobs import Lane
from evidence.jobs.crew import Pace
from evidence.jobs.errors import HandlersAbandoned
from evidence.jobs.periodic import QUEUE as SWEEPS
from evidence.jobs.worker import run_worker
from evidence.logs import start_logging
from evidence.settings import EvidenceSettings
from ingest import tasks as ingest_tasks
from ingest.settings import IngestSettings
from transcode import tasks as transcode_tasks
from transcode.settings import TranscodeSettings

AHEAD = 1


def lanes(settings: TranscodeSettings) -> list[Lane]:
    """Short work never waits behind long work: verification, urgent copies, and the rest each have their own lane."""
    encodes = transcode_tasks.slots(settings).count
    return [
        Lane(("verify",), 2),
        Lane(("transcode_urgent",), 1),
        Lane(("remux",), 1),
        # One slot of each worker is bulk's own, so that it never starves; the others take what is urgent first. One
        # more fetches what comes next meanwhile: encodes take turns (`transcode.room`), and no core waits for a store.
        Lane(("transcode",), 1 + AHEAD),
        *([Lane(("transcode_urgent", "transcode"), encodes - 1)] if encodes > 1 else []),
        Lane(("clips",), 1),
        # They stand aside while encodes begin, and catch up on all cores.
        Lane(("pictures",), encodes),
        # Some rounds take minutes: the count of the store, and the log's verification. Others must not wait for them.
        Lane((SWEEPS,), 4),
    ]


def run() -> int:
    """Run until told to stop. The exit code: 0 drained, 1 some work had to be left to others."""
    start_logging(process="worker")
    evidence, ingest, transcode = EvidenceSettings.read(), IngestSettings.read(), TranscodeSettings.read()
    house = open_house(evidence, pool_size=6)
    say_started(house, "worker")
    try:
        run_worker(
            evidence.database_url.get_secret_value(),
            [*ingest_tasks.tasks(house, ingest), *transcode_tasks.tasks(house, transcode)],
            lanes(transcode),
            periodics=[
                *ingest_tasks.periodics(house, ingest),
                *transcode_tasks.periodics(house, transcode),
                *rounds.periodics(house),
            ],
            pace=Pace(),
            software=f"continuity {version('continuity')}",
            facts=transcode_tasks.facts(transcode),
            host=evidence.host_name,
        )
    except HandlersAbandoned:
        return 1
    return 0
