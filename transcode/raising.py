"""A person says that a recording may not wait, or that it may again; what waits for it moves at once.

What runs is never ended for it: the work that waits is put first, and takes the next place that comes free.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import WriteSession
from evidence.errors import AlreadySettled
from evidence.identifiers import new_id
from evidence.jobs import move
from evidence.models import Recording, Rendition, Segment, Urgency
from evidence.vocabulary import Condition, RenditionKind, RenditionState, SegmentState, UrgencyReason
from transcode import results
from transcode.errors import AlreadyPast
from transcode.examination import pixels_in, urgency_of
from transcode.nudges import PROBE_PRIORITY, render_turn, segment_turn


def set_urgency(
    session: WriteSession, recording_id: UUID, reason: UrgencyReason, *, until: datetime | None, note: str, by: Actor
) -> Urgency:
    """Mark a recording as urgent; what was said before is ended by it. Raises AlreadyPast for a past `until`."""
    if until is not None and until <= clock.now():
        raise AlreadyPast("the time until which it is to be urgent has passed already")
    recording = results.locked_recording(session, recording_id)
    _end(session, recording, by)
    row = Urgency(
        id=new_id(), recording_id=recording_id, reason=reason, until=until, note=note or None, set_by=by.shown
    )
    session.add(row)
    personal = {"note": note} if note else {}
    facts = {"reason": reason.value}
    event = Event(type=EventType.URGENCY_SET, subject=recording_id, actor=by, facts=facts, personal=personal)
    ledger.record(session, event)
    session.flush()
    put_in_order(session, recording)
    return row


def clear_urgency(session: WriteSession, recording_id: UUID, *, by: Actor) -> None:
    """The recording may wait again. Raises AlreadySettled where nobody has said that it may not."""
    recording = results.locked_recording(session, recording_id)
    if not _end(session, recording, by):
        raise AlreadySettled("nobody has marked this recording as urgent")
    put_in_order(session, recording)


def lapse(session: WriteSession) -> int:
    """End what was to hold until a time that has passed."""
    past = select(Urgency.recording_id).where(Urgency.cleared_at.is_(None), Urgency.until <= clock.now()).limit(200)
    found = session.scalars(past).all()
    for recording_id in found:
        recording = results.locked_recording(session, recording_id)
        _end(session, recording, results.WORKROOM, only_past=True)
        put_in_order(session, recording)
    return len(found)


def put_in_order(session: WriteSession, recording: Recording) -> None:
    """Give all work that waits for this recording its place anew."""
    urgent = urgency_of(session, recording.id).priority
    if recording.condition is Condition.UNEXAMINED and recording.probe_job_id:
        move(session, [recording.probe_job_id], queue="verify", priority=max(PROBE_PRIORITY, urgent))
    unmade = select(Rendition).where(
        Rendition.recording_id == recording.id,
        Rendition.kind == RenditionKind.PLAYBACK,
        Rendition.state.in_([RenditionState.WANTED, RenditionState.MAKING]),
    )
    for row in session.scalars(unmade):
        waiting = select(Segment.job_id).where(
            Segment.rendition_id == row.id, Segment.state == SegmentState.WAITING, Segment.job_id.is_not(None)
        )
        parts = [number for number in session.scalars(waiting) if number is not None]
        turn = segment_turn(urgent=urgent)
        move(session, parts, queue=turn.queue, priority=turn.priority)
        if row.state is RenditionState.WANTED and row.job_id:
            turn = render_turn(row.method, urgent=urgent, pixels=pixels_in(recording))
            move(session, [row.job_id], queue=turn.queue, priority=turn.priority)
    results.tell(session, recording)


def _end(session: WriteSession, recording: Recording, by: Actor, *, only_past: bool = False) -> bool:
    said = select(Urgency).where(Urgency.recording_id == recording.id, Urgency.cleared_at.is_(None))
    row = session.scalars(said.with_for_update()).one_or_none()
    now = clock.now()
    if row is None or (only_past and (row.until is None or row.until > now)):
        return False
    row.cleared_at, row.cleared_by = now, by.shown
    facts = {"reason": row.reason.value}
    ledger.record(session, Event(type=EventType.URGENCY_CLEARED, subject=recording.id, actor=by, facts=facts))
    session.flush()
    return True
