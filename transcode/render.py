"""The story of this room: one playback copy, from a wanted row to a ready one.

Write order: files are in the store before the transaction that points at them; result, custody event and the
fence commit together or not at all. Keys carry job and attempt, so that an attempt which was replaced writes
beside its successor and never over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from evidence.bootstrap import House
from evidence.custody.events import Actor
from evidence.database import WriteSession
from evidence.errors import NotFound
from evidence.incidents import Trouble, open_incident
from evidence.jobs import LeaseLost, RunningJob, enqueue, held
from evidence.models import Master, Recording, Rendition
from evidence.store import StoredRendition
from evidence.store.errors import StoreError
from evidence.store.keys import packets_key, rendition_key
from evidence.vocabulary import Condition, IncidentKind, RenditionKind, RenditionMethod, RenditionState
from transcode import repair, results
from transcode.check import Manifests
from transcode.errors import MasterChanged, OutputUntrue, RenderFailed, TranscodeError
from transcode.examination import enqueue_render
from transcode.making import Made, Source, Work, make
from transcode.media import MediaFacts
from transcode.nudges import pictures_request
from transcode.packets import Manifest, digest_of
from transcode.plan import Plan, decide, fallback
from transcode.quality.looking import is_due
from transcode.repair import Repair
from transcode.repaired import make_repaired
from transcode.results import Result, StoredManifests, Wish
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings

CONTENT_TYPES = {
    RenditionKind.POSTER: "image/jpeg",
    RenditionKind.STORYBOARD: "text/vtt",
    RenditionKind.WAVEFORM: "application/json",
    RenditionKind.FRAMES: "application/json",
}


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


@dataclass(frozen=True, slots=True)
class Renderer:
    """Makes playback copies."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Carry one wanted rendition to a ready one, or to a failure with its reason.

        Any step may be repeated after a crash. None may be skipped or moved.
        """
        wanted = self._wanted(UUID(str(job.args["rendition"])))
        if wanted is None:
            return
        plan = self._plan(wanted)
        try:
            self._make_and_record(wanted, plan, job)
        except (RenderFailed, OutputUntrue) as error:
            self._record_failure(wanted, error, job)
        except MasterChanged as error:
            self._record_changed(wanted, error, job)
            raise

    def _wanted(self, rendition_id: UUID) -> Wanted | None:
        """The row, where it still waits: a job that runs again after its own commit finds nothing to do."""
        with self.house.reading() as session:
            row = session.get(Rendition, rendition_id)
            if row is None or row.state is RenditionState.READY:
                return None
            recording = session.get_one(Recording, row.recording_id)
            master = session.get_one(Master, row.recording_id)
        return Wanted(row, master, MediaFacts.model_validate(recording.media_facts), recording.condition)

    def _plan(self, wanted: Wanted) -> Plan:
        """The plan again, from the same facts; a row that was told to be encoded stays told."""
        hours = self.settings.longest_hours
        if wanted.repair is not None:
            return replace(repair.plan(wanted.facts, wanted.repair, longest_hours=hours), reason=wanted.row.why)
        plan = decide(wanted.facts, wanted.condition, longest_hours=hours)
        if isinstance(plan, Plan) and plan.method is wanted.row.method:
            return plan
        plan = fallback(wanted.facts, wanted.row.why, longest_hours=hours)
        return replace(plan, reason=wanted.row.why)

    def _make_and_record(self, wanted: Wanted, plan: Plan, job: RunningJob) -> None:
        try:
            self._attempt(wanted, plan, job)
        except (RenderFailed, OutputUntrue) as error:
            if plan.method is not RenditionMethod.REMUX:
                raise
            # Packets that do not fit, or do not come out right, are no verdict on the recording: encode them.
            again = fallback(
                wanted.facts, f"copying did not succeed ({error})", longest_hours=self.settings.longest_hours
            )
            self._attempt(wanted, again, job)

    def _attempt(self, wanted: Wanted, plan: Plan, job: RunningJob) -> None:
        with scratch(self.settings, needed=room_for(wanted.master, plan)) as folder:
            made, plan, recovered = self._made(wanted, self._work(wanted, plan, folder, job))
            job.report("storing", None)
            stored = self._store(wanted, plan, made, job, recovered)
        try:
            with self.house.writing() as session:
                self._record(session, wanted, plan, stored)
                held(session, job.held)
        except LeaseLost:
            self._forget(stored)
            raise

    def _made(self, wanted: Wanted, work: Work) -> tuple[Made, Plan, Mapping[str, Any]]:
        """The files, the plan with what a person is told, and what was recovered where a repair was needed."""
        if wanted.repair is None:
            return make(work), work.plan, {}
        repaired = make_repaired(work, wanted.repair)
        plan = replace(work.plan, reason=str(repaired.outcome["says"]))
        return repaired.made, plan, {repair.FACTS: repaired.outcome}

    def _work(self, wanted: Wanted, plan: Plan, folder: Path, job: RunningJob) -> Work:
        master, store = wanted.master, self.house.masters
        source = Source(
            ranges=store.ranges(master.key, version_id=master.version_id),
            stream=lambda: store.read(master.key, version_id=master.version_id),
            sha256=master.sha256,
            size=master.size,
        )
        return Work(
            plan=plan,
            facts=wanted.facts,
            condition=wanted.condition,
            source=source,
            folder=folder,
            settings=self.settings,
            stopping=job.stopping,
            report=job.report,
            look=plan.with_ffmpeg and is_due(self.house, self.settings, recipe=plan.recipe, sha256=master.sha256),
        )

    def _store(
        self, wanted: Wanted, plan: Plan, made: Made, job: RunningJob, recovered: Mapping[str, Any]
    ) -> list[Result]:
        keeper = Keeper(self.house, wanted.master.id, job)
        facts = {**made.checked.as_facts(), "used": made.used, "messages": list(made.messages), "why": plan.reason}
        facts |= recovered
        playback = Result(
            kind=RenditionKind.PLAYBACK,
            method=plan.method,
            content_type=plan.content_type,
            stored=keeper.put(RenditionKind.PLAYBACK, made.playback, plan.content_type),
            bucket=self.house.renditions.bucket,
            packets=keeper.manifests(made.packets) if made.packets else None,
            facts=facts,
            argv=made.argv,
            tool=made.tool,
        )
        by_kind = {
            RenditionKind.POSTER: made.poster,
            RenditionKind.STORYBOARD: made.storyboard,
            RenditionKind.WAVEFORM: made.waveform,
            RenditionKind.FRAMES: made.frames,
        }
        others = [keeper.kept(kind, path, sheets=made.sheets, tool=made.tool) for kind, path in by_kind.items() if path]
        return [playback, *others]

    def _record(self, session: WriteSession, wanted: Wanted, plan: Plan, made: list[Result]) -> None:
        recording = results.locked_recording(session, wanted.master.id)
        rows = {row.id: row for row in results.rows_of(session, recording.id)}
        rows[wanted.row.id].why = plan.reason
        for result in made:
            for row in rows.values():
                mine = row.id == wanted.row.id or row.kind is not RenditionKind.PLAYBACK
                if row.kind is result.kind and row.state is not RenditionState.READY and mine:
                    results.write_ready(session, recording, row, result)
        rest = [row for row in rows.values() if row.state is RenditionState.WANTED]
        if wanted.repair is not None:
            # They came with the repaired copy or not at all: the master itself cannot be looked through.
            for row in rest:
                results.write_failed(session, recording, row, "nothing that was recovered could be shown this way")
            rest = []
        number = enqueue(session, pictures_request(recording.id)) if rest else None
        for row in rest:
            row.job_id = number
        results.tell(session, recording)

    def _record_failure(self, wanted: Wanted, error: TranscodeError, job: RunningJob) -> None:
        with self.house.writing() as session:
            recording = results.locked_recording(session, wanted.master.id)
            row = session.get_one(Rendition, wanted.row.id)
            results.write_failed(session, recording, row, str(error), how=error.how)
            results.tell(session, recording)
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
            recording = results.locked_recording(session, wanted.master.id)
            results.write_failed(session, recording, session.get_one(Rendition, wanted.row.id), str(error))
            open_incident(session, trouble, by=results.WORKROOM)
            results.tell(session, recording)
            held(session, job.held)

    def _forget(self, made: list[Result]) -> None:
        """Remove what an attempt that lost its lease has stored; what the store refuses now, it may keep.

        Packet manifests stay: whoever took over stores the same ones under the same keys.
        """
        for result in made:
            beside = result.facts.get("sheets", ())
            for key in [result.stored.key if result.stored else "", *(sheet["key"] for sheet in beside)]:
                with suppress(StoreError):
                    self.house.renditions.delete(key)


@dataclass(frozen=True, slots=True)
class Keeper:
    """Puts one attempt's files where they lie, and says what they are."""

    house: House
    master_id: UUID
    job: RunningJob

    def put(self, kind: RenditionKind, path: Path, content_type: str) -> StoredRendition:
        """Store one file under this attempt's own key."""
        key = rendition_key(
            self.master_id, kind=kind.value, job_id=self.job.held.id, attempt=self.job.held.attempt, file=path.name
        )
        return self.house.renditions.put_file(key, path, content_type=content_type)

    def manifest(self, manifest: Manifest) -> StoredRendition | None:
        """Store a packet manifest under its own digest; nothing where there is none to store."""
        if not (manifest.listed and manifest.packets):
            return None
        body = manifest.as_bytes()
        key = packets_key(self.master_id, digest_of(body))
        return self.house.renditions.put_bytes(key, body, content_type="application/json")

    def manifests(self, both: Manifests) -> StoredManifests:
        """Store those of master and copy."""
        return StoredManifests(of_master=both.master, master=self.manifest(both.master), copy=self.manifest(both.copy))

    def kept(self, kind: RenditionKind, path: Path, *, sheets: tuple[Path, ...], tool: dict[str, str]) -> Result:
        """Store what is shown beside the recording. Sheets lie beside their list, under the names it gives them."""
        content_type = CONTENT_TYPES[kind]
        facts: dict[str, object] = {}
        if kind is RenditionKind.STORYBOARD:
            put = [self.put(kind, sheet, "image/jpeg") for sheet in sheets]
            facts["sheets"] = [{"key": each.key, "size": each.size, "sha256": each.sha256} for each in put]
        return Result(
            kind=kind,
            method=RenditionMethod.PICTURES,
            content_type=content_type,
            stored=self.put(kind, path, content_type),
            bucket=self.house.renditions.bucket,
            facts=facts,
            tool=tool,
        )


def room_for(master: Master, plan: Plan) -> int:
    """Bytes of scratch that the work is likely to need; its hard limit is the plan's."""
    copy = min(plan.limits.file_size, 2 * master.size + (64 << 20))
    beside = 2 if plan.recipe == repair.RECIPE else 1
    return copy + (beside * master.size if plan.with_ffmpeg else 0)


def render_again(session: WriteSession, rendition_id: UUID, *, by: Actor) -> None:
    """A person asks for a rendition again. Raises NotFound. One that is ready is left as it is."""
    row = session.get(Rendition, rendition_id, with_for_update=True)
    if row is None:
        raise NotFound("the rendition")
    if row.state is RenditionState.READY:
        return
    recording = results.locked_recording(session, row.recording_id)
    results.write_retried(session, recording, row, by=by)
    if row.kind is RenditionKind.PLAYBACK:
        enqueue_render(session, row)
    else:
        row.job_id = enqueue(session, pictures_request(row.recording_id))
    results.tell(session, recording)


def encode_instead(session: WriteSession, recording: Recording, master: Master, *, because: str, recipe: str) -> None:
    """Want an encoded copy beside what is served now, because that does not play to its end."""
    plan = fallback(MediaFacts.model_validate(recording.media_facts), because)
    wish = Wish(kind=RenditionKind.PLAYBACK, method=plan.method, why=plan.reason, recipe=recipe)
    row = results.want(session, recording, master, wish)
    if row.state is not RenditionState.READY:
        session.flush()
        enqueue_render(session, row)
