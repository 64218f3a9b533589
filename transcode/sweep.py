"""Finds rows that wait and whose job is gone, and nudges again. Rows are the truth, a job is only the nudge."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from evidence import clock
from evidence.bootstrap import House
from evidence.database import WriteSession
from evidence.jobs import JobState, JobStatus, RunningJob, enqueue, status
from evidence.models import Recording, Rendition, Segment, Sidecar
from evidence.vocabulary import Condition, Playability, RenditionKind, RenditionState
from transcode import accounts, results
from transcode.clips import nudge_clips
from transcode.examination import enqueue_render, settle_beside
from transcode.mending import with_new_sibling
from transcode.nudges import pictures_request, probe_request
from transcode.parts import clear_away, nudge_parts
from transcode.raising import lapse
from transcode.scratch import clear_left_over
from transcode.settings import TranscodeSettings

AT_ONCE = 200
UNMADE = (RenditionState.WANTED, RenditionState.MAKING)
SETTLED = timedelta(minutes=1)
"""A row younger than this may belong to a transaction whose job has just been taken."""


def as_round(house: House, settings: TranscodeSettings, job: RunningJob) -> None:
    """One round: unmade renditions, unexamined recordings, encrypted clips whose key came later, cut recordings whose
    sibling came later, old scratch.
    """
    clear_left_over(settings)
    accounts.forget_old(house)
    with house.writing() as session:
        found = nudge_renditions(session) + nudge_recordings(session) + nudge_mending(session)
        found += nudge_clips(session) + nudge_parts(session) + lapse(session)
    clear_away(house)
    job.report(f"nudged {found}", None)


def nudge_renditions(session: WriteSession) -> int:
    """Give waiting renditions a job where theirs has ended without them, and a reason where theirs has failed.

    Pictures and waveform come with the playback copy or after it: while that waits, nobody is asked for them alone.
    """
    copy = aliased(Rendition)
    waits_for_copy = (
        select(copy.id)
        .where(copy.recording_id == Rendition.recording_id, copy.kind == RenditionKind.PLAYBACK)
        .where(copy.state.in_(UNMADE), Rendition.kind != RenditionKind.PLAYBACK)
        .exists()
    )
    unmade = (
        select(Rendition)
        .where(Rendition.state.in_(UNMADE))
        .where(~exists().where(Segment.rendition_id == Rendition.id) | (Rendition.state == RenditionState.WANTED))
        .where(Rendition.asked_at < clock.now() - SETTLED, ~waits_for_copy)
        .order_by(Rendition.asked_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = list(session.scalars(unmade))
    stands = _standing(session, (row.job_id for row in rows))
    surveyed: set[UUID] = set()
    nudged = 0
    for row in rows:
        job = stands.get(row.job_id or 0)
        if job is not None and job.state is JobState.FAILED:
            _give_up(session, row, job)
        elif not _is_alive(job):
            _nudge(session, row, surveyed)
            nudged += 1
    return nudged


def _nudge(session: WriteSession, row: Rendition, surveyed: set[UUID]) -> None:
    if row.kind is RenditionKind.PLAYBACK:
        enqueue_render(session, row)
    elif row.recording_id not in surveyed:
        surveyed.add(row.recording_id)
        row.job_id = enqueue(session, pictures_request(row.recording_id))


def _give_up(session: WriteSession, row: Rendition, job: JobStatus) -> None:
    because = job.failure.detail if job.failure is not None else "its job failed"
    recording = results.locked_recording(session, row.recording_id)
    results.write_failed(session, recording, row, because)
    if row.kind is RenditionKind.PLAYBACK:
        settle_beside(session, recording, row)
    results.tell(session, recording)


def nudge_mending(session: WriteSession) -> int:
    """Have recordings looked at again that could not be repaired, once for each new recording of their device."""
    found = list(session.scalars(with_new_sibling(AT_ONCE)))
    stands = _standing(session, (each.probe_job_id for each in found))
    idle = [each for each in found if not _is_alive(stands.get(each.probe_job_id or 0)) and not _failed(stands, each)]
    for recording in idle:
        recording.probe_job_id = enqueue(session, probe_request(recording.id))
    return len(idle)


def nudge_recordings(session: WriteSession) -> int:
    """Have masters examined that were not, and those again beside which a key has come to lie since."""
    waiting = (
        select(Recording)
        .where(Recording.condition == Condition.UNEXAMINED, Recording.registered_at < clock.now() - SETTLED)
        .order_by(Recording.registered_at)
        .limit(AT_ONCE)
    )
    with_key = (
        select(Recording)
        .join(Sidecar, Sidecar.recording_id == Recording.id)
        .where(Recording.playability == Playability.UNPLAYABLE, Recording.condition == Condition.UNKNOWN)
        .where(Sidecar.facts["encrypted"].as_boolean())
        .limit(AT_ONCE)
    )
    found = [*session.scalars(waiting), *session.scalars(with_key)]
    stands = _standing(session, (each.probe_job_id for each in found))
    idle = [each for each in found if not _is_alive(stands.get(each.probe_job_id or 0)) and not _failed(stands, each)]
    for recording in idle:
        recording.probe_job_id = enqueue(session, probe_request(recording.id))
    return len(idle)


def _failed(stands: dict[int, JobStatus], recording: Recording) -> bool:
    """A failed examination waits for a person: it would only fail again."""
    job = stands.get(recording.probe_job_id or 0)
    return job is not None and job.state is JobState.FAILED


def _standing(session: WriteSession, numbers: Iterable[int | None]) -> dict[int, JobStatus]:
    return status(session, [number for number in set(numbers) if number is not None])


def _is_alive(job: JobStatus | None) -> bool:
    return job is not None and job.state in (JobState.WAITING, JobState.RUNNING)
