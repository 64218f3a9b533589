"""What monitoring reads: `/metrics`, `/health/live`, `/health/ready`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.security.http import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from api.authentication import is_loopback
from api.dependencies import BEARER, AtDesk, Desk, asking, signed_in
from api.enquiries import children, docks, standing
from api.enquiries.handed_in import handed_in
from evidence import clock
from evidence.access import Action, decide
from evidence.database import ReadSession
from evidence.errors import NotPermitted
from evidence.jobs import HostLine
from evidence.models import Incident, Quarantine, Recording
from evidence.sequencing.reading import log_standing

router = APIRouter(include_in_schema=False)

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]


@router.api_route("/health/live", methods=["GET", "HEAD"])
def live() -> Response:
    """This process answers. It asks nothing of anybody else."""
    return PlainTextResponse("live\n")


@router.api_route("/health/ready", methods=["GET", "HEAD"])
def ready(desk: AtDesk) -> Response:
    """Whether requests can be served: the database and the store answer. Says which does not, and no more."""
    answers = {
        "database": standing.database_fault(desk.house) is None,
        "store": standing.store_fault(desk.house) is None,
    }
    return JSONResponse(answers, 200 if all(answers.values()) else 503)


def measurer(request: Request, desk: AtDesk, bearer: Bearer) -> None:
    """Whoever may read the measurements: a role that may, or this machine itself where the setting says so.

    Raises SignInNeeded, NotPermitted.
    """
    client = request.client.host if request.client else ""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
    if desk.web.metrics_on_loopback and is_loopback(client) and not forwarded:
        return
    caller = asking(signed_in(request, desk, bearer))
    decision = decide(caller.asker, Action.READ_METRICS)
    if not decision.allow:
        raise NotPermitted(decision.reason)


@router.get("/metrics", dependencies=[Depends(measurer)])
def metrics(desk: AtDesk) -> Response:
    """Counts and ages as they stand now, in Prometheus's text form. Nothing names a person or a recording."""
    registry = CollectorRegistry()
    with desk.house.reading() as session:
        _work(registry, session)
        _docks(registry, session, desk)
        _keeping(registry, session)
        _log(registry, session)
        _children(registry, session)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _work(registry: CollectorRegistry, session: ReadSession) -> None:
    found = standing.standing(session)
    jobs = Gauge("continuity_jobs", "Jobs by queue and state", ["queue", "state"], registry=registry)
    oldest = Gauge("continuity_job_oldest_seconds", "Age of the oldest job that waits", ["queue"], registry=registry)
    for line in found.queues:
        for state in ("waiting", "later", "running", "failed"):
            jobs.labels(line.queue, state).set(getattr(line, state))
        oldest.labels(line.queue).set(line.oldest.total_seconds() if line.oldest else 0)
    Gauge("continuity_workers", "Workers heard from in the last minute", registry=registry).set(len(found.live_workers))
    _hosts(registry, found.hosts)
    arrivals = Gauge("continuity_arrivals", "Files on their way, by state", ["state"], registry=registry)
    for state, number in found.arrivals.items():
        arrivals.labels(state.value).set(number)
    layers = Gauge("continuity_sandbox_layers_missing", "Walls missing around media on any worker", registry=registry)
    layers.set(len(found.missing_layers))


def _hosts(registry: CollectorRegistry, found: Sequence[HostLine]) -> None:
    said: dict[str, tuple[str, Callable[[HostLine], float]]] = {
        "continuity_host_slots": ("Jobs that a host can run at once", lambda line: sum(line.slots.values())),
        "continuity_host_jobs": ("Jobs that a host runs now", lambda line: len(line.jobs)),
        "continuity_host_speed": (
            "Seconds of recording that a host gets through a second",
            lambda line: line.speed or 0,
        ),
        "continuity_host_drained": (
            "1 where a person lets a host take no new jobs",
            lambda line: line.order is not None,
        ),
        "continuity_host_heard_seconds": ("Seconds since a host was last heard of", lambda line: line.age or 0),
    }
    for name, (words, value) in said.items():
        gauge = Gauge(name, words, ["host"], registry=registry)
        for line in found:
            gauge.labels(line.host).set(value(line))


def _docks(registry: CollectorRegistry, session: ReadSession, desk: Desk) -> None:
    silent_after = timedelta(seconds=desk.ingest.silent_after_seconds)
    found, by_name = docks.wall(session, silent_after=silent_after), handed_in(session, silent_after=silent_after)
    bays = Gauge("continuity_bays", "Bays by look", ["look"], registry=registry)
    for look in docks.Look:
        bays.labels(look.value).set(sum(bay.stand.look is look for dock in found for bay in dock.bays))
    Gauge("continuity_docks_silent", "Docks that are silent", registry=registry).set(
        sum(dock.silent_for is not None for dock in found)
    )
    Gauge("continuity_backlog_bytes", "Bytes listed by docks, or handed in, and not yet here", registry=registry).set(
        sum(dock.backlog_bytes for dock in found) + sum(each.bytes_left for each in by_name)
    )


def _keeping(registry: CollectorRegistry, session: ReadSession) -> None:
    opened = Gauge("continuity_incidents_open", "Open incidents by kind", ["kind"], registry=registry)
    rows = session.execute(
        select(Incident.kind, func.count()).where(Incident.closed_at.is_(None)).group_by(Incident.kind)
    )
    for kind, number in rows:
        opened.labels(kind.value).set(number)
    waiting = session.scalar(select(func.count()).select_from(Quarantine).where(Quarantine.closed_at.is_(None)))
    Gauge("continuity_quarantine_open", "Recordings in quarantine", registry=registry).set(waiting or 0)
    newest = session.scalar(select(func.max(Recording.registered_at)))
    age = Gauge("continuity_newest_recording_seconds", "Age of the newest recording", registry=registry)
    age.set((clock.now() - newest).total_seconds() if newest else 0)


def _log(registry: CollectorRegistry, session: ReadSession) -> None:
    found = log_standing(session)
    said = {
        "continuity_log_waiting": ("Events that wait for their number in the custody log", found.waiting),
        "continuity_log_waiting_oldest_seconds": ("Age of the event that has waited longest", found.oldest),
        "continuity_log_size": ("Events that have a number", found.size),
        "continuity_log_published_size": ("Events under the newest signed checkpoint", found.published),
        "continuity_log_witnessed_size": ("Events under the newest checkpoint that witnesses accept", found.witnessed),
        "continuity_log_checkpoint_age_seconds": ("Age of the newest checkpoint", found.checkpoint_age),
        "continuity_log_halted": ("1 where the custody log is halted", found.halted is not None),
    }
    for name, (words, value) in said.items():
        Gauge(name, words, registry=registry).set(value)


def _children(registry: CollectorRegistry, session: ReadSession) -> None:
    """How children ended in the last day, every way by its own word, and copies under the floor of their recipe."""
    words = ["task", "ending"]
    ended = Gauge("continuity_child_endings", "Children that ended so in the last 24 hours", words, registry=registry)
    for line in children.endings(session):
        for task, number in line.tasks.items():
            ended.labels(task, line.ending.value).set(number)
    labels = ["recipe", "build", "gauge"]
    measured = Gauge("continuity_quality_copies", "Copies that were measured", labels, registry=registry)
    mean = Gauge("continuity_quality_mean", "What the gauge says of them on average", labels, registry=registry)
    below = Gauge("continuity_quality_below_floor", "Copies that are below the floor", labels, registry=registry)
    for found in children.qualities(session):
        for gauge, value in ((measured, found.copies), (mean, found.mean), (below, found.below)):
            gauge.labels(found.recipe, found.build, found.gauge).set(value)
