"""Writes down what people ask to have cut out and what came of it: rows, custody events, jobs, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType, Object
from evidence.database import ReadSession, WriteSession
from evidence.errors import NotFound
from evidence.identifiers import new_id
from evidence.jobs import JobRequest, enqueue
from evidence.models import Clip, Recording, Rendition
from evidence.notices import tell_recordings
from evidence.store import RenditionStore, StoredRendition
from evidence.vocabulary import RenditionKind, RenditionState
from transcode.clip_recipe import Recipe
from transcode.ending import placeless
from transcode.repair import RECIPE as REPAIR_RECIPE
from transcode.results import REPLACES

WORKROOM: Final = Actor.system("transcode")
CLIP: Final = "transcode.clip"
QUEUE: Final = "clips"
PRIORITY: Final = 60
REPAIRS: Final = REPAIR_RECIPE.rpartition("-")[0] + "-"
LARGEST_TABLE: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredClip:
    """A clip that lies in the store. `packets_master`: the manifest of the bytes that it was made of."""

    stored: StoredRendition
    bucket: str
    content_type: str
    packets: StoredRendition | None
    packets_master: StoredRendition | None
    facts: Mapping[str, Any]
    copied: int
    encoded: int
    argv: list[str]
    tool: Mapping[str, str]


def is_repaired(session: ReadSession, recording: UUID) -> bool:
    """What plays is a repaired copy: its master cannot be opened, and nothing can be cut out of it."""
    rows = select(Rendition).where(Rendition.recording_id == recording, Rendition.kind == RenditionKind.PLAYBACK)
    return any(is_repair(row) for row in session.scalars(rows))


def is_repair(row: Rendition | None) -> bool:
    """The copy was made of what a repair found in a master that nothing can open."""
    return row is not None and row.recipe.startswith(REPAIRS)


def frame_table(session: ReadSession, renditions: RenditionStore, recording: UUID) -> dict[str, Any] | None:
    """When the working copy shows each of its pictures, where that is known already."""
    row = _table(session, recording)
    if row is None or row.key is None or (row.size or 0) > LARGEST_TABLE:
        return None
    found: dict[str, Any] = json.loads(b"".join(renditions.read(row.key)))
    return found


def _table(session: ReadSession, recording: UUID) -> Rendition | None:
    return session.scalars(
        select(Rendition)
        .where(
            Rendition.recording_id == recording,
            Rendition.kind == RenditionKind.FRAMES,
            Rendition.state == RenditionState.READY,
        )
        .order_by(Rendition.made_at.desc())
        .limit(1)
    ).one_or_none()


def numbered_by(session: ReadSession, recording: UUID) -> str:
    """SHA-256 of the frame table where it took the place of another: the same number may be another picture's now."""
    row = _table(session, recording)
    replaced = row.facts.get(REPLACES) if row is not None else None
    return row.sha256 or "" if row is not None and replaced and replaced != row.sha256 else ""


def ask(session: WriteSession, recipe: Recipe, *, by: Actor, person: UUID | None) -> tuple[Clip, bool]:
    """Want what a recipe says; and whether it is new. The same recipe is one clip, however often it is asked for.

    Row, event and job commit with the caller's transaction. Raises NotFound where there is no such recording.
    """
    recording_id = UUID(recipe.recording)
    if session.get(Recording, recording_id, with_for_update=True) is None:
        raise NotFound("the recording")
    if recipe.unit == "frame":
        recipe = recipe.model_copy(update={"table": numbered_by(session, recording_id)})
    known = select(Clip).where(Clip.recording_id == recording_id, Clip.recipe_sha256 == recipe.digest)
    found = session.scalars(known).one_or_none()
    if found is not None:
        return found, False
    row = Clip(
        id=new_id(),
        recording_id=recording_id,
        master_sha256=recipe.master_sha256,
        kind=recipe.kind,
        recipe=recipe.told(),
        recipe_sha256=recipe.digest,
        state=RenditionState.WANTED,
        attempts=0,
        asked_by=person,
    )
    session.add(row)
    session.flush()
    _request(session, row, by)
    return row, True


def ask_again(session: WriteSession, clip_id: UUID, *, by: Actor) -> bool:
    """A person asks again for what could not be made; False where it does not stand failed. Raises NotFound."""
    row = session.get(Clip, clip_id)
    if row is None:
        raise NotFound("the clip")
    session.get(Recording, row.recording_id, with_for_update=True)  # locked first, as by whoever records results
    session.refresh(row, with_for_update=True)
    if row.state is not RenditionState.FAILED:
        return False
    row.state, row.reason = RenditionState.WANTED, None
    _request(session, row, by)
    return True


def _request(session: WriteSession, row: Clip, by: Actor) -> None:
    _record(session, row, EventType.CLIP_REQUESTED, by, {"recipe": row.recipe_sha256})
    row.job_id = enqueue(session, clip_request(row.id))
    tell_recordings(session, row.recording_id)


def clip_request(clip: UUID) -> JobRequest:
    """Which job makes a clip."""
    return JobRequest(task=CLIP, args={"clip": str(clip)}, queue=QUEUE, priority=PRIORITY)


def write_made(session: WriteSession, row: Clip, made: StoredClip) -> None:
    """A clip is there, and names what it was made of, by what and how."""
    row.state, row.reason, row.made_at = RenditionState.READY, None, clock.now()
    row.bucket, row.key, row.content_type = made.bucket, made.stored.key, made.content_type
    row.size, row.sha256 = made.stored.size, made.stored.sha256
    row.facts, row.argv, row.tool = dict(made.facts), list(made.argv), dict(made.tool)
    if made.packets is not None:
        row.packets_sha256, row.packets_size = made.packets.sha256, made.packets.size
    lying = {"clip": made.stored, "packets.clip": made.packets, "packets.master": made.packets_master}
    objects = [
        Object(role=role, sha256=each.sha256, size=each.size) for role, each in lying.items() if each is not None
    ]
    facts = {
        "recipe": row.recipe_sha256,
        "tool": f"{made.tool['name']} {made.tool['version']}",
        "master_sha256": row.master_sha256,
        "copied": made.copied,
        "encoded": made.encoded,
    }
    _record(session, row, EventType.CLIP_MADE, WORKROOM, facts, objects=objects)
    tell_recordings(session, row.recording_id)


def write_failed(session: WriteSession, row: Clip, because: str) -> None:
    """A clip could not be made: it stands with its reason until a person asks again."""
    because = placeless(because)
    row.state, row.reason, row.attempts = RenditionState.FAILED, because, row.attempts + 1
    _record(session, row, EventType.CLIP_FAILED, WORKROOM, {}, because=because)
    tell_recordings(session, row.recording_id)


def write_downloaded(session: WriteSession, row: Clip, *, by: Actor, view: str) -> None:
    """Somebody takes a clip out."""
    taken = Object(role="clip", sha256=row.sha256 or "", size=row.size or 0)
    _record(session, row, EventType.CLIP_DOWNLOADED, by, {"view": view}, objects=[taken])


def _record(  # noqa: PLR0913 - one event, said in full
    session: WriteSession,
    row: Clip,
    what: EventType,
    by: Actor,
    facts: Mapping[str, Any],
    *,
    objects: list[Object] | None = None,
    because: str = "",
) -> None:
    said = {"clip": str(row.id), "kind": row.kind.value, **facts}
    # What a decoder says of a file may hold words out of it, and those may name somebody: they are sealed.
    personal = {"because": because} if because else {}
    event = Event(type=what, subject=row.recording_id, actor=by, facts=said, personal=personal, objects=objects or [])
    ledger.record(session, event)
