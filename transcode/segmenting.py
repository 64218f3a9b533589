"""The story of the job `transcode.segment`: one part of a copy, from the master's ranges to a file in the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from evidence.bootstrap import House
from evidence.jobs import LeaseLost, RunningJob, held
from evidence.models import Rendition, Segment
from evidence.store import StoredRendition
from evidence.vocabulary import RenditionKind, RenditionState, SegmentState
from transcode import ffmpeg, parts, pieces, results
from transcode.errors import ChildBroke, MasterChanged, OutputUntrue, RenderFailed
from transcode.keeping import Keeper, forget
from transcode.parts import SOUND, Layout
from transcode.pieces import Part
from transcode.results import ENDED, Result
from transcode.scratch import scratch
from transcode.segments import Cut
from transcode.settings import TranscodeSettings
from transcode.wanted import Wanted, look_up, plan_of, room_for, work_for, write_changed


@dataclass(frozen=True, slots=True)
class Stored:
    """A part in the store, and the drawing of the sound where the part is that."""

    part: StoredRendition
    facts: dict[str, Any]
    drawing: Result | None

    @property
    def keys(self) -> list[str]:
        """Where its files lie."""
        drawn = self.drawing.stored if self.drawing else None
        return [self.part.key, *([drawn.key] if drawn else [])]


@dataclass(frozen=True, slots=True)
class SegmentMaker:
    """Makes parts of copies."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Make one part that waits. Any step may be repeated after a crash.

        A part that cannot be made sends the whole copy back to one worker, with the reason. One whose child was ended
        from outside is tried once more, wherever there is room then: ChildBroke, and the job comes round again.
        """
        found = self._waiting(UUID(str(job.args["segment"])))
        if found is None:
            return
        segment, wanted = found
        try:
            self._attempt(segment, wanted, job)
        except (RenderFailed, OutputUntrue) as error:
            if isinstance(error, RenderFailed) and self._is_due_again(segment, error, job):
                raise ChildBroke(error.doing, error.ending) from error
            self._fall_back(wanted, str(error), job)
        except MasterChanged as error:
            with self.house.writing() as session:
                recording = results.locked_recording(session, wanted.master.id)
                write_changed(session, recording, wanted, error)
                parts.call_off(session, session.get_one(Rendition, wanted.row.id), str(error), but=job.held.id)
                held(session, job.held)
            raise

    def _waiting(self, segment_id: UUID) -> tuple[Segment, Wanted] | None:
        with self.house.reading() as session:
            segment = session.get(Segment, segment_id)
        if segment is None or segment.state is not SegmentState.WAITING:
            return None
        wanted = look_up(self.house, segment.rendition_id)
        return (segment, wanted) if wanted is not None and wanted.row.state is RenditionState.MAKING else None

    def _attempt(self, segment: Segment, wanted: Wanted, job: RunningJob) -> None:
        stored = self._stored(segment, wanted, job)
        try:
            with self.house.writing() as session:
                kept = self._record(session, segment, wanted, stored)
                held(session, job.held)
        except LeaseLost:
            forget(self.house, stored.keys)
            raise
        if not kept:
            forget(self.house, stored.keys)

    def _stored(self, segment: Segment, wanted: Wanted, job: RunningJob) -> Stored:
        plan, layout = plan_of(wanted, self.settings), Layout.of(wanted.row)
        is_sound = segment.number == SOUND
        needed = (
            room_for(wanted.master, plan) if is_sound else 2 * wanted.master.size // max(1, _count(wanted)) + (64 << 20)
        )
        with scratch(self.settings, needed=needed) as folder:
            work = work_for(self.house, self.settings, wanted, plan, folder, job)
            if is_sound:
                made = pieces.make_sound(work, start_us=layout.start_us)
            else:
                made = pieces.make_part(work, Cut(**segment.cut), layout.base)
            job.report("storing", None)
            return self._store(Keeper(self.house, wanted.master.id, job), segment, made)

    def _store(self, keeper: Keeper, segment: Segment, made: Part) -> Stored:
        tool = ffmpeg.tool(self.settings).as_facts()
        stored = keeper.part(made.path, f"{segment.number:04}{Path(made.path).suffix}")
        facts = {
            "argv": made.argv, "used": made.used, "config": made.config, "decoded_ms": made.decoded_ms, "tool": tool,
        }  # fmt: skip
        drawing = keeper.kept(RenditionKind.WAVEFORM, made.waveform, sheets=(), tool=tool) if made.waveform else None
        return Stored(stored, facts, drawing)

    def _record(self, session: Any, segment: Segment, wanted: Wanted, stored: Stored) -> bool:
        """False where the copy is no longer made in parts."""
        recording = results.locked_recording(session, wanted.master.id)
        row, part = session.get_one(Rendition, wanted.row.id), session.get(Segment, segment.id)
        if row.state is not RenditionState.MAKING or part is None or part.state is not SegmentState.WAITING:
            return False
        parts.write_part(session, row, part, stored.part, stored.facts)
        for other in results.rows_of(session, recording.id):
            drawn = other.kind is RenditionKind.WAVEFORM and other.state is RenditionState.WANTED
            if drawn and stored.drawing is not None:
                results.write_ready(session, recording, other, stored.drawing)
        results.tell(session, recording)
        return True

    def _is_due_again(self, segment: Segment, error: RenderFailed, job: RunningJob) -> bool:
        """Its child was ended from outside, and for the first time: written down with the part."""
        if not error.ending.from_outside or ENDED in segment.facts:
            return False
        with self.house.writing() as session:
            part = session.get(Segment, segment.id)
            if part is None or part.state is not SegmentState.WAITING:
                return False
            part.facts = {**part.facts, ENDED: error.ending.in_words()}
            held(session, job.held)
        return True

    def _fall_back(self, wanted: Wanted, because: str, job: RunningJob) -> None:
        with self.house.writing() as session:
            recording = results.locked_recording(session, wanted.master.id)
            parts.fall_back(session, recording, session.get_one(Rendition, wanted.row.id), because, but=job.held.id)
            results.tell(session, recording)
            held(session, job.held)


def _count(wanted: Wanted) -> int:
    return int(wanted.row.facts[parts.FACTS]["of"])
