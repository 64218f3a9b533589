"""The story of this room: one playback copy, from a wanted row to a ready one.

Write order: files are in the store before the transaction that points at them; result, custody event and the
fence commit together or not at all. Keys carry job and attempt, so that an attempt which was replaced writes
beside its successor and never over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard
from uuid import UUID

from evidence.bootstrap import House
from evidence.custody.events import Actor
from evidence.database import WriteSession
from evidence.errors import NotFound
from evidence.jobs import LeaseLost, RunningJob, enqueue, held
from evidence.models import Master, Recording, Rendition
from evidence.vocabulary import RenditionKind, RenditionMethod, RenditionState
from transcode import parts, repair, results
from transcode.cutting import Cutter
from transcode.errors import ChildBroke, MasterChanged, OutputUntrue, RenderFailed, TranscodeError
from transcode.examination import ask_for_pictures, enqueue_render, settle_beside
from transcode.keeping import Keeper, forget
from transcode.making import Made, Work, make
from transcode.media import MediaFacts
from transcode.nudges import pictures_request
from transcode.plan import Plan, fallback
from transcode.repaired import make_repaired
from transcode.results import Result, Wish
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings
from transcode.wanted import Wanted, look_up, plan_of, room_for, work_for, write_changed


@dataclass(frozen=True, slots=True)
class Renderer:
    """Makes playback copies."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Carry one wanted rendition to a ready one, or to a failure with its reason.

        Any step may be repeated after a crash. None may be skipped or moved. Where a child was ended from outside for
        the first time it raises ChildBroke, and the job comes round again; the second time is the verdict. Attempts
        that ended otherwise, with their worker or because the store was away, do not count.
        """
        wanted = look_up(self.house, UUID(str(job.args["rendition"])))
        if wanted is None or wanted.row.state is RenditionState.MAKING:
            return  # made, or being made in parts
        plan = plan_of(wanted, self.settings)
        try:
            whole = Cutter(self.house, self.settings).cut(wanted, plan, job)
            if whole is not None:
                self._make_and_record(wanted, whole, job)
        except (RenderFailed, OutputUntrue) as error:
            if _from_outside(error) and self._is_due_again(wanted, error, job):
                raise ChildBroke(error.doing, error.ending) from error
            self._record_failure(wanted, error, job)
        except MasterChanged as error:
            self._record_changed(wanted, error, job)
            raise

    def _make_and_record(self, wanted: Wanted, plan: Plan, job: RunningJob) -> None:
        try:
            self._attempt(wanted, plan, job)
        except (RenderFailed, OutputUntrue) as error:
            if plan.method is not RenditionMethod.REMUX or _from_outside(error):
                raise
            # Packets that do not fit, or do not come out right, are no verdict on the recording: encode them.
            again = fallback(
                wanted.facts, f"copying did not succeed ({error})", longest_hours=self.settings.longest_hours
            )
            self._attempt(wanted, again, job)

    def _attempt(self, wanted: Wanted, plan: Plan, job: RunningJob) -> None:
        with scratch(self.settings, needed=room_for(wanted.master, plan)) as folder:
            made, plan, recovered = self._made(wanted, work_for(self.house, self.settings, wanted, plan, folder, job))
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
        anew = results.is_anew(recording, list(rows.values()), wanted.row)
        for result in made:
            for row in rows.values():
                mine = row.id == wanted.row.id or row.kind is not RenditionKind.PLAYBACK
                if row.kind is result.kind and mine and (anew or row.state is not RenditionState.READY):
                    results.write_anew(session, recording, row, result)
        rest = [row for row in rows.values() if row.state is RenditionState.WANTED]
        if wanted.repair is not None:
            # They came with the repaired copy or not at all: the master itself cannot be looked through.
            for row in rest:
                results.write_failed(session, recording, row, "nothing that was recovered could be shown this way")
            rest = []
        ask_for_pictures(session, recording, rest)
        results.tell(session, recording)

    def _is_due_again(self, wanted: Wanted, error: RenderFailed, job: RunningJob) -> bool:
        """Its child was ended from outside for the first time since it was asked for: written down with the row."""
        with self.house.writing() as session:
            results.locked_recording(session, wanted.master.id)
            row = session.get_one(Rendition, wanted.row.id)
            if results.ENDED in row.facts:
                return False
            row.facts = {**row.facts, results.ENDED: error.ending.in_words()}
            held(session, job.held)
        return True

    def _record_failure(self, wanted: Wanted, error: TranscodeError, job: RunningJob) -> None:
        with self.house.writing() as session:
            recording = results.locked_recording(session, wanted.master.id)
            row = session.get_one(Rendition, wanted.row.id)
            results.write_failed(session, recording, row, str(error), how=error.how)
            settle_beside(session, recording, row)
            results.tell(session, recording)
            held(session, job.held)

    def _record_changed(self, wanted: Wanted, error: MasterChanged, job: RunningJob) -> None:
        with self.house.writing() as session:
            recording = results.locked_recording(session, wanted.master.id)
            write_changed(session, recording, wanted, error)
            held(session, job.held)

    def _forget(self, made: list[Result]) -> None:
        """Remove what an attempt that lost its lease has stored.

        Packet manifests stay: whoever took over stores the same ones under the same keys.
        """
        for result in made:
            beside = [sheet["key"] for sheet in result.facts.get("sheets", ())]
            forget(self.house, [*([result.stored.key] if result.stored else []), *beside])


def _from_outside(error: TranscodeError) -> TypeGuard[RenderFailed]:
    return isinstance(error, RenderFailed) and error.ending.from_outside


def render_again(session: WriteSession, rendition_id: UUID, *, by: Actor) -> None:
    """A person asks for a rendition again. Raises NotFound. One that is ready is left as it is."""
    row = session.get(Rendition, rendition_id, with_for_update=True)
    if row is None:
        raise NotFound("the rendition")
    if row.state is RenditionState.READY:
        return
    recording = results.locked_recording(session, row.recording_id)
    parts.begin_anew(row)
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
