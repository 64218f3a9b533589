"""A playback copy that waits to be made: its row, its master, its plan, and the work as `making` takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from evidence.bootstrap import House
from evidence.database import WriteSession
from evidence.incidents import Trouble, open_incident
from evidence.jobs import RunningJob
from evidence.models import Master, Recording, Rendition
from evidence.vocabulary import Condition, IncidentKind, RenditionState
from transcode import repair, results
from transcode.errors import MasterChanged
from transcode.making import Source, Work
from transcode.media import MediaFacts
from transcode.nudges import URGENT_QUEUE
from transcode.plan import Plan, decide, fallback
from transcode.quality.looking import is_due
from transcode.repair import Repair
from transcode.settings import TranscodeSettings


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that waits for its copy, with everything known of its master."""

    row: Rendition
    master: Master
    facts: MediaFacts
    condition: Condition

    @property
    def repair(self) -> Repair | None:
        """By what it is to be repaired; nothing where it is whole."""
        told = self.row.facts.get(repair.FACTS) if self.row.recipe == repair.RECIPE else None
        return Repair.model_validate(told) if told else None


def look_up(house: House, rendition_id: UUID) -> Wanted | None:
    """The row, where it still waits: a job that runs again after its own commit finds nothing to do."""
    with house.reading() as session:
        row = session.get(Rendition, rendition_id)
        if row is None or row.state is RenditionState.READY:
            return None
        recording = session.get_one(Recording, row.recording_id)
        master = session.get_one(Master, row.recording_id)
    return Wanted(row, master, MediaFacts.model_validate(recording.media_facts), recording.condition)


def plan_of(wanted: Wanted, settings: TranscodeSettings) -> Plan:
    """The plan again, from the same facts; a row that was told to be encoded stays told."""
    hours = settings.longest_hours
    if wanted.repair is not None:
        return replace(repair.plan(wanted.facts, wanted.repair, longest_hours=hours), reason=wanted.row.why)
    plan = decide(wanted.facts, wanted.condition, longest_hours=hours)
    if isinstance(plan, Plan) and plan.method is wanted.row.method:
        return plan
    plan = fallback(wanted.facts, wanted.row.why, longest_hours=hours)
    return replace(plan, reason=wanted.row.why)


def source_of(house: House, master: Master) -> Source:
    """A master as its store gives it."""
    store = house.masters
    return Source(
        ranges=store.ranges(master.key, version_id=master.version_id),
        stream=lambda: store.read(master.key, version_id=master.version_id),
        sha256=master.sha256,
        size=master.size,
    )


def work_for(
    house: House, settings: TranscodeSettings, wanted: Wanted, plan: Plan, folder: Path, job: RunningJob
) -> Work:
    """The work that a plan is, for one attempt in a scratch folder."""
    master = wanted.master
    return Work(
        plan=plan,
        facts=wanted.facts,
        condition=wanted.condition,
        source=source_of(house, master),
        folder=folder,
        settings=settings,
        stopping=job.stopping,
        report=job.report,
        urgent=job.queue == URGENT_QUEUE,
        look=plan.with_ffmpeg and is_due(house, settings, recipe=plan.recipe, sha256=master.sha256),
    )


def room_for(master: Master, plan: Plan) -> int:
    """Bytes of scratch that the work is likely to need; its hard limit is the plan's."""
    copy = min(plan.limits.file_size, 2 * master.size + (64 << 20))
    beside = 2 if plan.recipe == repair.RECIPE else 1
    return copy + (beside * master.size if plan.with_ffmpeg else 0)


def write_changed(session: WriteSession, recording: Recording, wanted: Wanted, error: MasterChanged) -> None:
    """The store gave other bytes than the master's: an incident, before anything else."""
    trouble = Trouble(
        kind=IncidentKind.FIXITY_FAILED,
        subject=str(wanted.master.id),
        reason=str(error),
        advice="Do not delete anything. Check the store, and compare with its other copies.",
        recording_id=wanted.master.id,
    )
    waiting = [row for row in results.rows_of(session, recording.id) if row.state is RenditionState.WANTED]
    # Whatever else was to be made of the master would be made of bytes that are not its own.
    for row in waiting:
        results.write_failed(session, recording, row, str(error))
    open_incident(session, trouble, by=results.WORKROOM)
    results.tell(session, recording)
