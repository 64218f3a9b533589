"""The kinds of job that this room does, for whoever runs workers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy.exc import OperationalError

from evidence.bootstrap import House
from evidence.jobs import TaskSpec
from evidence.jobs.periodic import Periodic
from evidence.store.errors import ShortRead, StoreAway
from ingest import reconcile
from ingest.beside import Layouts
from ingest.intake import Intake
from ingest.nudges import VERIFY, VERIFY_PRIORITY
from ingest.receipt import ReceiptKey
from ingest.settings import IngestSettings

LONG = 10_000  # a store may be away for days; each wait is at most fifteen minutes


def tasks(house: House, settings: IngestSettings) -> Sequence[TaskSpec]:
    """Verification of stored arrivals. It waits for a store or a database that is away, for as long as it takes."""
    intake = Intake(house, settings, ReceiptKey.load(settings.receipt_key_file), Layouts.read(settings))
    verify = TaskSpec(
        name=VERIFY,
        queue="verify",
        priority=VERIFY_PRIORITY,
        run=intake.run,
        max_attempts=LONG,
        retry_on=(StoreAway, ShortRead, OperationalError),
    )
    return (verify,)


def periodics(house: House, settings: IngestSettings) -> Sequence[Periodic]:
    """Rounds by the clock: gaps, silent docks, the log's coming months."""
    return (
        Periodic(name="ingest.reconcile", run=partial(reconcile.as_round, house, settings), every_seconds=30),
        Periodic(name="evidence.months", run=lambda _: reconcile.make_months(house), cron="17 3 * * *"),
    )
