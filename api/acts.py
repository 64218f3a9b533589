"""What people decide at the desk about recordings and work, each with its event in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from api.enquiries.dossier import Dossier
from evidence import clock, jobs
from evidence.access import Action, Asker, Reach, Resource, decide, reach
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.errors import AlreadySettled, NotFound, NotPermitted
from evidence.jobs import JobState
from evidence.models import Clip, Quarantine, Recording, Rendition, Segment
from evidence.notices import tell_recordings
from evidence.vocabulary import Playability, QuarantineDecision, RenditionKind, RenditionState
from transcode import parts
from transcode.examination import enqueue_render
from transcode.nudges import PROBE, RENDER, probe_request
from transcode.render import render_again

INTAKE = "verify"  # the queue of what docks brought: read back, and examined
CALLED_OFF = {JobState.CANCELLED, JobState.STOPPED}


def retry_failed_work(session: WriteSession, found: Dossier, *, by: Actor) -> bool:
    """Ask again for what failed: copies that could not be made, jobs that broke, or the examination itself.

    False: nothing had failed.
    """
    again = [each for each in found.renditions if each.state is RenditionState.FAILED]
    served = {each.job_id for each in again}
    in_parts = {part.job_id for each in again for part in parts.parts_of(session, each) if part.job_id}
    for rendition in again:
        render_again(session, rendition.id, by=by)
    for job in [*found.work.values(), *jobs.status(session, sorted(in_parts)).values()]:
        if job.state in CALLED_OFF or job.stopping:
            jobs.dismiss(session, job.id)  # a new job has taken its place, also while the old one is still stopping
    revived = [job for job in found.failed if _take_up(session, job.id, served=job.id in served)]
    for job in revived:
        _say(session, EventType.JOB_RETRIED, found.line.id, by, {"task": job.task})
    if again or revived:
        return True
    if found.recording.playability not in {Playability.FAILED, Playability.UNPLAYABLE}:
        return False
    found.recording.probe_job_id = jobs.enqueue(session, probe_request(found.line.id))
    found.recording.playability, found.recording.playability_reason = Playability.WAITING, None
    _say(session, EventType.JOB_RETRIED, found.line.id, by, {"task": PROBE})
    tell_recordings(session, found.line.id)
    return True


def _take_up(session: WriteSession, job_id: int, *, served: bool) -> bool:
    """Run a failed job again; but one whose rendition has just been given a new job is only laid to rest."""
    if served:
        jobs.dismiss(session, job_id)
        return False
    return jobs.retry(session, job_id)


def retry_job(session: WriteSession, job_id: int, *, asker: Asker, by: Actor) -> None:
    """Send one failed or cancelled job round again.

    Raises NotFound where there is none, or none of a recording that the asker may see; AlreadySettled where it
    does not stand failed.
    """
    status = jobs.status(session, [job_id]).get(job_id)
    if status is None or not _may_retry(session, job_id, asker):
        raise NotFound(f"job {job_id}")
    if not jobs.retry(session, job_id):
        raise AlreadySettled(f"job {job_id} does not stand failed or cancelled, or has not stopped yet")
    about = _about(session, job_id)
    _say(session, EventType.JOB_RETRIED, about, by, {"task": status.task})
    if status.state in CALLED_OFF and (recording := session.get(Recording, about)) is not None:
        _take_in_hand(session, recording, job_id, task=status.task)


def cancel_job(session: WriteSession, job_id: int, *, by: Actor) -> None:
    """Stop work that waits or runs, at a person's wish. What it was to make stands as cancelled by them.

    Raises NotFound; NotPermitted for the intake of evidence, which nobody cancels; AlreadySettled where it had ended.
    """
    status = jobs.status(session, [job_id]).get(job_id)
    if status is None:
        raise NotFound(f"job {job_id}")
    if status.queue == INTAKE:
        raise NotPermitted(
            "reading back and examining what docks brought is how evidence comes in: it is never cancelled"
        )
    if status.state not in {JobState.WAITING, JobState.RUNNING} or status.stopping:
        raise AlreadySettled(f"job {job_id} has ended already, or is being stopped")
    about = _about(session, job_id)
    recording = session.get(Recording, about, with_for_update=True)  # locked first, as by whoever records results
    _say(session, EventType.JOB_CANCELLED, about, by, {"task": status.task})
    if recording is not None:
        _lay_down(session, recording, job_id, because=f"cancelled by {by.shown}")
    # The job's row last: an attempt that is just committing its result holds it, after everything else.
    if not jobs.cancel(session, job_id, by=by.shown):
        raise AlreadySettled(f"job {job_id} has ended already")


def _lay_down(session: WriteSession, recording: Recording, job_id: int, *, because: str) -> None:
    """What the job was to make waits for a person from now on, and not for the sweep that makes lost jobs again."""
    for row in _unmade(session, job_id):
        row.state, row.reason = RenditionState.FAILED, because
        if row.kind is RenditionKind.PLAYBACK and recording.playability is not Playability.PLAYABLE:
            recording.playability, recording.playability_reason = Playability.FAILED, because
        parts.call_off(session, row, because, but=job_id)
    tell_recordings(session, recording.id)


def _take_in_hand(session: WriteSession, recording: Recording, job_id: int, *, task: str) -> None:
    """What a cancelled job was to make is wanted again."""
    for row in _unmade(session, job_id):
        row.state, row.reason = RenditionState.WANTED, None
        parts.begin_anew(row)
        if row.kind is RenditionKind.PLAYBACK and recording.playability is not Playability.PLAYABLE:
            recording.playability, recording.playability_reason = Playability.PREPARING, row.why
        if parts.parts_of(session, row) and task != RENDER:
            enqueue_render(session, row)  # the others of its parts were called off too: it begins again
    tell_recordings(session, recording.id)


def _unmade(session: WriteSession, job_id: int) -> Sequence[Rendition]:
    in_parts = select(Segment.rendition_id).where(Segment.job_id == job_id)
    mine = (Rendition.job_id == job_id) | Rendition.id.in_(in_parts)
    served = select(Rendition).where(mine, Rendition.state != RenditionState.READY)
    return session.scalars(served.with_for_update()).all()


def drain_host(session: WriteSession, host: str, *, hand_back: bool, by: Actor) -> None:
    """Let a worker host take no new work until it is resumed. Raises NotFound where nobody knows it."""
    if not jobs.is_known_host(session, host):
        raise NotFound(f"a worker host {host!r}")
    how = "hands back what it has" if hand_back else "finishes what it has"
    _say(session, EventType.HOST_DRAINED, SYSTEM, by, {"host": host, "how": how})
    jobs.drain_host(session, host, hand_back=hand_back, by=by.shown)


def resume_host(session: WriteSession, host: str, *, by: Actor) -> None:
    """Let a drained host take work again. Raises NotFound, or AlreadySettled where it was not drained."""
    if not jobs.is_known_host(session, host):
        raise NotFound(f"a worker host {host!r}")
    _say(session, EventType.HOST_RESUMED, SYSTEM, by, {"host": host})
    if not jobs.resume_host(session, host):
        raise AlreadySettled(f"the host {host} is not drained")


def decide_quarantine(
    session: WriteSession, quarantine: UUID, *, decision: QuarantineDecision, note: str, by: Actor, person: UUID
) -> UUID:
    """A person's answer, once. Nothing is deleted by either.

    Returns the recording's id. Raises NotFound, or AlreadySettled where someone was quicker.
    """
    row = session.scalars(select(Quarantine).where(Quarantine.id == quarantine).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("that quarantine")
    if row.closed_at is not None:
        raise AlreadySettled("this has been decided already")
    row.closed_at, row.closed_by, row.decision, row.note = clock.now(), person, decision, note
    event = Event(
        type=EventType.QUARANTINE_DECIDED,
        subject=row.recording_id,
        actor=by,
        facts={"decision": decision.value, "code": row.code},
        personal={"note": note},
    )
    ledger.record(session, event)
    tell_recordings(session, row.recording_id)
    return row.recording_id


def _may_retry(session: ReadSession, job_id: int, asker: Asker) -> bool:
    """Whether a job is for a recording whose work the asker may ask for again, or they may do so for anything."""
    recording = session.get(Recording, _about(session, job_id))
    if recording is None:
        return reach(asker, Action.RETRY_JOB) is Reach.ALL
    return decide(asker, Action.RETRY_JOB, Resource(officer=recording.officer_id)).allow


def _about(session: ReadSession, job_id: int) -> UUID:
    """The recording that a job serves, or an id that is the job's own where it serves none."""
    in_parts = select(Segment.rendition_id).where(Segment.job_id == job_id)
    serves = (Rendition.job_id == job_id) | Rendition.id.in_(in_parts)
    found = session.scalars(select(Rendition.recording_id).where(serves)).first()
    found = found or session.scalars(select(Recording.id).where(Recording.probe_job_id == job_id)).first()
    found = found or session.scalars(select(Clip.recording_id).where(Clip.job_id == job_id)).first()
    return found or UUID(int=job_id)


def _say(session: WriteSession, what: EventType, subject: UUID, by: Actor, facts: Mapping[str, str]) -> None:
    ledger.record(session, Event(type=what, subject=subject, actor=by, facts=facts))
