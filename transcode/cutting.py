"""The first step of an urgent long copy: whether it is cut, where, and a job for each part."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evidence.bootstrap import House
from evidence.database import ReadSession
from evidence.jobs import HostState, LeaseLost, RunningJob, held, hosts
from evidence.models import Rendition
from evidence.store import StoredRendition
from transcode import parts, results
from transcode.errors import RenderFailed
from transcode.examination import urgency_of
from transcode.keeping import Keeper, forget
from transcode.laps import laps_of, may_start_again
from transcode.making import read_master, streams_of
from transcode.nudges import URGENT_QUEUE
from transcode.parts import ONE_PIECE, Layout
from transcode.plan import Plan
from transcode.said import ReadingSaid
from transcode.scratch import scratch
from transcode.segments import Cut, InOnePiece, Room, cuts, is_worth_it, oddity, start_of, survey_of
from transcode.settings import TranscodeSettings
from transcode.wanted import Wanted, work_for

READING = "reading.json"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a copy is cut, and what was read of the master for that: whoever joins it need not read it again."""

    cuts: tuple[Cut, ...]
    layout: Layout
    reading: StoredRendition


@dataclass(frozen=True, slots=True)
class Cutter:
    """Decides about one copy that waits, and cuts it."""

    house: House
    settings: TranscodeSettings

    def cut(self, wanted: Wanted, plan: Plan, job: RunningJob) -> Plan | None:
        """Nothing where the copy is made in parts from now on; otherwise the plan, which says why it is not.

        Raises what reading the master raises.
        """
        with self.house.reading() as session:
            urgent, slots = urgency_of(session, wanted.master.id).is_urgent, _room(session)
        least = self.settings.parts_from_minutes
        if ONE_PIECE in wanted.row.facts:
            return replace(plan, reason=wanted.row.why)
        if not is_worth_it(plan, wanted.facts, urgent=urgent, least_minutes=least):
            return plan
        found = self._find(wanted, plan, job, slots)
        if isinstance(found, InOnePiece):
            return replace(plan, reason=f"{plan.reason}; urgent, and made in one piece: {found.reason}")
        try:
            self._write(wanted, found, job)
        except LeaseLost:
            forget(self.house, [found.reading.key])
            raise
        return None

    def _find(self, wanted: Wanted, plan: Plan, job: RunningJob, slots: int) -> Found | InOnePiece:
        odd = oddity(wanted.facts, wanted.condition)
        if odd:
            return InOnePiece(odd)
        try:
            with scratch(self.settings, needed=0) as folder:
                work = work_for(self.house, self.settings, wanted, plan, folder, job)
                said, answer = read_master(work, phase="looking for key frames")
                found = self._decide(wanted, plan, said, slots)
                if isinstance(found, InOnePiece):
                    return found
                path = folder / READING
                path.write_bytes(answer)
                return Found(*found, Keeper(self.house, wanted.master.id, job).part(path, READING))
        except RenderFailed as error:
            return InOnePiece(str(error))

    def _decide(
        self, wanted: Wanted, plan: Plan, said: ReadingSaid, slots: int
    ) -> tuple[tuple[Cut, ...], Layout] | InOnePiece:
        surveyed = survey_of(said, plan.picture if plan.picture is not None else -1)
        if surveyed is None:
            return InOnePiece("its packets are too many to be listed")
        if may_start_again(wanted.facts) and laps_of(said, streams_of(plan)):
            return InOnePiece("its clock starts again on the way")
        survey, base = surveyed
        room = Room(seconds=self.settings.part_seconds, slots=max(slots, 1))
        found = cuts(survey, room, lead=wanted.facts.pictures[0].interlaced)
        if isinstance(found, InOnePiece):
            return found
        return found, Layout(start_us=start_of(said), base=base, has_sound=bool(plan.sounds))

    def _write(self, wanted: Wanted, found: Found, job: RunningJob) -> None:
        with self.house.writing() as session:
            recording = results.locked_recording(session, wanted.master.id)
            row = session.get_one(Rendition, wanted.row.id)
            old = parts.write_cut(session, recording, row, found.cuts, found.layout, found.reading)
            results.tell(session, recording)
            held(session, job.held)
        forget(self.house, old)


def _room(session: ReadSession) -> int:
    """How many urgent jobs all hosts that work can run at once."""
    working = [host for host in hosts(session) if host.state is HostState.WORKING]
    lanes = [(queues.split(", "), room) for host in working for queues, room in host.slots.items()]
    return sum(room for queues, room in lanes if URGENT_QUEUE in queues)
