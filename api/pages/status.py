"""How the system is: what waits and why, which hosts work on what, what is away, and work that failed."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from api import acts
from api.authentication import Caller
from api.counting import standing_of_count
from api.dependencies import AtDesk, may
from api.enquiries import children, standing
from api.looks import ARRIVAL_STATES, JOBS
from api.numbering import standing_of_log
from api.pages.rendering import go_to, page
from api.sweeping import late_sweeps
from api.unheard import unheard_agents
from api.wording import moment
from evidence.access import Action, Reach, decide, reach
from evidence.jobs import HostState
from evidence.sequencing.reading import log_standing

router = APIRouter(include_in_schema=False)

Looking = Annotated[Caller, Depends(may(Action.SEE_STATUS))]
Retrying = Annotated[Caller, Depends(may(Action.RETRY_JOB))]
Cancelling = Annotated[Caller, Depends(may(Action.CANCEL_JOB))]
Draining = Annotated[Caller, Depends(may(Action.DRAIN_HOST))]
BEHIND = 60.0  # seconds for which an event may wait for its number before people are told
HostName = Annotated[str, Form(max_length=253)]

HOST_LOOKS = {
    HostState.WORKING: ("good", "At work"),
    HostState.DRAINING: ("warn", "Draining"),
    HostState.DRAINED: ("warn", "Drained"),
    HostState.STOPPING: ("warn", "Stopping"),
    HostState.SILENT: ("bad", "Silent"),
}


@router.get("/status")
def status(request: Request, desk: AtDesk, caller: Looking) -> Response:
    """Everything on one page."""
    store_fault, zone = standing.store_fault(desk.house), ZoneInfo(desk.web.time_zone)
    with desk.house.reading() as session:
        found = standing.standing(session)
        custody, log = log_standing(session), standing_of_log(session, shown=lambda at: moment(at, zone))
        unheard = unheard_agents(session, shown=lambda at: moment(at, zone))
        counted = standing_of_count(session, shown=lambda at: moment(at, zone))
        late = late_sweeps(session, shown=lambda at: moment(at, zone))
        ended = children.children(session)
    values = {
        "found": found,
        "children": ended,
        "store_fault": store_fault,
        "custody": custody,
        "custody_behind": custody.oldest > BEHIND,
        "log": log,
        "unheard": unheard,
        "counted": counted,
        "late_sweeps": late,
        "sweep_names": standing.SWEEPS,
        "queue_names": standing.NAMES,
        "job_names": {**JOBS, **standing.SWEEPS},
        "arrival_states": ARRIVAL_STATES,
        "settings": desk.house.settings,
        # Officers ask again on the page of their own recording; here it is anybody's work.
        "may_retry": reach(caller.asker, Action.RETRY_JOB) is Reach.ALL,
        "may_cancel": decide(caller.asker, Action.CANCEL_JOB).allow,
        "may_drain": decide(caller.asker, Action.DRAIN_HOST).allow,
        "host_looks": HOST_LOOKS,
    }
    return page(request, "status.html", values, caller=caller)


@router.post("/jobs/{job_id}/retry")
def retry(desk: AtDesk, caller: Retrying, job_id: int) -> Response:
    """Send one failed or cancelled job round again."""
    with desk.house.writing() as session:
        acts.retry_job(session, job_id, asker=caller.asker, by=caller.actor)
    return go_to("/status", note=f"Job {job_id} is tried again.")


@router.post("/jobs/{job_id}/cancel")
def cancel(desk: AtDesk, caller: Cancelling, job_id: int) -> Response:
    """Stop one job."""
    with desk.house.writing() as session:
        acts.cancel_job(session, job_id, by=caller.actor)
    return go_to("/status", note=f"Job {job_id} is cancelled; what it started is being stopped.")


@router.post("/hosts/drain")
def drain(desk: AtDesk, caller: Draining, host: HostName, now: Annotated[str, Form()] = "") -> Response:
    """Let a host take no new jobs; with `now`, hand back those that it has."""
    with desk.house.writing() as session:
        acts.drain_host(session, host, hand_back=now == "yes", by=caller.actor)
    done = "hands back what it has" if now == "yes" else "finishes what it has"
    return go_to("/status", note=f"{host} takes no new jobs and {done}. It stays drained until it is resumed.")


@router.post("/hosts/resume")
def resume(desk: AtDesk, caller: Draining, host: HostName) -> Response:
    """Let a drained host take jobs again."""
    with desk.house.writing() as session:
        acts.resume_host(session, host, by=caller.actor)
    return go_to("/status", note=f"{host} takes jobs again.")
