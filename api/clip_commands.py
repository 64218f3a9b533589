"""`continuity clip`: a clip, a still picture or the sound of a recording, made by the workers and written to a file."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console

from api.trouble import KnownTrouble

if TYPE_CHECKING:
    from api.clipping import Wish
    from evidence.bootstrap import House
    from evidence.models import Clip

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DataDir = Annotated[
    Path, typer.Option("--data", envvar="CONTINUITY_DATA_DIR", help="Folder that holds everything of this system")
]
HERE = Path("data")
TIME: Final = re.compile(r"(?:(\d{1,3}):)?(\d{1,5}):(\d{2}(?:\.\d{1,6})?)|(\d{1,8}\.\d{1,6})")
LOOK_EVERY: Final = 0.5


def install(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="clip")(clip)


def clip(
    recording: Annotated[str, typer.Argument(help="Reference (R0000123) or id")],
    begins: Annotated[str, typer.Option("--from", help="First frame, counted from 1; or a time such as 1:02.5")],
    ends: Annotated[str, typer.Option("--to", help="Last frame; or the time before which it ends")] = "",
    kind: Annotated[str, typer.Option(help="clip, still (of the frame --from) or sound")] = "clip",
    silent: Annotated[bool, typer.Option("--silent", help="Leave the sound out")] = False,
    write_time: Annotated[bool, typer.Option("--write-time", help="Write each picture's time into it")] = False,
    write_reference: Annotated[bool, typer.Option("--write-reference", help="Write the reference into it")] = False,
    write_collar: Annotated[bool, typer.Option("--write-collar", help="Write the collar number into it")] = False,
    to: Annotated[
        Path | None, typer.Option("--out", help="File to write; without it the clip stays in the system")
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the workers")] = 3600,
    data: DataDir = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line")] = False,
) -> None:
    """Cut a clip, a still picture or the sound out of a recording. Asking and taking out are recorded."""
    from api.standing import house_at

    if to is not None and to.exists():
        raise KnownTrouble(f"{to} is there already: name another file.")
    house = house_at(data)
    words: dict[str, Any] = {"write_time": write_time, "write_reference": write_reference, "write_collar": write_collar}
    row = _made(house, _asked(house, recording, kind, (begins, ends), silent=silent, words=words), wait)
    if to is not None:
        _take_out(house, row.id, to)
    said = {
        "clip": str(row.id), "kind": row.kind.value, "size": row.size, "sha256": row.sha256,
        "recipe_sha256": row.recipe_sha256, "content_type": row.content_type, "out": str(to) if to else None,
        "facts": row.facts,
    }  # fmt: skip
    if as_json:
        sys.stdout.write(json.dumps(said) + "\n")
        return
    out.print(f"{row.kind.value.capitalize()} {row.id}: {row.size:,} bytes, SHA-256 {row.sha256}", soft_wrap=True)
    if to is not None:
        out.print(f"It is in {to}", soft_wrap=True)


def _asked(house: House, name: str, kind: str, places: tuple[str, str], *, silent: bool, words: dict[str, Any]) -> UUID:
    from sqlalchemy import select

    from api.clipping import recipe_of
    from api.enquiries.recordings import named
    from api.errors import BadRequest
    from api.standing import operator
    from evidence.models import Recording
    from transcode import clip_records

    with house.writing() as session:
        recording = session.scalars(select(Recording).where(named(name))).one_or_none()
        if recording is None:
            raise KnownTrouble(f"There is no recording {name}.")
        wish = _wish(session, house, recording.id, kind, places, silent=silent, words=words)
        try:
            recipe = recipe_of(session, house, recording, wish)
        except BadRequest as refused:
            raise KnownTrouble(str(refused)) from refused
        return clip_records.ask(session, recipe, by=operator(), person=None)[0].id


def _wish(
    session: Any,
    house: House,
    recording: UUID,
    kind: str,
    places: tuple[str, str],
    *,
    silent: bool,
    words: dict[str, Any],
) -> Wish:
    from api.clipping import Wish, frame_table
    from evidence.vocabulary import ClipKind

    if kind not in {each.value for each in ClipKind}:
        raise KnownTrouble(f"{kind!r} is no kind of clip: clip, still or sound.")
    table = frame_table(session, house, recording)
    if table is None:
        start, end = (_microseconds(each) for each in places)
        return Wish(kind=ClipKind(kind), unit="microsecond", start=start, end=end, **words)
    first = frame_of(places[0], table, ending=False)
    last = first + 1 if kind == "still" or not places[1] else frame_of(places[1], table, ending=True)
    sounds = () if silent and kind == "clip" else None
    return Wish(kind=ClipKind(kind), unit="frame", start=first, end=last, sounds=sounds, **words)


def frame_of(place: str, table: dict[str, Any], *, ending: bool) -> int:
    """A frame's number from 0, of a number from 1 or a time: the first frame shown at that time or later.

    `ending`: the one after the last instead. Raises KnownTrouble for other words.
    """
    if place.isdecimal():
        if not 0 < int(place) <= table["frames"]:
            raise KnownTrouble(f"The recording has frames 1 to {table['frames']}, and not {place}.")
        return int(place) if ending else int(place) - 1
    ticks = _microseconds(place) * int(table["timescale"])
    number, tick = 0, int(table["first"])
    for step, times in table["steps"]:
        for _ in range(times):
            if tick * 1_000_000 >= ticks:
                return number
            number, tick = number + 1, tick + step
    return number if tick * 1_000_000 >= ticks else number + 1


def _microseconds(place: str) -> int:
    found = TIME.fullmatch(place)
    if found is None:
        raise KnownTrouble(f"{place!r} is neither a frame's number nor a time such as 1:02.5.")
    if found[4]:
        return round(float(found[4]) * 1_000_000)
    return round((int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])) * 1_000_000)


def _made(house: House, wanted: UUID, wait: float) -> Clip:
    """Wait for the workers. Raises KnownTrouble where they give up, or need longer."""
    from evidence.models import Clip
    from evidence.vocabulary import RenditionState

    end = time.monotonic() + wait
    while True:
        with house.reading() as session:
            row = session.get_one(Clip, wanted)
        if row.state is RenditionState.READY:
            return row
        if row.state is RenditionState.FAILED:
            raise KnownTrouble(f"It could not be made: {row.reason}. Ask again on the recording's page.")
        if time.monotonic() > end:
            raise KnownTrouble(
                f"The workers have not made it within {wait:.0f} s. It is still being made, as {wanted}."
            )
        time.sleep(LOOK_EVERY)


def _take_out(house: House, wanted: UUID, to: Path) -> None:
    """Write the file, after that is recorded. A file that is not whole does not bear the name."""
    import secrets

    from api.standing import operator
    from evidence.models import Clip
    from transcode import clip_records

    with house.writing() as session:
        row = session.get_one(Clip, wanted)
        clip_records.write_downloaded(session, row, by=operator(), view=secrets.token_hex(16))
        key = row.key or ""
    part = to.with_name(f".{to.name}.part")
    with part.open("xb") as file:
        for piece in house.renditions.read(key):
            file.write(piece)
    part.rename(to)
