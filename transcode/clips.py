"""The story of the job `transcode.clip`: from a recipe that somebody asked for to a file that may be handed out.

Files are in the store before the transaction that points at them; result, custody event and the fence commit together
or not at all. Keys carry job and attempt, as those of renditions do.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.bootstrap import House
from evidence.database import WriteSession
from evidence.incidents import Trouble, open_incident
from evidence.jobs import JobState, LeaseLost, RunningJob, enqueue, held, status
from evidence.models import Clip, Master, Recording
from evidence.store import StoredRendition
from evidence.store.errors import StoreError
from evidence.store.keys import packets_key, rendition_key
from evidence.vocabulary import IncidentKind, RenditionMethod, RenditionState
from transcode import clip_records
from transcode.clip_making import MadeClip, make
from transcode.clip_numbers import Shown, shown_by
from transcode.clip_plan import NoClip
from transcode.clip_recipe import Recipe
from transcode.clip_records import StoredClip, clip_request
from transcode.errors import MasterChanged, OutputUntrue, RenderFailed
from transcode.making import Work
from transcode.media import MediaFacts
from transcode.outside import try_once_more
from transcode.packets import Manifest, digest_of
from transcode.plan import Plan, limits_for
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings
from transcode.wanted import source_of

ANOTHER: Final = (
    "another working copy has come to play since this was asked for, and its pictures can have other numbers: set the "
    "points again on the recording's page"
)
AT_ONCE: Final = 200
SETTLED: Final = timedelta(minutes=1)
"""A row younger than this may belong to a transaction whose job has just been taken."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A clip that waits to be made, with what is known of its master."""

    row: Clip
    master: Master
    recording: Recording
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class ClipMaker:
    """Makes clips."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Carry one wanted clip to a ready one, or to a failure with its reason.

        Any step may be repeated after a crash. None may be skipped or moved. Where a child was ended from outside for
        the first time it raises ChildKilled, and the job comes round again.
        """
        wanted = self._wanted(UUID(str(job.args["clip"])))
        if wanted is None:
            return
        try:
            self._make_and_record(wanted, job)
        except (NoClip, RenderFailed, OutputUntrue) as error:
            if isinstance(error, RenderFailed):
                try_once_more(self.house, job, error.doing, error.ending)
            self._record_failure(wanted, str(error), job)
        except MasterChanged as error:
            self._record_changed(wanted, error, job)
            raise

    def _wanted(self, clip: UUID) -> Wanted | None:
        """The row, where it still waits: a job that runs again after its own commit finds nothing to do."""
        with self.house.reading() as session:
            row = session.get(Clip, clip)
            if row is None or row.state in (RenditionState.READY, RenditionState.FAILED):
                return None
            recording = session.get_one(Recording, row.recording_id)
            master = session.get_one(Master, row.recording_id)
        return Wanted(row, master, recording, Recipe.model_validate(row.recipe))

    def _make_and_record(self, wanted: Wanted, job: RunningJob) -> None:
        facts = MediaFacts.model_validate(wanted.recording.media_facts)
        limits = limits_for(facts, longest_hours=self.settings.longest_hours)
        with scratch(
            self.settings, needed=wanted.master.size + min(limits.file_size, 2 * wanted.master.size)
        ) as folder:
            plan = Plan(method=RenditionMethod.TRANSCODE, reason="a clip", content_type="", limits=limits)
            made = make(self._work(wanted, plan, facts, folder, job), wanted.recipe, self._shown(wanted))
            job.report("storing", None)
            stored = self._store(wanted, made, job)
        try:
            with self.house.writing() as session:
                clip_records.write_made(session, self._locked(session, wanted), stored)
                held(session, job.held)
        except LeaseLost:
            # Packet manifests stay: whoever took over stores the same ones under the same keys.
            with suppress(StoreError):
                self.house.renditions.delete(stored.stored.key)
            raise

    def _shown(self, wanted: Wanted) -> Shown | None:
        """What the working copy shows, where there is one. Raises NoClip where the recipe counts as another one did."""
        with self.house.reading() as session:
            numbered_by = clip_records.numbered_by(session, wanted.master.id)
            if wanted.recipe.unit == "frame" and wanted.recipe.table != numbered_by:
                raise NoClip(ANOTHER)
            table = clip_records.frame_table(session, self.house.renditions, wanted.master.id)
        return shown_by(table) if table is not None else None

    def _work(self, wanted: Wanted, plan: Plan, facts: MediaFacts, folder: Path, job: RunningJob) -> Work:
        return Work(
            plan=plan,
            facts=facts,
            condition=wanted.recording.condition,
            source=source_of(self.house, wanted.master),
            folder=folder,
            settings=self.settings,
            stopping=job.stopping,
            report=job.report,
        )

    def _store(self, wanted: Wanted, made: MadeClip, job: RunningJob) -> StoredClip:
        key = rendition_key(
            wanted.master.id, kind="clip", job_id=job.held.id, attempt=job.held.attempt, file=made.path.name
        )
        return StoredClip(
            stored=self.house.renditions.put_file(key, made.path, content_type=made.content_type),
            bucket=self.house.renditions.bucket,
            content_type=made.content_type,
            packets=self._manifest(wanted.master.id, made.packets),
            packets_master=self._manifest(wanted.master.id, made.master),
            facts=made.proof.facts,
            copied=made.proof.copied,
            encoded=made.proof.encoded,
            argv=made.argv,
            tool=made.tool,
        )

    def _manifest(self, master: UUID, manifest: Manifest | None) -> StoredRendition | None:
        if manifest is None or not (manifest.listed and manifest.packets):
            return None
        body = manifest.as_bytes()
        key = packets_key(master, digest_of(body))
        return self.house.renditions.put_bytes(key, body, content_type="application/json")

    def _record_failure(self, wanted: Wanted, because: str, job: RunningJob) -> None:
        with self.house.writing() as session:
            clip_records.write_failed(session, self._locked(session, wanted), because)
            held(session, job.held)

    def _record_changed(self, wanted: Wanted, error: MasterChanged, job: RunningJob) -> None:
        """The store gave other bytes than the master's: an incident, before anything else."""
        trouble = Trouble(
            kind=IncidentKind.FIXITY_FAILED,
            subject=str(wanted.master.id),
            reason=str(error),
            advice="Do not delete anything. Check the store, and compare with its other copies.",
            recording_id=wanted.master.id,
        )
        with self.house.writing() as session:
            clip_records.write_failed(session, self._locked(session, wanted), str(error))
            open_incident(session, trouble, by=clip_records.WORKROOM)
            held(session, job.held)

    @staticmethod
    def _locked(session: WriteSession, wanted: Wanted) -> Clip:
        """The clip's row, its recording's first: everybody takes locks in this order."""
        session.scalars(select(Recording).where(Recording.id == wanted.master.id).with_for_update()).one()
        return session.get_one(Clip, wanted.row.id, with_for_update=True)


def nudge_clips(session: WriteSession) -> int:
    """Give waiting clips a job where theirs is gone, and a reason where theirs has failed or was cancelled."""
    unmade = (
        select(Clip)
        .where(Clip.state.in_([RenditionState.WANTED, RenditionState.MAKING]))
        .where(Clip.asked_at < clock.now() - SETTLED)
        .order_by(Clip.asked_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = list(session.scalars(unmade))
    stands = status(session, [row.job_id for row in rows if row.job_id is not None])
    nudged = 0
    for row in rows:
        job = stands.get(row.job_id or 0)
        if job is not None and job.state in (JobState.CANCELLED, JobState.STOPPED):
            clip_records.write_failed(session, row, "its job was cancelled")
        elif job is not None and job.state is JobState.FAILED:
            clip_records.write_failed(session, row, job.failure.detail if job.failure else "its job failed")
        elif job is None or job.state is JobState.SUCCEEDED:
            row.job_id = enqueue(session, clip_request(row.id))
            nudged += 1
    return nudged
