"""`continuity custody keys …` and `continuity custody witness …`: the log's keys, and witnessing the log of another."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from evidence.settings import EvidenceSettings

keys_app = typer.Typer(help="The keys that sign the custody log: make, replace, revoke.", no_args_is_help=True)
witness_app = typer.Typer(help="Witness the custody log of another organisation.", no_args_is_help=True)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DataDir = Annotated[
    Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")]
Name = Annotated[str, typer.Option(help="The witness's name, such as witness.example/w1; it never changes")]
HERE = Path("data")
ORIGIN = EvidenceSettings.model_fields["log_origin"].default
PIN = "CONTINUITY_LOG_PKCS11_PIN"


@keys_app.command("make")
def keys_make(
    folder: Annotated[Path, typer.Argument(envvar="CONTINUITY_LOG_KEYS_DIR", help="Folder to make; without keys yet")],
    origin: Annotated[str, typer.Option(envvar="CONTINUITY_LOG_ORIGIN", help="Name of the log")] = ORIGIN,
    module: Annotated[
        Path | None, typer.Option(envvar="CONTINUITY_LOG_PKCS11_MODULE", help="PKCS#11 library, for keys in a device")
    ] = None,
    token: Annotated[str, typer.Option(envvar="CONTINUITY_LOG_PKCS11_TOKEN", help="Label of its token")] = "",
    as_json: AsJson = False,
) -> None:
    """Make the first keys of a log: Ed25519 and ML-DSA-44. Prints their public halves."""
    from evidence.outside.hardware import Device
    from evidence.outside.rotating import make

    device = None
    if module is not None:
        pin = os.environ.get(PIN) or typer.prompt("PIN of the token", hide_input=True, err=True)
        device = Device(module, token, pin)
    keys = make(folder, origin, device)
    _print_keys([key.text() for key in keys.vkeys()], as_json=as_json)


@keys_app.command("rotate")
def keys_rotate(data: DataDir = HERE, as_json: AsJson = False) -> None:
    """Put a new pair of keys in force. The old one signs beside it for CONTINUITY_LOG_KEYS_OVERLAP_DAYS."""
    from api.standing import house_at, operator
    from evidence.outside.keys import open_keys
    from evidence.outside.rotating import rotate

    house = house_at(data)
    made = rotate(house, open_keys(house.settings), settings=house.settings, by=operator())
    _print_keys([key.text() for key in made], as_json=as_json)
    if not as_json:
        err.print("Give the new policy file (`continuity custody policy`) to everyone who checks or witnesses the log.")


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key, eight hex digits, as `keys show` prints it")],
    because: Annotated[str, typer.Option(help="Why; kept in the custody log, sealed")],
    data: DataDir = HERE,
) -> None:
    """Trust a pair of keys no more from now on. Another pair must be in force: rotate first."""
    from api.standing import house_at, operator
    from evidence.outside.keys import open_keys
    from evidence.outside.rotating import revoke

    house = house_at(data)
    revoke(house, open_keys(house.settings), key_id, because=because, by=operator())
    err.print("Revoked. Take the key out of every policy file; what was witnessed or time-stamped before stays proved.")


@keys_app.command("show")
def keys_show(data: DataDir = HERE, as_json: AsJson = False) -> None:
    """Every key the log ever had, with the sizes between which it counts, and what the signer remembers."""
    from api.standing import house_at
    from evidence.outside.rotating import WORDS, history
    from evidence.tlog.keys import Algorithm

    rows: list[dict[str, Any]] = [
        {
            "key": bytes(row.key_id).hex(),
            "algorithm": WORDS[Algorithm(row.alg)],
            "state": row.state.value,
            "from_size": row.from_size,
            "to_size": row.to_size,
            "kept": row.handle,
            "vkey": row.vkey,
        }
        for row in history(house_at(data))
    ]
    for row in rows:
        if as_json:
            sys.stdout.write(json.dumps(row) + "\n")
        else:
            until = "" if row["to_size"] is None else f" to {row['to_size']}"
            words = (
                f"{row['key']}  {row['algorithm']:<9}  {row['state']}, from {row['from_size']}{until}  {row['kept']}"
            )
            out.print(words, markup=False, soft_wrap=True)
    if not rows and not as_json:
        err.print("The log has no keys on record yet: the sequencer enters them when it runs.")


@keys_app.command("remember")
def keys_remember(
    checkpoint: Annotated[
        Path, typer.Argument(help="File with the newest checkpoint, as witnesses and the store have it")
    ],
    data: DataDir = HERE,
) -> None:
    """Give the signer a memory again after its file was lost. Take the newest checkpoint, never an older one."""
    from api.standing import house_at
    from api.trouble import KnownTrouble
    from evidence.outside.keys import open_keys
    from evidence.outside.remembering import MEMORY, remember
    from evidence.outside.rotating import trusted_keys
    from evidence.tlog.errors import TlogError
    from evidence.tlog.policy import KnownLog, Policy

    house = house_at(data)
    keys = open_keys(house.settings)
    policy = Policy(tuple(KnownLog(key) for key in trusted_keys(house, keys)), (), (), None)
    try:
        judged = policy.judge(checkpoint.read_bytes())
    except TlogError as error:
        raise KnownTrouble(f"{checkpoint} is not a checkpoint that these keys signed: {error}") from error
    remember(keys.folder / MEMORY, judged.checkpoint)
    err.print(f"The signer remembers the log at {judged.checkpoint.size} events.")


@witness_app.command("key")
def witness_key(
    folder: Annotated[Path, typer.Option(help="Folder for the two keys")],
    name: Name,
) -> None:
    """Make a witness's keys, and print their public halves for the policy files of the logs."""
    from evidence.witness.__main__ import main

    raise typer.Exit(main(["--name", name, "--make-keys", str(folder)]))


@witness_app.command("serve")
def witness_serve(
    name: Name,
    key: Annotated[list[Path], typer.Option(help="PEM file to sign with; may be given again")],
    log: Annotated[list[str], typer.Option(help="Verifier key of a log, or a file of them; may be given again")],
    state: Annotated[Path, typer.Option(help="Folder for what was signed last; never put an older one back")],
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on")] = 8081,
) -> None:
    """Run a witness until it is told to stop. The same as `python -m evidence.witness`."""
    from evidence.witness.__main__ import main

    each_key = [word for path in key for word in ("--key", str(path))]
    each_log = [word for vkey in log for word in ("--log", vkey)]
    listen = ["--state", str(state), "--host", host, "--port", str(port)]
    raise typer.Exit(main(["--name", name, *each_key, *each_log, *listen]))


def _print_keys(vkeys: list[str], *, as_json: bool) -> None:
    for vkey in vkeys:
        sys.stdout.write((json.dumps({"vkey": vkey}) if as_json else vkey) + "\n")
