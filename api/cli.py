"""The command line `continuity`: one command a thing that a person does.

Exit codes: 0 done, 1 something is not as it must be (said in words), 2 the command was not understood,
3 some files have no receipt, 4 the custody log is halted.
"""

from __future__ import annotations

import json
import shlex
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api import clip_commands, package_commands
from api.account_commands import account_app
from api.custody_commands import custody_app, sequencer
from api.host_commands import host_app, job_app
from api.trouble import KnownTrouble
from evidence.custody.canonical import NotCanonical
from evidence.embedded.errors import EmbeddedError
from evidence.errors import EvidenceError
from evidence.store.errors import StoreError
from ingest.errors import IngestError

if TYPE_CHECKING:
    from api.take_in import Held

app = typer.Typer(
    name="continuity",
    help="Body-worn video and interview recordings, from camera dock to courtroom.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
token_commands = typer.Typer(help="Tokens for programs that use the JSON API.", no_args_is_help=True)
dock_commands = typer.Typer(help="Docks and suites on other machines.", no_args_is_help=True)
app.add_typer(token_commands, name="token")
app.add_typer(dock_commands, name="dock")
app.add_typer(account_app, name="account")
app.add_typer(custody_app, name="custody")
app.add_typer(host_app, name="host")
app.add_typer(job_app, name="job")
app.command()(sequencer)
package_commands.install(app)
clip_commands.install(app)

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DataDir = Annotated[
    Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")]
HERE = Path("data")
UNHEARD = "Agents that have not held their receipts against the restored database"
NOT_NUMBERED = 4  # the same that a halted sequencer ends with
KNOWN = (EvidenceError, KnownTrouble, EmbeddedError, StoreError, IngestError, NotCanonical)


@app.command()
def up(
    data: DataDir = HERE,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the pages; 8080 where it is free")] = None,
    host: Annotated[str, typer.Option(help="Address that the pages listen on")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes")] = 1,
    dock: Annotated[list[Path] | None, typer.Option(help="Folder to watch as a dock; may be given again")] = None,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Dock demonstration footage at the first start")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Run the whole system on this machine: database, store, pages, workers, dock. Ctrl-C stops it."""
    from api.up import Up, Wanted, stop_on_signals

    stop = threading.Event()
    stop_on_signals(stop)
    for folder in dock or ():
        if not folder.is_dir():
            err.print(f"There is no folder {folder} yet: it is watched, and taken in when it appears", style="yellow")
    wanted = Wanted(data=data, host=host, port=port, workers=workers, docks=dock or (), demo=demo)
    with Up(wanted, say=lambda words: err.print(words, style="dim")) as system:
        _announce(system.url, system.docks(), system.sign_ins(), as_json=as_json)
        if demo:
            from api import demo as demonstration

            demonstration.start(system.embedded.data, system.docks()[0], stop)
        system.watch(stop)
        err.print("Stopping", style="dim")


@app.command()
def ingest(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(readable=False, help="Files and folders; put -- before names that begin with a dash"),
    ] = None,
    check_receipts: Annotated[
        bool,
        typer.Option(
            "--check-receipts",
            help="After a restore, instead of files: hold every receipt of earlier calls against the records, and"
            " hand in again what they no longer know",
        ),
    ] = False,
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Take files in by the same path as a dock, and wait for their receipts. Exit 0: every file has one."""
    from api import take_in

    def tell(result: dict[str, Any]) -> None:
        # Each line as soon as it is known: whoever reads them need not wait for the last file.
        if as_json:
            sys.stdout.write(json.dumps(result, ensure_ascii=True) + "\n")
            sys.stdout.flush()

    def say(words: str) -> None:
        err.print(words, style="dim")

    show = not as_json and err.is_terminal
    if check_receipts == bool(paths):
        err.print("Name files or folders, or --check-receipts alone: see `continuity ingest --help`", style="red")
        raise typer.Exit(2)
    if check_receipts:
        held = take_in.check_receipts(data, show=show, say=say, tell=tell)
        _print_held(held, as_json=as_json)
        raise typer.Exit(0 if held.is_whole else 3)
    results = take_in.take_in(paths or (), data, show=show, say=say, tell=tell)
    if not results:
        err.print("There is no file in what was named.")
    elif not as_json:
        _print_results(results)
    raise typer.Exit(0 if results and all(result["receipt"] for result in results) else 3)


@app.command()
def status(data: DataDir = HERE, as_json: AsJson = False) -> None:
    """Say what runs, what waits and why. Exit 1: nothing runs; 4: nobody numbers the events of the custody log."""
    from api.standing import standing

    found = standing(data)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        _print_standing(found)
    if not found["running"]:
        raise typer.Exit(1)
    raise typer.Exit(0 if found["log"]["trouble"] is None else NOT_NUMBERED)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def agent(context: typer.Context) -> None:
    """Run or enrol the agent that stands beside cameras: see `continuity agent --help`."""
    from ingest.agent.__main__ import main as agent_main

    raise typer.Exit(agent_main(context.args))


@app.command()
def worker() -> None:
    """Run a worker: verify what was stored, examine it, make it playable."""
    from api.worker import run

    raise typer.Exit(run())


@app.command(name="api")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on")] = 8080,
) -> None:
    """Serve pages, the JSON API and the dock protocol."""
    from api.serve import serve as run

    run(host=host, port=port)


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring the database that CONTINUITY_DATABASE_URL names to this build's schema, and make the buckets' proof."""
    from api.standing import migrate as run

    found = run()
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        out.print(f"Schema {found['before'] or 'empty'} → {found['now']}; the store keeps its promises.")


@app.command()
def database(data: DataDir = HERE) -> None:
    """Print what PostgreSQL's own programs need to reach the embedded database: eval "$(continuity database)".

    It holds the password: let it go to a shell, not to a screen or a file.
    """
    from api.standing import database_access

    for name, value in database_access(data).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@token_commands.command("create")
def token_create(
    role: Annotated[str, typer.Option(help="officer, supervisor or administrator")],
    label: Annotated[str, typer.Option(help="What it is for")] = "made on the command line",
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it ends")] = 90,
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is printed once and kept only as its digest."""
    from api.standing import make_token

    token = make_token(data, role=role, label=label, days=days)
    sys.stdout.write((json.dumps({"token": token, "role": role}) if as_json else token) + "\n")


@dock_commands.command("code")
def dock_code(
    label: Annotated[str, typer.Option(help="Which dock or suite it is for")] = "",
    kind: Annotated[str, typer.Option(help="dock, suite or workstation")] = "dock",
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a one-time code that enrols one agent within a day."""
    from api.standing import make_code

    code = make_code(data, kind=kind, label=label)
    sys.stdout.write((json.dumps({"code": code, "kind": kind}) if as_json else code) + "\n")


def main() -> None:
    """Run the command line. What is known to go wrong is said in a sentence, without a stack."""
    from api.known_settings import refuse_unknown

    try:
        refuse_unknown()
        app()
    except KNOWN as trouble:
        _fail(str(trouble), code=1)
    except OSError as trouble:
        _fail(f"{trouble.filename or 'This machine'}: {trouble.strerror or trouble}", code=1)


def _fail(words: str, *, code: int) -> None:
    err.print(words, style="red")
    raise SystemExit(code)


def _announce(url: str, docks: list[Path], sign_ins: list[Any], *, as_json: bool) -> None:
    if as_json:
        from api.first_sign_ins import as_rows

        said = {"url": url, "docks": [str(path) for path in docks], "sign_ins": as_rows(sign_ins)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        return
    table = Table(title="Sign in as", title_justify="left", show_edge=False, header_style="bold")
    for heading in ("name", "password", "role"):
        table.add_column(heading)
    for each in sign_ins:
        table.add_row(each.name, each.password or "(changed since)", each.role)
    out.print(f"\nContinuity is running at [bold]{url}[/bold]", soft_wrap=True)
    for path in docks:
        out.print(f"Copy recordings into {path}", soft_wrap=True)
    out.print()
    out.print(table)
    out.print("\nCtrl-C stops it.", style="dim")


def _print_results(results: list[dict[str, Any]]) -> None:
    table = Table(show_edge=False, header_style="bold")
    for heading in ("file", "bytes", "state", "reason"):
        table.add_column(heading)
    for result in results:
        table.add_row(str(result["name"]), f"{result['size']:,}", result["state"], result["reason"] or "")
    out.print(table)
    receipted = sum(1 for result in results if result["receipt"])
    out.print(f"{receipted} of {len(results)} files have a receipt.")


def _print_held(held: Held, *, as_json: bool) -> None:
    if as_json:
        said = {"asked": held.asked, "lost": held.lost, "gone": held.gone, "offered": len(held.offered)}
        sys.stdout.write(json.dumps(said, ensure_ascii=True) + "\n")
        return
    if held.offered:
        _print_results(held.offered)
    for words in held.gone:
        out.print(f"{words}.", soft_wrap=True, markup=False, style="red")
    out.print(f"{held.asked} receipts were held against the records; {held.lost} of them are not known any more.")


def _print_standing(found: dict[str, Any]) -> None:
    if not found["running"]:
        out.print(f"Nothing runs on {found['data']}. Start it with `continuity up`.")
        return
    out.print(f"Continuity runs at {found['url']}")
    table = Table(show_edge=False, header_style="bold")
    for heading in ("queue", "waiting", "running", "failed", "oldest"):
        table.add_column(heading)
    for line in found["queues"]:
        age = f"{line['oldest_seconds']:.0f} s" if line["oldest_seconds"] is not None else ""
        table.add_row(line["queue"], str(line["waiting"]), str(line["running"]), str(line["failed"]), age)
    out.print(table)
    out.print(
        f"{found['recordings']} recordings, {found['quarantined']} in quarantine, {found['incidents']} open incidents"
    )
    out.print(found["census"]["words"], soft_wrap=True, markup=False, highlight=False)
    late = (f"Housekeeping is overdue. {each['words']}" for each in found["late_sweeps"])
    for trouble in filter(None, (found["log"]["trouble"], found["census"]["trouble"], *late)):
        out.print(trouble, soft_wrap=True, markup=False, style="red")
    if found["unheard"]:
        out.print(f"{UNHEARD}:", soft_wrap=True, style="red")
        for each in found["unheard"]:
            out.print(f"  {each['words']}", soft_wrap=True, markup=False, highlight=False)
    for each in found["open_incidents"]:
        out.print(f"  {each['title']}: {each['reason']}", soft_wrap=True, markup=False, highlight=False)
