"""`continuity custody …`: the custody log, for whoever runs the system. `continuity sequencer` is its process."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.census_commands import census
from api.witness_commands import keys_app, witness_app

custody_app = typer.Typer(
    help="The custody log: its head, copies of it, what to do after a restore.", no_args_is_help=True
)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DataDir = Annotated[
    Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")]
HERE = Path("data")
KEYS_ADVICE = (
    "What was printed rests on the key files and on the log's own events alone. Somebody may have written into the "
    "table of keys: `continuity verify`, and see docs/keys.md."
)
POLICY_ADVICE = (
    "What was printed has the keys right. This system itself goes by the file: write what was printed beside it, look "
    "at it, and move it into the file's place. No restart is needed. See docs/keys.md."
)

custody_app.command()(census)
custody_app.add_typer(keys_app, name="keys")
custody_app.add_typer(witness_app, name="witness")


def sequencer(
    wait: Annotated[
        bool, typer.Option("--wait", help="Where the log is halted, wait until it goes on, instead of ending")
    ] = False,
) -> None:
    """Number the events of the custody log and sign its checkpoints. Exit 4: the log is halted, a person must look."""
    from api.sequencing import run

    raise typer.Exit(run(wait=wait))


@custody_app.command()
def head(
    data: DataDir = HERE,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 where the log is halted, or an event waits for over a minute")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the newest checkpoint with its signatures, and say how the log stands."""
    from api import sequencing

    found = sequencing.head(data)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        # First what a person is to read: a signature that follows is thousands of characters long.
        if found["halted"]:
            err.print(f"Halted: {found['halted']}", style="red", soft_wrap=True)
        err.print(f"{found['published']} of {found['size']} numbered events are published, {found['waiting']} wait")
        sys.stdout.write(found["note"])
    raise typer.Exit(1 if check and (found["halted"] or found["behind"]) else 0)


@custody_app.command()
def export(
    folder: Annotated[Path, typer.Option("--out", help="Folder to copy into; empty or not there yet")],
    data: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Copy the whole published log, in the layout of C2SP tlog-tiles, and check the copy."""
    from api import sequencing

    done = sequencing.export(data, folder)
    said = f"{done['size']} events in {done['files']} files; they lead to the root {done['root']}."
    sys.stdout.write((json.dumps(done) if as_json else said) + "\n")


@custody_app.command()
def erase(
    subject: Annotated[str, typer.Argument(help="A recording, by reference or id, or one event by its id")],
    value: Annotated[str, typer.Option("--value", help="Name of the personal value, such as actor, name or device")],
    because: Annotated[str, typer.Option("--because", help="Why, for the log: the request, and who decided")],
    data: DataDir = HERE,
    confirm: Annotated[
        str, typer.Option("--confirm", help="What the first run printed: then, and only then, it is erased for good")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Erase a personal value of the custody log. Run it once to see what would go, again with --confirm to erase it."""
    from api import erasing
    from api.standing import house_at

    erasing.check_reason(because)
    house = house_at(data)
    if not confirm:
        doomed = erasing.look(house, subject, value)
        word = erasing.confirmation(doomed, because)
        outside = erasing.outside_log(house, subject)
        if as_json:
            said = {"erased": False, "values": [each.as_json() for each in doomed], "confirm": word, "outside": outside}
            sys.stdout.write(json.dumps(said) + "\n")
            return
        for each in doomed:
            out.print(f"{each.at} {each.event} {each.field}: {each.value}", markup=False, soft_wrap=True)
        if outside:
            out.print(outside, markup=False, soft_wrap=True)
        out.print(f"Nothing is erased yet. To erase {len(doomed)} for good, run it again with --confirm {word}")
        return
    done = erasing.erase(house, subject, value, because=because, confirmed=confirm)
    if as_json:
        sys.stdout.write(json.dumps({"erased": True, "values": done}) + "\n")
        return
    for gone in done:
        out.print(f"{gone['value']} of event {gone['event']} is erased; event {gone['erased_by']} says so.")


@custody_app.command()
def policy(data: DataDir = HERE) -> None:
    """Print the policy file that checkers of this log need: the keys as they stand now, witnesses, the quorum."""
    from api import sequencing

    given = sequencing.policy(data)
    sys.stdout.buffer.write(given.text)  # the file's own octets, whatever they are
    sys.stdout.flush()
    for each in given.doubts:
        err.print(f"Keys: {each}.", soft_wrap=True)
    if given.doubts:
        err.print(KEYS_ADVICE, soft_wrap=True)
    for each in given.differs:
        err.print(f"CONTINUITY_WITNESS_POLICY: {each}.", soft_wrap=True)
    if given.differs:
        err.print(POLICY_ADVICE, soft_wrap=True)


@custody_app.command()
def publish(
    data: DataDir = HERE,
    within: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds to wait")] = 30,
    as_json: AsJson = False,
) -> None:
    """Have everything that has been recorded signed now, and wait for it."""
    from api import sequencing

    done = sequencing.publish(data, timedelta(seconds=within))
    sys.stdout.write((json.dumps(done) if as_json else f"{done['size']} events are published.") + "\n")


@custody_app.command()
def rollforward(data: DataDir = HERE, as_json: AsJson = False) -> None:
    """Put back into a restored database what the store has of the log. Stop the sequencer first."""
    from api import sequencing

    done = sequencing.rollforward(data)
    if as_json:
        sys.stdout.write(json.dumps(done) + "\n")
        return
    out.print(f"The log stood at {done['from_size']} events and stands at {done['to_size']}.")
    if done["sealed_missing"]:
        out.print(f"{done['sealed_missing']} personal values were lost with the database, and are marked as lost.")
    if done["moved"]:
        out.print(f"{done['moved']} events that were written after the restore now stand behind those put back.")
    if done["doubled"]:
        named = ", ".join(done["doubled"])
        words = "was taken in between the restore and now: name these by their ids (run-book rolled-back, step 3)"
        out.print(f"References of two recordings: {named}. One of each {words}.", soft_wrap=True)
    if done["to_size"] > done["from_size"]:
        words = (
            "What came in meanwhile is known to the agents alone: `continuity status` names those that have not held"
        )
        out.print(f"{words} their receipts against this database yet (run-book rolled-back, step 5).", soft_wrap=True)
    out.print("Start the sequencer again; where `continuity up` runs it, stop that and start it again.")
