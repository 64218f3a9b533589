"""Background work, and whether the system is well."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api import acts
from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.enquiries import standing
from api.v1.conventions import problems
from api.v1.shapes import Done, HealthFacts, JobFacts, QueueFacts, WorkFacts
from evidence import jobs
from evidence.access import Action
from evidence.errors import NotFound

router = APIRouter(tags=["Work and health"])

Looking = Annotated[Caller, Depends(may(Action.SEE_STATUS))]
Retrying = Annotated[Caller, Depends(may(Action.RETRY_JOB))]
Cancelling = Annotated[Caller, Depends(may(Action.CANCEL_JOB))]


@router.get("/jobs", responses=problems(), summary="What waits, and why")
def work(desk: AtDesk, caller: Looking) -> WorkFacts:
    """Each queue with the reason why things wait in it."""
    with desk.house.reading() as session:
        found = standing.standing(session)
    queues = [
        QueueFacts(
            queue=each.queue,
            name=each.name,
            waiting=each.waiting,
            later=each.later,
            running=each.running,
            failed=each.failed,
            oldest_seconds=each.oldest.total_seconds() if each.oldest else None,
            ready_in_seconds=each.ready_in.total_seconds() if each.ready_in else None,
            because=each.because,
        )
        for each in found.queues
    ]
    return WorkFacts(queues=queues, workers=len(found.live_workers), missing_layers=list(found.missing_layers))


@router.get("/jobs/{job_id}", responses=problems(404), summary="One job")
def job(desk: AtDesk, caller: Looking, job_id: int) -> JobFacts:
    """How far one piece of work is."""
    with desk.house.reading() as session:
        found = jobs.status(session, [job_id]).get(job_id)
    if found is None:
        raise NotFound(f"job {job_id}")
    return JobFacts(
        id=found.id,
        task=found.task,
        queue=found.queue,
        state=found.state.value,
        attempt=found.attempt,
        phase=found.progress.phase if found.progress else None,
        fraction=found.progress.fraction if found.progress else None,
        speed=found.progress.speed if found.progress else None,
        failure=found.failure.detail if found.failure else None,
        cancelled_by=found.cancelled_by,
    )


@router.post("/jobs/{job_id}/retry", responses=problems(404, 409), summary="Ask again for a failed or cancelled job")
def retry(desk: AtDesk, caller: Retrying, job_id: int) -> Done:
    """Send a failed or cancelled job round again."""
    with desk.house.writing() as session:
        acts.retry_job(session, job_id, asker=caller.asker, by=caller.actor)
    return Done()


@router.post("/jobs/{job_id}/cancel", responses=problems(403, 404, 409), summary="Cancel a job")
def cancel(desk: AtDesk, caller: Cancelling, job_id: int) -> Done:
    """Stop work that waits or runs. Intake of evidence is never cancelled."""
    with desk.house.writing() as session:
        acts.cancel_job(session, job_id, by=caller.actor)
    return Done()


@router.get("/health", responses=problems(), summary="Whether the system is well")
def health(desk: AtDesk, caller: Looking) -> HealthFacts:
    """Whether database, store and workers answer, with reasons where they do not."""
    store_fault = standing.store_fault(desk.house)
    with desk.house.reading() as session:
        workers = len(standing.standing(session).live_workers)
    reasons = [store_fault] if store_fault else []
    if not workers:
        reasons.append("no worker is running")
    return HealthFacts(database=True, store=store_fault is None, workers=workers, reasons=reasons)
