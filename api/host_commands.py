"""`continuity host …` and `continuity job …`: worker hosts and what they run, told by whoever has this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

host_app = typer.Typer(help="Worker hosts: what each runs; drain one for maintenance.", no_args_is_help=True)
job_app = typer.Typer(help="Background jobs: what runs, cancel, try again.", no_args_is_help=True)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DataDir = Annotated[
    Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")]
HERE = Path("data")
HostName = Annotated[str, typer.Argument(help="Name of the host, as `continuity host list` prints it")]
JobNumber = Annotated[int, typer.Argument(help="Number of the job, as `continuity job list` prints it")]


@host_app.command("list")
def host_list(data: DataDir = HERE, as_json: AsJson = False) -> None:
    """Every worker host: room, what it runs, how fast, whether it is drained."""
    from api.standing import house_at
    from evidence import jobs

    with house_at(data).reading() as session:
        found = jobs.hosts(session)
    rows = [
        {
            "host": each.host,
            "state": each.state.value,
            "slots": dict(each.slots),
            "jobs": [job.id for job in each.jobs],
            "speed": each.speed,
            "heard_seconds_ago": each.age,
            "drained_by": each.order.by if each.order else None,
            "software": list(each.software),
            "missing_layers": list(each.missing_layers),
            "hardware_encoders": None if each.encoders is None else list(each.encoders),
            "room_because": list(each.room_because),
            "encodes_with": list(each.encodes_with),
        }
        for each in found
    ]
    shown = [
        (
            row["host"],
            row["state"] if row["drained_by"] is None else f"{row['state']} by {row['drained_by']}",
            sum(each.slots.values()),
            len(each.jobs),
            "" if each.speed is None else f"{each.speed:.1f}x",
            "" if each.age is None else f"{each.age:.0f} s ago",
        )
        for row, each in zip(rows, found, strict=True)
    ]
    _print(("host", "state", "slots", "running", "speed", "heard of"), shown, rows, as_json=as_json)


@host_app.command("drain")
def host_drain(
    host: HostName,
    now: Annotated[bool, typer.Option("--now", help="Hand back what it has, instead of finishing it")] = False,
    data: DataDir = HERE,
) -> None:
    """Let a host take no new jobs. It stays drained, over restarts too, until it is resumed."""
    from api import acts
    from api.standing import house_at, operator

    with house_at(data).writing() as session:
        acts.drain_host(session, host, hand_back=now, by=operator())
    err.print(f"{host} takes no new jobs and {'hands back' if now else 'finishes'} what it has.")


@host_app.command("resume")
def host_resume(host: HostName, data: DataDir = HERE) -> None:
    """Let a drained host take jobs again."""
    from api import acts
    from api.standing import house_at, operator

    with house_at(data).writing() as session:
        acts.resume_host(session, host, by=operator())
    err.print(f"{host} takes jobs again.")


@job_app.command("list")
def job_list(data: DataDir = HERE, as_json: AsJson = False) -> None:
    """What runs now, how far it is and where; and what people cancelled."""
    from api.standing import house_at
    from evidence import jobs

    with house_at(data).reading() as session:
        now, off = jobs.running(session), jobs.cancelled(session)
    rows: list[dict[str, Any]] = [{"state": "running", **asdict(each), "left": each.left} for each in now]
    rows += [
        {"state": "cancelled", "id": each.job_id, "task": each.task, "queue": each.queue, "subject": each.subject,
         "cancelled_by": each.by, "at": each.at.isoformat()}
        for each in off if not each.stopping
    ]  # fmt: skip
    shown = [(row["id"], row["state"], row["task"], row.get("host") or "", _how_far(row)) for row in rows]
    _print(("job", "state", "task", "host", "how far"), shown, rows, as_json=as_json)


@job_app.command("cancel")
def job_cancel(job: JobNumber, data: DataDir = HERE) -> None:
    """Cancel a job that waits or runs. Intake of evidence is never cancelled."""
    from api import acts
    from api.standing import house_at, operator

    with house_at(data).writing() as session:
        acts.cancel_job(session, job, by=operator())
    err.print(f"Job {job} is cancelled; what it started is being stopped.")


@job_app.command("retry")
def job_retry(job: JobNumber, data: DataDir = HERE) -> None:
    """Send a failed or cancelled job round again."""
    from api import acts
    from api.standing import house_at, operator
    from evidence.access import Asker
    from evidence.vocabulary import Role

    with house_at(data).writing() as session:
        acts.retry_job(session, job, asker=Asker(Role.ADMINISTRATOR), by=operator())
    err.print(f"Job {job} is tried again.")


def _how_far(row: Mapping[str, Any]) -> str:
    if row["cancelled_by"] is not None:
        return f"cancelled by {row['cancelled_by']}"
    percent = "" if row["fraction"] is None else f" {row['fraction']:.0%}"
    speed = "" if row["speed"] is None else f", {row['speed']:.1f}x"
    return f"{row['phase'] or 'started'}{percent}{speed}"


def _print(
    head: Sequence[str], shown: Sequence[Sequence[Any]], rows: Sequence[Mapping[str, Any]], *, as_json: bool
) -> None:
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(row) + "\n")
        return
    table = Table(show_edge=False, header_style="bold")
    for heading in head:
        table.add_column(heading)
    for line in shown:
        table.add_row(*(str(cell) for cell in line))
    out.print(table)
