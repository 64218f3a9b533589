"""`continuity custody census`: count the store against the records, now."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)


def census(
    data: Annotated[
        Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
    ] = Path("data"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")] = False,
) -> None:
    """Count what the store really holds, and name every object that differs. Exit 0: every master is there."""
    from api.standing import house_at
    from evidence.completeness import census as counting
    from evidence.completeness.counted import as_said, shown

    house = house_at(data)
    try:
        taken = counting.take(house)
    finally:
        house.sessions.engine.dispose()
    if as_json:
        numbers = {name: getattr(taken, name) for name in ("expected", "found", "missing", "extra", "changed")}
        said = {"census": str(taken.id), **numbers, "root": taken.root.hex(), "failed": taken.failed}
        said |= {"words": taken.words, "gaps": [as_said(each) for each in taken.gaps]}
        sys.stdout.write(json.dumps(said) + "\n")
    else:
        for each in taken.gaps:
            out.print(shown(each.in_words()), markup=False, soft_wrap=True)
        (out if taken.holds else err).print(shown(taken.words), markup=False, soft_wrap=True)
    raise typer.Exit(0 if taken.holds else 1)
