"""What people decide at the desk about recordings and work, each with its event in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select

from api.enquiries.dossier import Dossier
from evidence import clock, jobs
from evidence.access import Action, Asker, Reach, Resource, decide, reach
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.errors import AlreadySettled, NotFound
from evidence.jobs import JobState
from evidence.models import Quarantine, Recording, Rendition
from evidence.notices import tell_recordings
from evidence.vocabulary import Playability, QuarantineDecision, RenditionState
from transcode.nudges import PROBE, probe_request
from transcode.render import render_again


def retry_failed_work(session: WriteSession, found: Dossier, *, by: Actor) -> bool:
    """Ask again for what failed: copies that could not be made, jobs that broke, or the examination itself.

    False: nothing had failed.
    """
    again = [each for each in found.renditions if each.state is RenditionState.FAILED]
    for rendition in again:
        render_again(session, rendition.id, by=by)
    served = {each.job_id for each in again}
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
    """Send one failed job round again.

    Raises NotFound where there is none, or none of a recording that the asker may see; AlreadySettled where it
    does not stand failed.
    """
    status = jobs.status(session, [job_id]).get(job_id)
    if status is None or not _may_retry(session, job_id, asker):
        raise NotFound(f"job {job_id}")
    if not jobs.retry(session, job_id):
        raise AlreadySettled(f"job {job_id} does not stand failed any more")
    _say(session, EventType.JOB_RETRIED, _about(session, job_id), by, {"task": status.task})


def cancel_job(session: WriteSession, job_id: int, *, by: Actor) -> None:
    """Stop work that waits or runs. Raises NotFound, or AlreadySettled where it had ended."""
    status = jobs.status(session, [job_id]).get(job_id)
    if status is None:
        raise NotFound(f"job {job_id}")
    if status.state not in {JobState.WAITING, JobState.RUNNING} or not jobs.cancel(session, job_id):
        raise AlreadySettled(f"job {job_id} has ended already")
    _say(session, EventType.JOB_CANCELLED, _about(session, job_id), by, {"task": status.task})


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
    found = session.scalars(select(Rendition.recording_id).where(Rendition.job_id == job_id)).first()
    found = found or session.scalars(select(Recording.id).where(Recording.probe_job_id == job_id)).first()
    return found or UUID(int=job_id)


def _say(session: WriteSession, what: EventType, subject: UUID, by: Actor, facts: Mapping[str, str]) -> None:
    ledger.record(session, Event(type=what, subject=subject, actor=by, facts=facts))
