"""Writes down what becomes of a copy that is made in parts: its segments, their jobs, and how all of it ends.

In the caller's transaction, which holds the recording's row: whoever finishes a part waits for whoever does just then,
so that one of them is the last and asks for the parts to be put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import delete, exists, select

from evidence import clock
from evidence.bootstrap import House
from evidence.database import ReadSession, WriteSession
from evidence.identifiers import new_id
from evidence.jobs import JobState, JobStatus, cancel, dismiss, enqueue, enqueue_all, status
from evidence.models import PartialCopy, Recording, Rendition, Segment
from evidence.store import StoredRendition
from evidence.vocabulary import RenditionState, SegmentState
from transcode import results
from transcode.examination import enqueue_render, urgency_of
from transcode.keeping import forget
from transcode.nudges import beginning_request, join_request, segment_request
from transcode.segments import Cut, is_due, ready_from_start

SOUND: Final = 0
"""The number of the part that is all of the sound."""
READING: Final = -1
"""The number of what was read of the master when it was cut: kept with the parts, and no part of the copy."""
FACTS: Final = "parts"
ONE_PIECE: Final = "one_piece"
INSTEAD: Final = "; in one piece, as parts did not succeed: "
AT_ONCE: Final = 50
LET_GO_AFTER: Final = timedelta(minutes=2)
"""So long a page that shows the beginning has to change over to the whole."""
ALIVE: Final = (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What all parts of one copy have in common: the master's beginning (µs), its time base, and whether it sounds."""

    start_us: int
    base: Fraction
    has_sound: bool

    @classmethod
    def of(cls, row: Rendition) -> Layout:
        """As it was written down with the cut."""
        told = row.facts[FACTS]
        return cls(start_us=told["start_us"], base=Fraction(*told["base"]), has_sound=told["has_sound"])


def parts_of(session: ReadSession, row: Rendition) -> list[Segment]:
    """Every part of a copy, the sound before the pictures, and before it what was read of the master."""
    return list(session.scalars(select(Segment).where(Segment.rendition_id == row.id).order_by(Segment.number)))


def write_cut(
    session: WriteSession,
    recording: Recording,
    row: Rendition,
    found: Sequence[Cut],
    layout: Layout,
    reading: StoredRendition,
) -> list[str]:
    """A copy is made in parts from now on: a row and a job for each. Keys of earlier parts that may be removed."""
    old = [part.key for part in parts_of(session, row) if part.key]
    session.execute(delete(Segment).where(Segment.rendition_id == row.id))
    base = [layout.base.numerator, layout.base.denominator]
    row.state, row.reason = RenditionState.MAKING, None
    row.facts = {
        FACTS: {"of": len(found), "start_us": layout.start_us, "base": base, "has_sound": layout.has_sound, "asked": 0}
    }
    rows = [_segment(row, cut, layout, recording) for cut in found]
    if layout.has_sound:
        rows.insert(0, _sound(row, recording))
    session.add_all([_reading(row, reading), *rows])
    session.flush()
    urgent = urgency_of(session, recording.id).priority
    numbers = enqueue_all(session, [segment_request(each.id, urgent=urgent) for each in rows])
    for each, number in zip(rows, numbers, strict=True):
        each.job_id = number
    row.job_id = numbers[0]
    results.write_planned(
        session, recording, row, f"{row.why}; made in {len(found)} parts by as many workers as are free"
    )
    return old


def _segment(row: Rendition, cut: Cut, layout: Layout, recording: Recording) -> Segment:
    first = _from_start(cut.first, layout)
    end = (recording.duration_ms or 0) * 1000 if cut.end is None else _from_start(cut.end, layout)
    return Segment(
        id=new_id(), rendition_id=row.id, number=cut.number, first_us=first, end_us=max(first, end),
        frames=cut.frames, cut=cut.as_facts(),
    )  # fmt: skip


def _sound(row: Rendition, recording: Recording) -> Segment:
    end = (recording.duration_ms or 0) * 1000
    return Segment(id=new_id(), rendition_id=row.id, number=SOUND, first_us=0, end_us=end, frames=0)


def _reading(row: Rendition, stored: StoredRendition) -> Segment:
    return Segment(
        id=new_id(), rendition_id=row.id, number=READING, first_us=0, end_us=0, frames=0, state=SegmentState.READY,
        key=stored.key, size=stored.size, sha256=stored.sha256, made_at=clock.now(),
    )  # fmt: skip


def _from_start(tick: int, layout: Layout) -> int:
    return tick * 1_000_000 // layout.base.denominator - layout.start_us


def write_part(
    session: WriteSession, row: Rendition, part: Segment, stored: StoredRendition, facts: Mapping[str, Any]
) -> None:
    """A part is there. Whoever brings the last one asks for all of them to be put together."""
    part.state, part.reason, part.made_at = SegmentState.READY, None, clock.now()
    part.key, part.size, part.sha256, part.facts = stored.key, stored.size, stored.sha256, dict(facts)
    session.flush()
    nudge(session, row)


def nudge(session: WriteSession, row: Rendition) -> None:
    """Ask for what can be put together now: the whole, or a beginning that is worth it."""
    parts = parts_of(session, row)
    ready = [part.number for part in parts if part.state is SegmentState.READY]
    urgent = urgency_of(session, row.recording_id).priority
    if len(ready) == len(parts):
        row.job_id = enqueue(session, join_request(row.id, urgent=urgent))
        return
    told = row.facts[FACTS]
    there, sounds = ready_from_start(ready), SOUND in ready
    sound_came = sounds and not told.get("asked_with_sound") and there > 0
    if is_due(there, told["of"], told["asked"]) or (sound_came and there < told["of"]):
        row.facts = {**row.facts, FACTS: {**told, "asked": there, "asked_with_sound": sounds}}
        enqueue(session, beginning_request(row.id, urgent=urgent))


def fall_back(session: WriteSession, recording: Recording, row: Rendition, because: str, *, but: int = 0) -> None:
    """The parts did not come to a copy: one worker makes it in one piece. `but`: the caller's own job goes on."""
    if row.state is not RenditionState.MAKING:
        return
    call_off(session, row, because, but=but)
    row.state, row.facts = RenditionState.WANTED, {**row.facts, ONE_PIECE: because}
    row.why = f"{row.why}{INSTEAD}{because}"[:2000]
    results.write_planned(session, recording, row, row.why)
    enqueue_render(session, row)


def begin_anew(row: Rendition) -> None:
    """A person asks for the copy again: that its parts did not succeed once is no reason any more to make none, and
    that its child was ended from outside before does not count.
    """
    row.facts = results.without(row.facts, ONE_PIECE, results.ENDED)
    row.why = row.why.partition(INSTEAD)[0]


def call_off(session: WriteSession, row: Rendition, because: str, *, but: int = 0) -> None:
    """No part of this copy is made any more; what runs is told to stop. `but`: all jobs except this one."""
    waiting = [part for part in parts_of(session, row) if part.state is SegmentState.WAITING]
    for part in waiting:
        mine = part.job_id == but
        part.state, part.reason = (SegmentState.FAILED if mine else SegmentState.CANCELLED), because
    session.flush()
    # The jobs' rows last: an attempt that is just committing its part holds its own, after everything else.
    for number in sorted({part.job_id for part in waiting if part.job_id and part.job_id != but}):
        if cancel(session, number):
            dismiss(session, number)  # nobody needs to look at it: what it was for is decided


def nudge_parts(session: WriteSession) -> int:
    """Parts whose job was lost are asked for again; copies whose part failed fall back; what is complete is joined."""
    found = select(Rendition).where(
        Rendition.state == RenditionState.MAKING, exists().where(Segment.rendition_id == Rendition.id)
    )
    rows = session.scalars(found.limit(AT_ONCE)).all()
    return sum(_nudge_parts(session, row) for row in rows)


def _nudge_parts(session: WriteSession, row: Rendition) -> int:
    recording = results.locked_recording(session, row.recording_id)
    session.refresh(row)
    if row.state is not RenditionState.MAKING:
        return 0
    parts = parts_of(session, row)
    waiting = [part for part in parts if part.state is SegmentState.WAITING]
    stands = status(session, [number for number in [row.job_id, *(part.job_id for part in waiting)] if number])
    failed = _failed(stands, [part.job_id for part in waiting] or [row.job_id])
    if failed:
        fall_back(session, recording, row, failed)
    elif waiting:
        return _ask_again(session, row, [part for part in waiting if not _is_alive(stands, part.job_id)])
    elif not _is_alive(stands, row.job_id):
        nudge(session, row)
    return 1


def _failed(stands: Mapping[int, JobStatus], numbers: Sequence[int | None]) -> str:
    known = [stands[number] for number in numbers if number is not None and number in stands]
    failed = [job.failure.detail if job.failure else "its job failed" for job in known if job.state is JobState.FAILED]
    return failed[0] if failed else ""


def _is_alive(stands: Mapping[int, JobStatus], number: int | None) -> bool:
    job = stands.get(number or 0)
    return job is not None and job.state in ALIVE


def _ask_again(session: WriteSession, row: Rendition, lost: Sequence[Segment]) -> int:
    urgent = urgency_of(session, row.recording_id).priority
    for part in lost:
        part.job_id = enqueue(session, segment_request(part.id, urgent=urgent))
    return len(lost)


def clear_away(house: House) -> int:
    """Remove the parts of copies that are whole or given up, and their beginnings; objects first, then their rows."""
    with house.reading() as session:
        done = Rendition.state != RenditionState.MAKING
        settled = Rendition.state.in_([RenditionState.READY, RenditionState.FAILED])
        old = Rendition.made_at.is_(None) | (Rendition.made_at < clock.now() - LET_GO_AFTER)
        parts = session.execute(
            select(Segment.id, Segment.key).join(Rendition, Rendition.id == Segment.rendition_id).where(done, old)
        ).all()
        beginnings = session.execute(
            select(PartialCopy.id, PartialCopy.key)
            .join(Rendition, Rendition.id == PartialCopy.rendition_id)
            .where(settled, old)
        ).all()
    forget(house, (key for _, key in [*parts, *beginnings] if key))
    if parts or beginnings:
        with house.writing() as session:
            session.execute(delete(Segment).where(Segment.id.in_([number for number, _ in parts])))
            session.execute(delete(PartialCopy).where(PartialCopy.id.in_([number for number, _ in beginnings])))
    return len(parts) + len(beginnings)
