"""The kinds of job that this room does, for whoever runs workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from evidence.bootstrap import House
from evidence.jobs import TaskSpec
from evidence.jobs.periodic import Periodic
from evidence.store.errors import ShortRead, StoreAway
from transcode import ffmpeg, machine, sandbox, sweep
from transcode.accounts import counted
from transcode.clip_records import CLIP
from transcode.clip_records import PRIORITY as CLIP_PRIORITY
from transcode.clip_records import QUEUE as CLIPS
from transcode.clips import ClipMaker
from transcode.errors import ChildBroke, ScratchFull
from transcode.examination import Examiner
from transcode.joining import Beginner, Joiner
from transcode.nudges import (
    BEGINNING,
    JOIN,
    PICTURES,
    PICTURES_PRIORITY,
    PROBE,
    PROBE_PRIORITY,
    REMUX_PRIORITY,
    RENDER,
    RENDER_PRIORITY,
    SEGMENT,
)
from transcode.pictures import Surveyor
from transcode.render import Renderer
from transcode.room import Slots, slots_for
from transcode.scratch import clear_left_over
from transcode.segmenting import SegmentMaker
from transcode.settings import TranscodeSettings
from transcode.trying import bench

log = structlog.get_logger()

AWAY = (StoreAway, ShortRead, OperationalError, StaleDataError, ScratchFull, ChildBroke)
LONG = 10_000  # a store may be away for days; each wait is at most fifteen minutes


def tasks(house: House, settings: TranscodeSettings) -> Sequence[TaskSpec]:
    """Examining, rendering, and what is shown beside. They wait for a store or a database that is away."""
    clear_left_over(settings)
    patient = partial(TaskSpec, max_attempts=LONG, retry_on=AWAY)
    specs = (
        patient(name=PROBE, queue="verify", priority=PROBE_PRIORITY, run=Examiner(house, settings).run),
        patient(name=RENDER, queue="transcode", priority=RENDER_PRIORITY, run=Renderer(house, settings).run),
        patient(name=CLIP, queue=CLIPS, priority=CLIP_PRIORITY, run=ClipMaker(house, settings).run),
        patient(name=SEGMENT, queue="transcode", priority=RENDER_PRIORITY, run=SegmentMaker(house, settings).run),
        patient(name=JOIN, queue="remux", priority=REMUX_PRIORITY, run=Joiner(house, settings).run),
        patient(name=BEGINNING, queue="remux", priority=REMUX_PRIORITY, run=Beginner(house, settings).run),
        patient(name=PICTURES, queue="pictures", priority=PICTURES_PRIORITY, run=Surveyor(house, settings).run),
    )
    return [counted(house, spec) for spec in specs]


def periodics(house: House, settings: TranscodeSettings) -> Sequence[Periodic]:
    """Rounds by the clock: rows that wait and have no job."""
    return (Periodic(name="transcode.sweep", run=partial(sweep.as_round, house, settings), every_seconds=60),)


def slots(settings: TranscodeSettings) -> Slots:
    """How many encodes this process runs at once, and why."""
    return slots_for(**asdict(machine.look()), asked=settings.slots)


def facts(settings: TranscodeSettings) -> dict[str, Any]:
    """What this worker makes renditions with, for the status page: the tool, and each layer of its sandbox.

    Asked once when a worker starts: each layer that is missing goes into the log with its reason.
    """
    using, room = ffmpeg.tool(settings), slots(settings)
    for layer in sandbox.layers():
        if not layer.stands:
            log.warning("a layer of the sandbox is missing", layer=layer.name, because=layer.detail)
    return {
        "ffmpeg": using.version,
        "slots": room.count,
        "slots_because": room.because,
        **bench(settings).choice.as_facts(),
        "sandbox": [asdict(layer) for layer in sandbox.layers()],
        "sandbox_missing": list(sandbox.missing(sandbox.layers())),
    }
