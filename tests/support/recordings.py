"""Recordings laid straight into a house: real bytes in the real store, registered as intake registers them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import urllib3
from sqlalchemy import select
from sqlalchemy.orm import Session

from evidence import clock
from evidence.custody.events import Actor
from evidence.identifiers import new_id, recording_reference
from evidence.models import (
    Agent,
    Arrival,
    DockingSession,
    ListedFile,
    PartialCopy,
    Quarantine,
    Recording,
    Rendition,
    Segment,
)
from evidence.register import Described, Verified, register_master, register_recording
from evidence.store import Lock
from evidence.vocabulary import (
    AgentKind,
    ArrivalState,
    Condition,
    ListedState,
    MasterRole,
    Playability,
    RecordingKind,
    RenditionKind,
    RenditionMethod,
    RenditionState,
    SegmentState,
)
from ingest.receipt import issue_receipt
from tests.support.dock import digests_of
from tests.support.house import World

INTAKE = Actor.system("intake")
VIDEO = {"kind": "video", "codec": "h264", "width": 320, "height": 240, "rate": [25, 1]}
SOUND = {"kind": "audio", "codec": "aac", "channels": 1, "sample_rate": 48000}


@dataclass
class Shelf:
    """Puts recordings into a world. Every one comes from the same dock."""

    world: World
    agent: UUID = field(default_factory=new_id)
    count: int = 0

    def __post_init__(self) -> None:
        with self.world.house.writing() as session:
            session.add(
                Agent(id=self.agent, name="Dock 1", kind=AgentKind.DOCK, public_key=b"\x07" * 32, seen_at=clock.now())
            )

    def docking(
        self,
        bay: str,
        files: Sequence[tuple[ListedState, int, int]] = (),
        *,
        complete: bool = True,
        closed: bool = False,
    ) -> UUID:
        """A device in a bay, listing files as (state, size, bytes sent)."""
        docking = DockingSession(
            id=new_id(), agent_id=self.agent, kind=AgentKind.DOCK, bay=bay, device_label=f"cam-{bay}"
        )
        docking.listing_complete, docking.closed_at = complete, clock.now() if closed else None
        with self.world.house.writing() as session:
            session.add(docking)
            session.flush()
            for number, (state, size, sent) in enumerate(files):
                name = f"CLIP{number:04}.MP4"
                session.add(
                    ListedFile(
                        id=new_id(), session_id=docking.id, name_raw=name.encode(), name_shown=name, size=size,
                        mtime_ns=0, state=state, bytes_sent=sent,
                    )
                )  # fmt: skip
        return docking.id

    def recording(
        self,
        body: bytes,
        *,
        title: str = "Doorstep",
        name: str | None = None,
        officer: str | None = None,
        kind: RecordingKind = RecordingKind.BODY_WORN,
        quarantine: str | None = None,
        playability: Playability = Playability.PLAYABLE,
    ) -> str:
        """One recording, with its receipt; its reference. It has no copies yet."""
        self.count += 1
        name = name or f"CLIP{self.count:04}.MP4"
        docking = self.docking(f"bay {self.count}", closed=True)
        arrival = self._stored(docking, name, body)
        with self.world.house.writing() as session:
            session.add(arrival)
            session.flush()
            master = register_master(session, arrival, self._verified(arrival, body), role=MasterRole.MEDIA, by=INTAKE)
            described = Described(kind=kind, title=title, officer_as_stated=officer)
            recording = register_recording(session, master, arrival, described, clock_offset_ms=None)
            issue_receipt(session, arrival, master, key=self.world.key, by=INTAKE)
            arrival.state, arrival.finished_at, arrival.master_id = ArrivalState.RECEIPTED, clock.now(), master.id
            recording.condition, recording.playability = Condition.SOUND, playability
            if quarantine:
                session.add(Quarantine(id=new_id(), recording_id=master.id, code="damaged", reason=quarantine))
                recording.condition = Condition.DAMAGED
            return recording_reference(recording.number)

    def playing(
        self,
        body: bytes,
        *,
        content_type: str = "video/mp4",
        streams: Sequence[Mapping[str, Any]] = (VIDEO,),
        **more: Any,
    ) -> str:
        """One that plays as it is."""
        reference = self.recording(body, **more)
        self.add_copy(reference, RenditionKind.PLAYBACK, None, content_type)
        with self.world.house.writing() as session:
            row = self._row(session, reference)
            row.media_facts, row.duration_ms = (
                {"container": "mov,mp4", "size": len(body), "streams": [dict(each) for each in streams]},
                2000,
            )
        return reference

    def add_copy(
        self,
        reference: str,
        kind: RenditionKind,
        body: bytes | None,
        content_type: str,
        *,
        file: str = "file",
        beside: Mapping[str, bytes] | None = None,
    ) -> None:
        """A copy that is ready; without a body, the master itself. `beside`: files in the same folder."""
        with self.world.house.writing() as session:
            recording = self._row(session, reference)
            folder = f"renditions/{recording.id}/{kind.value}/1-1"
            row = Rendition(
                id=new_id(), recording_id=recording.id, master_sha256="0" * 64, kind=kind, recipe=str(new_id()),
                method=RenditionMethod.DIRECT if body is None else RenditionMethod.PICTURES, why="for a test",
                state=RenditionState.READY, content_type=content_type, made_at=clock.now(),
            )  # fmt: skip
            if body is not None:
                stored = self.world.house.renditions.put_bytes(f"{folder}/{file}", body, content_type=content_type)
                row.key, row.size, row.sha256, row.bucket = stored.key, stored.size, stored.sha256, "renditions"
            for name, content in (beside or {}).items():
                self.world.house.renditions.put_bytes(f"{folder}/{name}", content, content_type="image/jpeg")
            session.add(row)

    def begin(self, reference: str, body: bytes, *, ready: int, of_parts: int, covered_ms: int) -> str:
        """Of a copy that is being made in parts, so many are there and can be watched; the beginning's id."""
        with self.world.house.writing() as session:
            recording = self._row(session, reference)
            recording.playability, recording.duration_ms = Playability.PREPARING, 2 * covered_ms
            recording.media_facts = {"container": "avi", "streams": [dict(VIDEO), dict(SOUND)]}
            row = Rendition(
                id=new_id(), recording_id=recording.id, master_sha256="0" * 64, kind=RenditionKind.PLAYBACK,
                recipe="playback-2", method=RenditionMethod.TRANSCODE, why="for a test", state=RenditionState.MAKING,
            )  # fmt: skip
            session.add(row)
            session.flush()
            for number in range(1, of_parts + 1):
                state = SegmentState.READY if number <= ready else SegmentState.WAITING
                session.add(
                    Segment(
                        id=new_id(), rendition_id=row.id, number=number, first_us=0, end_us=0, frames=1, state=state
                    )
                )
            key = f"renditions/{recording.id}/parts/1-0/{new_id()}.mp4"
            stored = self.world.house.renditions.put_bytes(key, body, content_type="video/mp4")
            made = PartialCopy(
                id=new_id(), rendition_id=row.id, parts=ready, of_parts=of_parts, covered_us=covered_ms * 1000,
                has_sound=False, key=key, size=stored.size, sha256=stored.sha256, content_type="video/mp4",
            )  # fmt: skip
            session.add(made)
            return str(made.id)

    def become_whole(self, reference: str, body: bytes) -> None:
        """The copy that was being made in parts is there, and is the master itself."""
        with self.world.house.writing() as session:
            recording = self._row(session, reference)
            rows = select(Rendition).where(Rendition.recording_id == recording.id)
            row = session.scalars(rows.where(Rendition.state == RenditionState.MAKING)).one()
            stored = self.world.house.renditions.put_bytes(
                f"renditions/{recording.id}/playback/2-0/playback.mp4", body, content_type="video/mp4"
            )
            row.key, row.size, row.sha256, row.bucket = stored.key, stored.size, stored.sha256, "renditions"
            row.state, row.content_type, row.made_at = RenditionState.READY, "video/mp4", clock.now()
            recording.playability = Playability.PLAYABLE

    def add_frames(self, reference: str, *, frames: int, step: int, timescale: int) -> None:
        """The table of an even recording's frames."""
        table = {"version": 1, "timescale": timescale, "frames": frames, "first": 0, "steps": [[step, frames - 1]]}
        self.add_copy(
            reference, RenditionKind.FRAMES, json.dumps(table).encode(), "application/json", file="frames.json"
        )

    def _row(self, session: Session, reference: str) -> Recording:
        found: Recording = session.scalars(select(Recording).where(Recording.number == int(reference[1:]))).one()
        return found

    def _stored(self, docking: UUID, name: str, body: bytes) -> Arrival:
        """The bytes, put into the store as an agent puts them."""
        arrival_id = new_id()
        key = f"masters/{arrival_id}"
        lock = Lock("GOVERNANCE", clock.now() + timedelta(days=1))
        put = self.world.house.masters.sign_put(
            key, size=len(body), sha256=digests_of(body)["sha256"], lock=lock, expires=timedelta(minutes=5)
        )
        answer = urllib3.request("PUT", put.url, body=body, headers=dict(put.headers), timeout=60, retries=False)
        assert answer.status == 200, answer.data
        return Arrival(
            id=arrival_id, agent_id=self.agent, session_id=docking, device_label="cam-1", name_raw=name.encode(),
            name_shown=name, size=len(body), mtime_ns=self.count, state=ArrivalState.VERIFYING, part_size=16 << 20,
            bucket="masters", key=key, stored_at=clock.now(),
        )  # fmt: skip

    def _verified(self, arrival: Arrival, body: bytes) -> Verified:
        lock = Lock("GOVERNANCE", clock.now() + timedelta(days=1))
        held = self.world.house.masters.confirm(arrival.key, size=len(body), lock=lock)
        now = clock.now()
        return Verified(
            **digests_of(body), size=len(body), version_id=held.version_id, lock_mode=lock.mode, lock_until=lock.until,
            verified_at=now,
        )  # fmt: skip
