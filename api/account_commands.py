"""`continuity account …`: accounts of people, for whoever runs the system: made, listed, disabled, let in again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

account_app = typer.Typer(help="Accounts of people.", no_args_is_help=True)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DataDir = Annotated[
    Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")]
HERE = Path("data")
SignInName = Annotated[str, typer.Argument(help="Sign-in name, as `continuity account list` prints it")]


@account_app.command("create")
def account_create(
    name: Annotated[str, typer.Argument(help="Sign-in name")],
    shown: Annotated[str, typer.Option(help="Name as pages show it")],
    role: Annotated[str, typer.Option(help="officer, supervisor or administrator")] = "officer",
    collar: Annotated[str | None, typer.Option(help="Collar number")] = None,
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Make an account with a generated password, which must be changed at the first sign-in."""
    from api.standing import make_account

    password = make_account(data, name=name, shown=shown, role=role, collar=collar)
    _print_password(name, password, as_json=as_json)


@account_app.command("list")
def account_list(data: DataDir = HERE, as_json: AsJson = False) -> None:
    """Everybody who has an account, and whether they can sign in."""
    from api.standing import accounts_at

    found = accounts_at(data)
    if as_json:
        for row in found:
            sys.stdout.write(json.dumps(row) + "\n")
        return
    table = Table(show_edge=False, header_style="bold")
    for heading in ("sign-in name", "name", "collar number", "role", "account"):
        table.add_column(heading)
    for row in found:
        table.add_row(
            *map(escape, (row["name"], row["shown"], row["collar_number"] or "", row["role"])),
            row["state"].replace("_", " "),
        )
    out.print(table)


@account_app.command("reset-password")
def account_reset(name: SignInName, data: DataDir = HERE, as_json: AsJson = False) -> None:
    """Make a new first password, printed once; it must be changed at the next sign-in. Every sign-in of theirs ends."""
    from api import accounts
    from api.standing import house_at, operator

    with house_at(data).writing() as session:
        person = accounts.person_named(session, name)
        password = accounts.reset_password(session, person.id, by=operator())
        disabled = person.disabled_at is not None
    _print_password(name, password, as_json=as_json)
    if disabled:
        err.print(f"{name} is still disabled: `continuity account enable {name}` lets them sign in.", style="yellow")


@account_app.command("disable")
def account_disable(name: SignInName, data: DataDir = HERE) -> None:
    """Let a person sign in no more. Every sign-in of theirs ends at once; what they did stays under their name."""
    from api import accounts
    from api.standing import house_at, operator

    with house_at(data).writing() as session:
        accounts.disable(session, accounts.person_named(session, name).id, by=operator())
    err.print(f"{name} is signed out everywhere and can sign in no more.")


@account_app.command("enable")
def account_enable(name: SignInName, data: DataDir = HERE) -> None:
    """Let a disabled person sign in again, with the password they had."""
    from api import accounts
    from api.standing import house_at, operator

    with house_at(data).writing() as session:
        accounts.enable(session, accounts.person_named(session, name).id, by=operator())
    err.print(f"{name} can sign in again.")


def _print_password(name: str, password: str, *, as_json: bool) -> None:
    said = json.dumps({"name": name, "password": password}) if as_json else f"{name}  {password}"
    sys.stdout.write(said + "\n")
