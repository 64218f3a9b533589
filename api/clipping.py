"""Clips at the desk: what a person asks for becomes a recipe, and what was made is taken out, each recorded first."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import ValidationError

from api.authentication import Caller
from api.errors import BadRequest
from api.playback import Source, view_key, watchable
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.database import ReadSession, WriteSession
from evidence.errors import AlreadySettled, NotFound
from evidence.identifiers import recording_reference
from evidence.models import Clip, Master, Person, Recording
from evidence.vocabulary import ClipKind, Condition, RenditionKind, RenditionState
from transcode import clip_records
from transcode.clip_recipe import Burn, Recipe
from transcode.media import MediaFacts

ENDINGS: Final = {
    "video/mp4": "mp4", "image/png": "png", "audio/mp4": "m4a", "audio/wav": "wav", "video/quicktime": "mov",
}  # fmt: skip
MICROSECONDS: Final = 1_000_000
GUESSED_RATE: Final = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for, before it is a recipe. `sounds`: nothing for every track there is.

    `reference`: words to be written in instead of the recording's own reference.
    """

    kind: ClipKind
    unit: Literal["frame", "microsecond"]
    start: int
    end: int
    sounds: Sequence[int] | None = None
    write_time: bool = False
    write_reference: bool = False
    write_collar: bool = False
    reference: str = ""


def ask(session: WriteSession, house: House, caller: Caller, recording: Recording, wish: Wish) -> tuple[Clip, bool]:
    """Have it made; the clip, and whether it is new. Raises BadRequest, and what `watchable` raises."""
    watchable(caller, recording)
    recipe = recipe_of(session, house, recording, wish)
    return clip_records.ask(session, recipe, by=caller.actor, person=caller.person)


def recipe_of(session: ReadSession, house: House, recording: Recording, wish: Wish) -> Recipe:
    """The recipe of a wish that can be, as far as that is known before the master is read. Raises BadRequest."""
    recipe = _recipe(session, recording, wish)
    _within(session, house, recording, recipe)
    return recipe


def ask_again(session: WriteSession, caller: Caller, clip: UUID) -> Clip:
    """Have one that failed made again. Raises AlreadySettled where it does not stand failed, NotFound."""
    row = seen(session, caller, clip)
    if not clip_records.ask_again(session, row.id, by=caller.actor):
        raise AlreadySettled("that clip does not stand failed")
    return row


def seen(session: ReadSession, caller: Caller, clip: UUID) -> Clip:
    """A clip of a recording that the caller may watch. Raises NotFound, NotPermitted."""
    row = session.get(Clip, clip)
    if row is None:
        raise NotFound("that clip")
    watchable(caller, session.get(Recording, row.recording_id))
    return row


def take_out(session: WriteSession, caller: Caller, clip: UUID, *, piece: bool) -> tuple[Source, str]:
    """Record that a clip is taken out; its bytes, and the name that they go by. Raises NotFound where it is not made.

    `piece`: only a range was asked for. Pieces that one person fetches within an hour are one taking.
    """
    row = seen(session, caller, clip)
    if row.state is not RenditionState.READY or row.key is None:
        raise NotFound("the file of that clip: it is not made")
    view = view_key(caller, row.id, None if piece else secrets.token_urlsafe(18))
    if not (piece and _is_recorded(session, row, view)):
        clip_records.write_downloaded(session, row, by=caller.actor, view=view)
    return source_of(row), file_name(row, session.get_one(Recording, row.recording_id))


def source_of(row: Clip) -> Source:
    """Where a clip's bytes lie."""
    return Source(
        recording=row.recording_id,
        kind=RenditionKind.PLAYBACK,  # a clip is no rendition: this is not told to anybody
        key=row.key or "",
        version_id=None,
        size=row.size or 0,
        sha256=row.sha256 or "",
        content_type=row.content_type or "application/octet-stream",
    )


def file_name(row: Clip, recording: Recording) -> str:
    """A name for the file that says what it is, in letters that every system keeps."""
    begin, end, unit = row.recipe["start"], row.recipe["end"], row.recipe["unit"]
    if unit == "frame":
        place = f"frame-{begin + 1}" if end == begin + 1 else f"frames-{begin + 1}-{end}"
    else:
        place = f"{begin // 1000}-{end // 1000}ms"
    ending = ENDINGS.get(row.content_type or "", "bin")
    reference = recording_reference(recording.number)
    return f"{reference}_{row.kind.value}_{place}_{row.recipe_sha256[:8]}.{ending}"


def _is_recorded(session: ReadSession, row: Clip, view: str) -> bool:
    after = 0
    while lines := ledger.history(session, row.recording_id, after=after):
        if any(line.facts.get("view") == view for line in lines):
            return True
        after = lines[-1].subject_no
    return False


def _recipe(session: ReadSession, recording: Recording, wish: Wish) -> Recipe:
    facts = MediaFacts.model_validate(recording.media_facts) if recording.media_facts.get("streams") else None
    if facts is None and recording.condition is Condition.UNEXAMINED:
        raise BadRequest("Nothing is known yet of what is in this recording. Wait until it has been examined.")
    if facts is None or clip_records.is_repaired(session, recording.id):
        raise BadRequest("This recording's master cannot be opened, so nothing can be cut out of it.")
    tracks = [each.index for each in facts.sounds]
    sounds = tracks if wish.sounds is None else list(wish.sounds)
    if wish.kind is ClipKind.STILL:
        sounds = []
    if missing := [each for each in sounds if each not in tracks]:
        raise BadRequest(f"The recording has no sound track {missing[0]}.", pointer="/sounds")
    if wish.kind is not ClipKind.SOUND and facts.picture is None:
        raise BadRequest("The recording has no pictures. Its sound can be saved alone.", pointer="/kind")
    if wish.kind is ClipKind.SOUND and not sounds:
        raise BadRequest("The recording has no sound.", pointer="/kind")
    told = {
        "recording": str(recording.id),
        "master_sha256": session.get_one(Master, recording.id).sha256,
        "kind": wish.kind,
        "unit": wish.unit,
        "start": wish.start,
        "end": wish.end,
        "sounds": sounds,
        "burn": _burn(session, recording, wish),
    }
    try:
        return Recipe.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = str(first["msg"]).removeprefix("Value error, ")
        raise BadRequest(f"{said[:1].upper()}{said[1:]}.", pointer="/" + "/".join(map(str, first["loc"]))) from error


def _burn(session: ReadSession, recording: Recording, wish: Wish) -> dict[str, Any]:
    told: dict[str, Any] = Burn(time=wish.write_time).model_dump()
    if wish.write_time and recording.captured_at is not None:
        told["begins"] = recording.captured_at.isoformat()
    if wish.write_reference:
        told["reference"] = wish.reference or recording_reference(recording.number)
    if wish.write_collar:
        officer = session.get(Person, recording.officer_id) if recording.officer_id else None
        if officer is None or not officer.collar_number:
            raise BadRequest("No officer with a collar number is named for this recording.", pointer="/write_collar")
        told["collar"] = officer.collar_number
    return told


def _within(session: ReadSession, house: House, recording: Recording, recipe: Recipe) -> None:
    """Refuse what lies outside the recording or is longer than the settings allow, as far as that is known here.

    The workroom counts the pictures themselves, and has the last word.
    """
    table = frame_table(session, house, recording.id) if recipe.unit == "frame" else None
    length = (recording.duration_ms or 0) * 1000
    if table is not None and recipe.end > table["frames"]:
        raise BadRequest(f"The recording has {table['frames']} frames.", pointer="/end")
    if recipe.unit == "microsecond" and length and recipe.start >= length:
        raise BadRequest("The in point lies behind the end of the recording.", pointer="/start")
    rate = table["frames"] * MICROSECONDS / length if table is not None and length else GUESSED_RATE
    seconds = (recipe.end - recipe.start) / (rate if recipe.unit == "frame" else MICROSECONDS)
    longest = house.settings.clip_minutes
    if seconds > 60 * longest:
        raise BadRequest(f"A clip may be {longest} minutes long at most. Make several.", pointer="/end")


def frame_table(session: ReadSession, house: House, recording: UUID) -> dict[str, Any] | None:
    """When each frame is shown, where that is known already."""
    return clip_records.frame_table(session, house.renditions, recording)
