"""The stories of the jobs `transcode.join` and `transcode.beginning`: parts become a copy, or its beginning.

The whole is held against the master exactly like a copy that one worker made. A beginning is shown while the rest is
made, under a name of its own; it is no rendition and is never taken for the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import func, select

from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.events import Event, EventType, Object
from evidence.database import WriteSession
from evidence.identifiers import new_id
from evidence.jobs import JobStopped, LeaseLost, RunningJob, enqueue, held
from evidence.models import PartialCopy, Rendition, Segment
from evidence.store import StoredRendition
from evidence.store.errors import ObjectMissing
from evidence.vocabulary import RenditionKind, RenditionState, SegmentState
from transcode import parts, results
from transcode.ending import Ending, How
from transcode.errors import OutputUntrue, RenderFailed
from transcode.keeping import Keeper, forget
from transcode.making import Work, frames_of, hold_against, read_master
from transcode.nudges import pictures_request
from transcode.parts import READING, SOUND, Layout
from transcode.pieces import put_together
from transcode.plan import Plan
from transcode.results import Result
from transcode.said import ReadingSaid, understood
from transcode.scratch import scratch
from transcode.segments import ready_from_start
from transcode.settings import TranscodeSettings
from transcode.wanted import Wanted, look_up, plan_of, work_for

BEGINNING = "beginning.mp4"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Table:
    """What one attempt works with."""

    house: House
    wanted: Wanted
    plan: Plan
    segments: Sequence[Segment]
    reading: Segment | None = None

    @property
    def needed(self) -> int:
        """Bytes of scratch: the parts, and once more what comes of them."""
        return 2 * sum(part.size or 0 for part in self.segments) + (64 << 20)

    def fetch(self, work: Work) -> tuple[list[Path], Path | None]:
        """The parts of pictures in their order, and the sound. Raises OutputUntrue where one is not what it was."""
        found = {part.number: self._fetched(part, work) for part in self.segments}
        sound = found.pop(SOUND, None)
        return [found[number] for number in sorted(found)], sound

    def master(self, work: Work) -> ReadingSaid:
        """What was read of the master when it was cut; read again where that is gone, or not what it was."""
        if self.reading is not None:
            try:
                answer = self._fetched(self.reading, work).read_bytes()
                return understood(Ending(how=How.CLEAN, output=answer), ReadingSaid, "checking")
            except (OutputUntrue, RenderFailed):
                log.warning("the master is read again", rendition=str(self.wanted.row.id))
        return read_master(work, phase="checking")[0]

    def _fetched(self, part: Segment, work: Work) -> Path:
        assert part.key is not None  # noqa: S101 - for the type checker; it is ready
        path = work.folder / f"{part.number:04}{Path(part.key).suffix}"
        digest = hashlib.sha256()
        try:
            with path.open("wb") as file:
                for piece in self.house.renditions.read(part.key):
                    if work.stopping.is_set():
                        raise JobStopped("called off while the parts were fetched")
                    digest.update(piece)
                    file.write(piece)
        except ObjectMissing as error:
            raise OutputUntrue((f"part {part.number} is not in the store any more",)) from error
        if digest.hexdigest() != part.sha256:
            raise OutputUntrue((f"the store gave other bytes than those of part {part.number}",))
        return path


@dataclass(frozen=True, slots=True)
class Joiner:
    """Puts whole copies together."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Put all parts of a copy together, hold it against the master, and let it be watched."""
        table = lay_out(self.house, self.settings, UUID(str(job.args["rendition"])))
        if table is None or any(part.state is not SegmentState.READY for part in table.segments):
            return
        try:
            self._attempt(table, job)
        except (RenderFailed, OutputUntrue) as error:
            with self.house.writing() as session:
                recording = results.locked_recording(session, table.wanted.master.id)
                row = session.get_one(Rendition, table.wanted.row.id)
                parts.fall_back(session, recording, row, str(error), but=job.held.id)
                results.tell(session, recording)
                held(session, job.held)

    def _attempt(self, table: Table, job: RunningJob) -> None:
        with scratch(self.settings, needed=table.needed) as folder:
            work = work_for(self.house, self.settings, table.wanted, table.plan, folder, job)
            made = self._made(table, work, job)
        try:
            with self.house.writing() as session:
                self._record(session, table, made)
                held(session, job.held)
        except LeaseLost:
            forget(self.house, [result.stored.key for result in made if result.stored])
            raise

    def _made(self, table: Table, work: Work, job: RunningJob) -> list[Result]:
        plan, layout = table.plan, Layout.of(table.wanted.row)
        master = table.master(work)
        files, sound = table.fetch(work)
        path = put_together(work, files, sound, base=layout.base, start_us=layout.start_us)
        decoded_ms = sum(int(part.facts.get("decoded_ms", 0)) for part in table.segments)
        checked, copy, packets = hold_against(work, master, path, complaints=False, decoded_ms=decoded_ms)
        if not checked.agreement.exact:
            raise OutputUntrue(("its pictures are not shown when the master's are",))
        job.report("storing", None)
        keeper, told = Keeper(self.house, table.wanted.master.id, job), _told(table.segments)
        tool = dict(table.segments[-1].facts["tool"])
        playback = Result(
            kind=RenditionKind.PLAYBACK,
            method=plan.method,
            content_type=plan.content_type,
            stored=keeper.put(RenditionKind.PLAYBACK, path, plan.content_type),
            bucket=self.house.renditions.bucket,
            packets=keeper.manifests(packets),
            facts={**checked.as_facts(), "used": told["used"], "messages": [], "why": plan.reason, "made_in": told},
            argv=next(part.facts["argv"] for part in table.segments if part.number != SOUND),
            tool=tool,
        )
        frames = frames_of(work.folder, copy)
        return [
            playback,
            *([keeper.kept(RenditionKind.FRAMES, frames, sheets=(), tool=tool)] if frames else []),
        ]

    def _record(self, session: WriteSession, table: Table, made: list[Result]) -> None:
        recording = results.locked_recording(session, table.wanted.master.id)
        by_kind = {result.kind: result for result in made}
        rows, rest = results.rows_of(session, recording.id), []
        anew = results.is_anew(recording, rows, table.wanted.row)
        for row in rows:
            mine = row.id == table.wanted.row.id
            beside = row.kind in by_kind and row.kind is not RenditionKind.PLAYBACK
            if mine or (beside and (anew or not _is_ready(row))):
                results.write_anew(session, recording, row, by_kind[row.kind])
            elif row.state is RenditionState.WANTED and row.kind is not RenditionKind.PLAYBACK:
                rest.append(row)
        number = enqueue(session, pictures_request(recording.id)) if rest else None
        for row in rest:
            row.job_id = number
        results.tell(session, recording)


@dataclass(frozen=True, slots=True)
class Beginner:
    """Lets the beginning of a copy be watched while the rest is made."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Put together what is there from the beginning without a gap.

        Raises RenderFailed and OutputUntrue while the parts are still being made: then a person should see why. Parts
        that were called off meanwhile, or joined, are no failure.
        """
        found = self._ready(job)
        if found is None:
            return
        try:
            made, stored = self._made(*found, job)
        except (RenderFailed, OutputUntrue):
            if lay_out(self.house, self.settings, found[0].wanted.row.id) is None:
                return
            raise
        self._keep(made, found[0], stored, job)

    def _ready(self, job: RunningJob) -> tuple[Table, int] | None:
        """The parts that are there from the beginning, and how many there are to be; nothing where there is no use."""
        table = lay_out(self.house, self.settings, UUID(str(job.args["rendition"])))
        if table is None:
            return None
        ready = {part.number: part for part in table.segments if part.state is SegmentState.READY}
        count = ready_from_start(list(ready))
        of_parts = sum(part.number != SOUND for part in table.segments)
        chosen = [part for number, part in ready.items() if number <= count]
        return (Table(self.house, table.wanted, table.plan, chosen), of_parts) if 0 < count < of_parts else None

    def _made(self, table: Table, of_parts: int, job: RunningJob) -> tuple[PartialCopy, StoredRendition]:
        pictures = [part for part in table.segments if part.number != SOUND]
        until = max(part.end_us for part in pictures)
        with scratch(self.settings, needed=table.needed) as folder:
            work = work_for(self.house, self.settings, table.wanted, table.plan, folder, job)
            layout, (files, sound) = Layout.of(table.wanted.row), table.fetch(work)
            path = put_together(work, files, sound, base=layout.base, start_us=layout.start_us, until_us=until)
            stored = Keeper(self.house, table.wanted.master.id, job).part(path, BEGINNING)
        made = PartialCopy(
            id=new_id(), rendition_id=table.wanted.row.id, parts=len(pictures), of_parts=of_parts, covered_us=until,
            has_sound=sound is not None, key=stored.key, size=stored.size, sha256=stored.sha256,
            content_type=table.plan.content_type,
        )  # fmt: skip
        return made, stored

    def _keep(self, made: PartialCopy, table: Table, stored: StoredRendition, job: RunningJob) -> None:
        try:
            with self.house.writing() as session:
                kept = self._record(session, made, table, stored)
                held(session, job.held)
        except LeaseLost:
            forget(self.house, [stored.key])
            raise
        if not kept:
            forget(self.house, [stored.key])

    def _record(self, session: WriteSession, made: PartialCopy, table: Table, stored: StoredRendition) -> bool:
        """False where the whole has come meanwhile, or more of it."""
        recording = results.locked_recording(session, table.wanted.master.id)
        row = session.get_one(Rendition, made.rendition_id)
        better = select(func.count()).where(
            PartialCopy.rendition_id == row.id,
            PartialCopy.parts >= made.parts,
            PartialCopy.has_sound | (not made.has_sound),
        )
        if row.state is not RenditionState.MAKING or session.scalar(better):
            return False
        session.add(made)
        facts = {
            "kind": row.kind.value, "seconds": made.covered_us // 1_000_000, "parts": made.parts,
            "of_parts": made.of_parts,
        }  # fmt: skip
        seen = [Object(role="beginning", sha256=stored.sha256, size=stored.size)]
        event = Event(
            type=EventType.RENDITION_PART_MADE, subject=recording.id, actor=results.WORKROOM, facts=facts, objects=seen
        )
        ledger.record(session, event)
        results.tell(session, recording)
        return True


def lay_out(house: House, settings: TranscodeSettings, rendition_id: UUID) -> Table | None:
    """A copy that is made in parts, with all of them; nothing where it is not any more."""
    wanted = look_up(house, rendition_id)
    if wanted is None or wanted.row.state is not RenditionState.MAKING:
        return None
    with house.reading() as session:
        segments = parts.parts_of(session, wanted.row)
    made = [each for each in segments if each.number >= SOUND]
    reading = next((each for each in segments if each.number == READING), None)
    return Table(house, wanted, plan_of(wanted, settings), made, reading)


def _is_ready(row: Rendition) -> bool:
    return row.state is RenditionState.READY


def _told(segments: Sequence[Segment]) -> dict[str, object]:
    """How many parts there were, what they used in all, and by which builds they were made."""
    used = [part.facts.get("used", {}) for part in segments]
    return {
        "parts": sum(part.number != SOUND for part in segments),
        "used": {name: sum(int(each.get(name, 0)) for each in used) for name in ("wall_ms", "cpu_ms")},
        "versions": sorted({str(part.facts["tool"]["version"]) for part in segments}),
    }
