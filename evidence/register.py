"""The story of this room: stored bytes become a master, and a recording or a sidecar, with their events.

Everything here happens in the caller's one transaction. Write order: the bytes are durable in the store, read
back and re-hashed before any of this is called; a Master row never names bytes that were not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType, Object
from evidence.database import ReadSession, WriteSession
from evidence.identifiers import new_id, recording_reference
from evidence.models import Arrival, Master, Person, Provenance, Recording, Sidecar, SidecarBeside
from evidence.notices import tell_recordings
from evidence.vocabulary import MasterRole, RecordingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Bytes that lie in the store and were read back: their digests, their version and their lock."""

    sha256: str
    sha512: str
    tree: str
    size: int
    version_id: str
    lock_mode: str
    lock_until: datetime
    verified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What name and sidecars say of a recording. Device words stay as stated; findings are shown, not settled."""

    kind: RecordingKind
    title: str
    camera_make: str | None = None
    camera_model: str | None = None
    camera_serial: str | None = None
    officer_as_stated: str | None = None
    captured_at: datetime | None = None
    captured_as_stated: str | None = None
    captured_source: str | None = None
    findings: Sequence[Mapping[str, Any]] = field(default=())


def identity_of(sha256: str, size: int, *, device_label: str, name_raw: bytes) -> bytes:
    """What makes two offers the same bytes. Pure.

    Digest and size; for an empty file the device and its name too, because nothing is no evidence that two
    cameras recorded the same.
    """
    said = f"{sha256}:{size}".encode()
    if size == 0:
        said += b":" + device_label.encode("utf-8", "surrogateescape") + b"\x00" + name_raw
    return hashlib.sha256(said).digest()


def lock_identity(session: WriteSession, identity: bytes) -> None:
    """Let one transaction at a time decide about the same bytes."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": int.from_bytes(identity[:8], signed=True)})


def master_with(session: ReadSession, identity: bytes) -> Master | None:
    """The master that holds these bytes already, if one does."""
    return session.scalars(select(Master).where(Master.identity == identity)).one_or_none()


def register_master(
    session: WriteSession, arrival: Arrival, verified: Verified, *, role: MasterRole, by: Actor
) -> Master:
    """Write down verified bytes as a master, and the occasion on which they came."""
    master = Master(
        id=arrival.id,
        role=role,
        identity=identity_of(
            verified.sha256, verified.size, device_label=arrival.device_label, name_raw=arrival.name_raw
        ),
        sha256=verified.sha256,
        sha512=verified.sha512,
        tree=verified.tree,
        size=verified.size,
        bucket=arrival.bucket,
        key=arrival.key,
        version_id=verified.version_id,
        lock_mode=verified.lock_mode,
        lock_until=verified.lock_until,
        stored_at=arrival.stored_at or verified.verified_at,
        verified_at=verified.verified_at,
    )
    session.add(master)
    session.flush()
    _add_provenance(session, master, arrival)
    facts = {"size": verified.size, "lock": verified.lock_mode}
    ledger.record(
        session,
        Event(type=EventType.MASTER_STORED, subject=master.id, actor=by, facts=facts, objects=[as_object(master)]),
    )
    return master


def register_recording(
    session: WriteSession, master: Master, arrival: Arrival, described: Described, *, clock_offset_ms: int | None
) -> Recording:
    """Give a media master its recording, by which people find it."""
    recording = Recording(
        id=master.id,
        name_raw=arrival.name_raw,
        name_shown=arrival.name_shown,
        device_label=arrival.device_label,
        clock_offset_ms=clock_offset_ms,
        kind=described.kind,
        title=described.title,
    )
    describe(session, recording, described)
    session.add(recording)
    session.flush()
    session.refresh(recording, ["number"])
    facts = {"reference": recording_reference(recording.number), "kind": recording.kind.value}
    personal = {"device": arrival.device_label, "name": arrival.name_shown}
    ledger.record(
        session,
        Event(
            type=EventType.RECORDING_REGISTERED,
            subject=master.id,
            actor=Actor.system("intake"),
            facts=facts,
            personal=personal,
        ),
    )
    tell_recordings(session, recording.id)
    return recording


def describe(session: ReadSession, recording: Recording, described: Described) -> None:
    """Set what name and sidecars say. Called again when another sidecar arrives; nothing is lost by it."""
    recording.kind = described.kind
    recording.title = described.title
    recording.camera_make = described.camera_make
    recording.camera_model = described.camera_model
    recording.camera_serial = described.camera_serial
    recording.officer_as_stated = described.officer_as_stated
    recording.captured_at = described.captured_at
    recording.captured_as_stated = described.captured_as_stated
    recording.captured_source = described.captured_source
    recording.findings = [dict(each) for each in described.findings]
    if recording.officer_id is None and described.officer_as_stated:
        recording.officer_id = _officer(session, described.officer_as_stated)
    words = [recording.title, recording.name_shown, recording.device_label, recording.camera_serial]
    words += [recording.officer_as_stated, recording.camera_make, recording.camera_model]
    recording.search_text = " ".join(word for word in words if word).lower()


def register_sidecar(
    session: WriteSession, master: Master, arrival: Arrival, *, kind: str, facts: Mapping[str, Any]
) -> Sidecar:
    """Keep a vendor's metadata file as evidence in its own right; what it belongs to is found separately."""
    sidecar = Sidecar(
        master_id=master.id,
        device_label=arrival.device_label,
        name_raw=arrival.name_raw,
        name_shown=arrival.name_shown,
        kind=kind,
        facts=dict(facts),
        findings=list(facts.get("findings", [])),
    )
    session.add(sidecar)
    session.flush()
    personal = {"name": arrival.name_shown}
    actor = Actor.system("intake")
    ledger.record(
        session,
        Event(
            type=EventType.SIDECAR_REGISTERED, subject=master.id, actor=actor, facts={"kind": kind}, personal=personal
        ),
    )
    return sidecar


def match_sidecar(session: WriteSession, sidecar: Sidecar, recording: Recording) -> None:
    """Put a sidecar beside a recording that it speaks of; nothing happens where it is there already."""
    beside = {"sidecar_id": sidecar.master_id, "recording_id": recording.id}
    adding = insert(SidecarBeside).values(beside).on_conflict_do_nothing().returning(SidecarBeside.sidecar_id)
    if session.scalars(adding).one_or_none() is None:
        return
    sidecar.recording_id = sidecar.recording_id or recording.id
    session.flush()
    facts = {"kind": sidecar.kind, "sidecar": str(sidecar.master_id)}
    actor = Actor.system("intake")
    ledger.record(
        session,
        Event(
            type=EventType.SIDECAR_MATCHED,
            subject=recording.id,
            actor=actor,
            facts=facts,
            personal={"name": sidecar.name_shown},
        ),
    )


def offered_again(session: WriteSession, master: Master, arrival: Arrival, *, by: Actor) -> None:
    """Write down that bytes we hold were offered once more: one recording, one more provenance."""
    _add_provenance(session, master, arrival)
    facts = {"arrival": str(arrival.id)}
    personal = {"name": arrival.name_shown, "device": arrival.device_label}
    ledger.record(
        session, Event(type=EventType.MASTER_OFFERED_AGAIN, subject=master.id, actor=by, facts=facts, personal=personal)
    )


def flag_same_name(session: WriteSession, recording: Recording) -> list[Recording]:
    """Flag recordings of one device that share a name but not their bytes; the others of that name."""
    others = session.scalars(
        select(Recording).where(
            Recording.device_label == recording.device_label,
            Recording.name_raw == recording.name_raw,
            Recording.id != recording.id,
        )
    ).all()
    if others:
        for each in [*others, recording]:
            _flag(
                session, each, "same-name-other-bytes", "Another recording of this device has this name and other bytes"
            )
    return list(others)


def as_object(master: Master) -> Object:
    """A master as an event speaks of it."""
    return Object(
        role="master",
        sha256=master.sha256,
        sha512=master.sha512,
        tree=master.tree,
        size=master.size,
        version_id=master.version_id,
    )


def _flag(session: WriteSession, recording: Recording, code: str, words: str) -> None:
    if any(each["code"] == code for each in recording.findings):
        return
    findings = [*recording.findings, {"code": code, "sentence": words}]
    session.execute(update(Recording).where(Recording.id == recording.id).values(findings=findings))
    session.refresh(recording)


def _add_provenance(session: WriteSession, master: Master, arrival: Arrival) -> None:
    session.add(
        Provenance(
            id=new_id(),
            master_id=master.id,
            arrival_id=arrival.id,
            agent_id=arrival.agent_id,
            session_id=arrival.session_id,
            device_label=arrival.device_label,
            name_raw=arrival.name_raw,
            name_shown=arrival.name_shown,
            mtime_ns=arrival.mtime_ns,
        )
    )
    session.flush()


def _officer(session: ReadSession, stated: str) -> UUID | None:
    return session.scalars(select(Person.id).where(Person.collar_number == stated.strip())).one_or_none()
