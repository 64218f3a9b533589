"""Worker hosts: what each takes and runs, and letting one take no new jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api import acts
from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.v1.conventions import problems
from api.v1.shapes import Done
from api.v1.shapes_of_hosts import CurrentJobFacts, DrainAsked, DrainFacts, HostFacts
from evidence import jobs
from evidence.access import Action
from evidence.jobs import CurrentJob, HostLine

router = APIRouter(tags=["Work and health"])

Looking = Annotated[Caller, Depends(may(Action.SEE_STATUS))]
Draining = Annotated[Caller, Depends(may(Action.DRAIN_HOST))]


@router.get("/hosts", responses=problems(), summary="Worker hosts and what they run")
def listed(desk: AtDesk, caller: Looking) -> list[HostFacts]:
    """Every host that was heard of in the last hour, or that is drained."""
    with desk.house.reading() as session:
        found = jobs.hosts(session)
    return [_host(each) for each in found]


@router.post("/hosts/{host}/drain", responses=problems(404), summary="Let a host take no new jobs")
def drain(desk: AtDesk, caller: Draining, host: str, asked: DrainAsked) -> Done:
    """It finishes what it has, or hands it back at once. It stays drained, over restarts too, until resumed."""
    with desk.house.writing() as session:
        acts.drain_host(session, host, hand_back=asked.now, by=caller.actor)
    return Done()


@router.post("/hosts/{host}/resume", responses=problems(404, 409), summary="Let a drained host take jobs again")
def resume(desk: AtDesk, caller: Draining, host: str) -> Done:
    """It takes jobs again within seconds."""
    with desk.house.writing() as session:
        acts.resume_host(session, host, by=caller.actor)
    return Done()


def _host(line: HostLine) -> HostFacts:
    order = line.order
    return HostFacts(
        host=line.host,
        state=line.state.value,
        processes=[each.pid for each in line.processes],
        slots=dict(line.slots),
        jobs=[_job(each) for each in line.jobs],
        speed=line.speed,
        started_at=line.started_at,
        heard_seconds_ago=line.age,
        drained=DrainFacts(by=order.by, at=order.at, now=order.hand_back) if order else None,
        software=list(line.software),
        missing_layers=list(line.missing_layers),
        hardware_encoders=None if line.encoders is None else list(line.encoders),
        room_because=list(line.room_because),
        encodes_with=list(line.encodes_with),
    )


def _job(job: CurrentJob) -> CurrentJobFacts:
    return CurrentJobFacts(
        id=job.id,
        task=job.task,
        queue=job.queue,
        phase=job.phase,
        fraction=job.fraction,
        speed=job.speed,
        running_seconds=job.since,
        seconds_left=job.left,
        cancelled_by=job.cancelled_by,
    )
