"""Writes down what came of examining and rendering: rows, custody events and notices, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType, Object
from evidence.database import ReadSession, WriteSession
from evidence.identifiers import new_id
from evidence.models import Master, Quarantine, Recording, Rendition
from evidence.notices import tell_recordings
from evidence.store import StoredRendition
from evidence.vocabulary import Condition, HowEnded, Playability, RenditionKind, RenditionMethod, RenditionState
from transcode.condition import Verdict
from transcode.ending import placeless
from transcode.packets import Manifest

WORKROOM: Final = Actor.system("transcode")
LENGTH_SLACK_MS: Final = 1000
"""A copy's sound may go on for as long beyond its header's word: encoders fill up their last frame."""
REPLACES: Final = "replaces"
"""Where a row keeps the digest of what lay in its place while another copy played."""
ENDED: Final = "ended_from_outside"
"""Where what still waits, a copy or one part of it, keeps how its child was ended by somebody else."""
NO_COPY: Final = "It can be read, and no copy that plays could be made of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifests:
    """Packet manifests of a master and of a copy, and where they lie; nothing where one has too many packets."""

    of_master: Manifest
    master: StoredRendition | None
    copy: StoredRendition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One rendition that lies in the store (or, for DIRECT, is the master itself)."""

    kind: RenditionKind
    method: RenditionMethod
    content_type: str
    stored: StoredRendition | None = None
    bucket: str | None = None
    packets: StoredManifests | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    argv: Sequence[str] = ()
    tool: Mapping[str, str] = field(default_factory=dict)


def locked_recording(session: WriteSession, recording_id: UUID) -> Recording:
    """The recording's row, held until the transaction ends: two results for one recording wait for each other."""
    return session.scalars(select(Recording).where(Recording.id == recording_id).with_for_update()).one()


def rows_of(session: ReadSession, recording_id: UUID) -> list[Rendition]:
    """Every rendition of a recording, wanted ones too."""
    return list(session.scalars(select(Rendition).where(Rendition.recording_id == recording_id)))


def write_examined(session: WriteSession, recording: Recording, verdict: Verdict) -> None:
    """What condition the bytes are in, and why."""
    recording.condition, recording.condition_reason = verdict.condition, verdict.sentence
    facts = {"condition": verdict.condition.value}
    _record(session, EventType.RECORDING_EXAMINED, recording.id, facts, because=verdict.sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A rendition that is to be made: what, how, why, and by which recipe."""

    kind: RenditionKind
    method: RenditionMethod
    why: str
    recipe: str


def want(session: WriteSession, recording: Recording, master: Master, wish: Wish) -> Rendition:
    """Want a rendition of this kind and recipe: the row that is there, or a new one."""
    same = select(Rendition).where(
        Rendition.recording_id == recording.id, Rendition.kind == wish.kind, Rendition.recipe == wish.recipe
    )
    row = session.scalars(same.with_for_update()).one_or_none()
    if row is not None and row.state is RenditionState.READY:
        return row
    if row is None:
        row = Rendition(id=new_id(), recording_id=recording.id, kind=wish.kind, recipe=wish.recipe)
        session.add(row)
    row.master_sha256, row.method, row.why = master.sha256, wish.method, wish.why
    row.state, row.reason = RenditionState.WANTED, None
    write_planned(session, recording, row, wish.why)
    return row


def write_planned(session: WriteSession, recording: Recording, row: Rendition, because: str) -> None:
    """How a rendition is made has been decided, or decided again."""
    facts = {"kind": row.kind.value, "method": row.method.value, "recipe": row.recipe}
    _record(session, EventType.RENDITION_PLANNED, recording.id, facts, because=because)


def write_ready(session: WriteSession, recording: Recording, row: Rendition, result: Result) -> None:
    """A rendition is there, and names what it was made from, by what and how."""
    row.method, row.content_type, row.state, row.reason = result.method, result.content_type, RenditionState.READY, None
    row.facts, row.argv, row.tool = dict(result.facts), list(result.argv), dict(result.tool)
    row.made_at = clock.now()
    objects = []
    if result.stored is not None:
        row.bucket, row.key = result.bucket, result.stored.key
        row.size, row.sha256 = result.stored.size, result.stored.sha256
        objects = [Object(role="rendition", sha256=result.stored.sha256, size=result.stored.size)]
    if result.packets is not None:
        objects += _manifests(session.get_one(Master, recording.id), row, result.packets)
    facts = {
        "kind": row.kind.value,
        "method": result.method.value,
        "recipe": row.recipe,
        "tool": " ".join(str(result.tool[key]) for key in ("name", "version", "encoder") if key in result.tool),
        "master_sha256": row.master_sha256,
    }
    made = Event(type=EventType.RENDITION_MADE, subject=recording.id, actor=WORKROOM, facts=facts, objects=objects)
    ledger.record(session, made)
    if row.kind is RenditionKind.PLAYBACK:
        recording.playability, recording.playability_reason = Playability.PLAYABLE, row.why
        recording.playable_at = recording.playable_at or row.made_at
        _write_length(recording, result)


def is_anew(recording: Recording, rows: Sequence[Rendition], copy: Rendition) -> bool:
    """Another copy of the recording plays already, and this one is to play instead: what was numbered and timed by the
    other (frame table, pictures, drawing of the sound) is not this one's, and is made anew with it. So is what was made
    of the master while there was no copy that plays.
    """
    return recording.playable_at is None or any(
        row.kind is RenditionKind.PLAYBACK and row.id != copy.id and row.state is RenditionState.READY for row in rows
    )


def write_anew(session: WriteSession, recording: Recording, row: Rendition, result: Result) -> None:
    """Put what belongs to the copy that plays now in the place of what belonged to the one before, which it names."""
    facts = {**result.facts, REPLACES: row.sha256} if row.state is RenditionState.READY else result.facts
    write_ready(session, recording, row, replace(result, facts=facts))


def _write_length(recording: Recording, playback: Result) -> None:
    """A recording is at least as long as its copy plays: a header counts no further than its clock. Where that starts
    again on the way, it is as long as that: the header counts one lap, or what lies between the times of two.
    """
    plays = int(playback.facts.get("plays_ms") or 0)
    header = recording.duration_ms
    if header is not None and plays and (playback.facts.get("clock") or plays > header + LENGTH_SLACK_MS):
        recording.duration_ms = plays


def _manifests(master: Master, row: Rendition, packets: StoredManifests) -> list[Object]:
    """Name the manifests in both rows; how the event names them."""
    _name_manifest(master, packets.of_master, packets.master)
    if packets.copy is not None:
        row.packets_sha256, row.packets_size = packets.copy.sha256, packets.copy.size
    roles = {"packets.master": packets.master, "packets.copy": packets.copy}
    return [
        Object(role=role, sha256=stored.sha256, size=stored.size)
        for role, stored in roles.items()
        if stored is not None
    ]


def write_counted(session: WriteSession, master: Master, manifest: Manifest, stored: StoredRendition | None) -> None:
    """A master's packets were counted, by themselves: no copy of it was made by copying or encoding."""
    _name_manifest(master, manifest, stored)
    because = _how_far(manifest)
    objects = [Object(role="packets.master", sha256=stored.sha256, size=stored.size)] if stored is not None else []
    facts = {"streams": len(manifest.tracks), "packets": manifest.packets}
    _record(session, EventType.PACKETS_COUNTED, master.id, facts, objects, because=because)


def _name_manifest(master: Master, manifest: Manifest, stored: StoredRendition | None) -> None:
    if stored is not None:
        master.packets_sha256, master.packets_size = stored.sha256, stored.size
    master.packets_reason = None if stored is not None and not manifest.ended_early else _how_far(manifest)


def _how_far(manifest: Manifest) -> str:
    """How far a file was counted, in words."""
    if manifest.ended_early:
        return f"as far as it can be read: {manifest.ended_early}"
    return "to its end" if manifest.listed else "to its end; they are too many to be listed one by one"


def write_failed(
    session: WriteSession, recording: Recording, row: Rendition, because: str, *, how: HowEnded | None = None
) -> None:
    """A rendition could not be made. A sound master waits for a person; a damaged one is set aside as well.

    `how` is the word for the end of the child that was to make it, where one ended badly.
    """
    because = placeless(because)
    row.state, row.reason, row.attempts = RenditionState.FAILED, because, row.attempts + 1
    row.facts = {**without(row.facts, ENDED), "ending": how.value if how else "none"}
    _record(session, EventType.RENDITION_FAILED, recording.id, {"kind": row.kind.value}, because=because)
    if row.kind is not RenditionKind.PLAYBACK or recording.playability is Playability.PLAYABLE:
        return
    sound = recording.condition is Condition.SOUND
    write_unplayable(session, recording, f"{NO_COPY}: {because}." if sound else because)
    if sound:
        recording.playability = Playability.FAILED


def without(facts: Mapping[str, Any] | None, *names: str) -> dict[str, Any]:
    """A row's facts but for these: what they told of is settled, and does not count when it is asked for again."""
    return {name: told for name, told in (facts or {}).items() if name not in names}


def write_unplayable(session: WriteSession, recording: Recording, because: str) -> None:
    """Nothing can be played: kept as it came, and set aside for a person."""
    recording.playability, recording.playability_reason = Playability.UNPLAYABLE, because
    still_open = select(Quarantine.id).where(Quarantine.recording_id == recording.id, Quarantine.closed_at.is_(None))
    if session.scalars(still_open).one_or_none() is not None:
        return
    sound = recording.condition is Condition.SOUND
    reason = because if sound else recording.condition_reason or because
    session.add(
        Quarantine(
            id=new_id(),
            recording_id=recording.id,
            code="not-playable" if sound else recording.condition.value,
            reason=reason,
        )
    )
    _record(session, EventType.RECORDING_QUARANTINED, recording.id, {}, because=reason)


def tell(session: WriteSession, recording: Recording) -> None:
    """Let listening pages know."""
    session.flush()
    tell_recordings(session, recording.id)


def write_retried(session: WriteSession, recording: Recording, row: Rendition, *, by: Actor) -> None:
    """A person asks for a failed rendition again."""
    row.state, row.reason = RenditionState.WANTED, None
    facts = {"kind": row.kind.value}
    ledger.record(session, Event(type=EventType.RENDITION_RETRIED, subject=recording.id, actor=by, facts=facts))
    if row.kind is RenditionKind.PLAYBACK and recording.playability is not Playability.PLAYABLE:
        recording.playability, recording.playability_reason = Playability.PREPARING, row.why


def _record(
    session: WriteSession,
    kind: EventType,
    subject: UUID,
    facts: Mapping[str, Any],
    objects: Sequence[Object] = (),
    *,
    because: str,
) -> None:
    # What FFmpeg and the plan say of a file may hold words out of it, and those may name somebody: they are sealed.
    personal = {"because": because}
    event = Event(type=kind, subject=subject, actor=WORKROOM, facts=facts, personal=personal, objects=objects)
    ledger.record(session, event)
