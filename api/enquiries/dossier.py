"""All that is known of one recording: its bytes, where they came from, its copies, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select

from api.enquiries.recordings import RecordingLine, one
from api.wording import each_once
from evidence import jobs
from evidence.access import Asker
from evidence.database import ReadSession
from evidence.jobs import JobState, JobStatus
from evidence.models import (
    Agent,
    Arrival,
    DockingSession,
    Master,
    PartialCopy,
    Person,
    Provenance,
    Quarantine,
    Receipt,
    Recording,
    Rendition,
    Segment,
    Sidecar,
    SidecarBeside,
    Urgency,
)
from evidence.vocabulary import RenditionKind, RenditionState, SegmentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One occasion on which these bytes were brought."""

    at: datetime
    dock: str
    bay: str
    device: str
    name: str
    released_at: datetime | None
    released_how: str | None
    receipt: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """One quarantine, open or decided."""

    id: UUID
    code: str
    reason: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    decision: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Parts:
    """How many parts of a copy are there, of how many that are made."""

    ready: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One recording with everything beside it. `work` is what its jobs are doing, by job number.

    `urgency`: a person's word that is in force. `beginning`: what can be watched while `parts` are made.
    """

    line: RecordingLine
    recording: Recording
    master: Master
    renditions: tuple[Rendition, ...]
    offered: tuple[Offered, ...]
    sidecars: tuple[Sidecar, ...]
    quarantines: tuple[SetAside, ...]
    work: Mapping[int, JobStatus]
    urgency: Urgency | None = None
    beginning: PartialCopy | None = None
    parts: Parts | None = None

    @property
    def open_quarantine(self) -> SetAside | None:
        """The quarantine that a person has yet to decide."""
        return next((each for each in self.quarantines if each.closed_at is None), None)

    def ready(self, kind: RenditionKind) -> Rendition | None:
        """The copy of this kind, once it is there."""
        found = (each for each in self.renditions if each.kind is kind and each.state is RenditionState.READY)
        return next(found, None)

    def doing(self, copy: Rendition) -> str:
        """How far a worker is that makes this copy just now; empty where none does."""
        job = self.work.get(copy.job_id or 0)
        being_made = copy.state is RenditionState.WANTED and job is not None and job.state is JobState.RUNNING
        return (_said_of(job) or "Started") if being_made and job is not None else ""

    @property
    def failed(self) -> tuple[JobStatus, ...]:
        """Jobs that stand failed until a person acts."""
        return tuple(each for each in self.work.values() if each.state is JobState.FAILED)

    @property
    def going_on(self) -> tuple[JobStatus, ...]:
        """Jobs that wait or run."""
        return tuple(each for each in self.work.values() if each.state in {JobState.WAITING, JobState.RUNNING})

    @property
    def going_on_in_words(self) -> list[str]:
        """What these jobs do or wait for, as sentences; what several wait for is said once."""
        return each_once(filter(None, map(_said_of, self.going_on)))


def dossier(session: ReadSession, asker: Asker, name: str) -> Dossier:
    """Look a recording up by reference or id. Raises NotFound where there is none that the asker may see."""
    line = one(session, asker, name)
    recording = session.get_one(Recording, line.id)
    renditions = session.scalars(
        select(Rendition).where(Rendition.recording_id == line.id).order_by(Rendition.kind, Rendition.asked_at.desc())
    ).all()
    numbers = {each.job_id for each in renditions} | {recording.probe_job_id}
    return Dossier(
        line=line,
        recording=recording,
        master=session.get_one(Master, line.id),
        renditions=tuple(renditions),
        offered=_offered(session, line.id),
        sidecars=tuple(session.scalars(_beside(line.id)).all()),
        quarantines=_quarantines(session, line.id),
        work=jobs.status(session, [number for number in numbers if number is not None]),
        urgency=session.scalars(
            select(Urgency).where(Urgency.recording_id == line.id, Urgency.cleared_at.is_(None))
        ).one_or_none(),
        beginning=newest_beginning(session, line.id),
        parts=_parts(session, line.id),
    )


def _said_of(job: JobStatus) -> str:
    if job.progress is not None:
        done = f", {int(job.progress.fraction * 100)} %" if job.progress.fraction is not None else ""
        return f"{job.progress.phase[:1].upper()}{job.progress.phase[1:]}{done}"
    if job.state is not JobState.WAITING:
        return ""
    because = f": {job.failure.detail.rstrip('.')}" if job.failure else ""
    return ("Waiting to be tried again" if job.not_before else "Waiting for a worker") + because


def newest_beginning(session: ReadSession, recording: UUID) -> PartialCopy | None:
    """The longest beginning of a copy that is still being made; nothing where the whole is there, or nothing yet."""
    mine = (Rendition.recording_id == recording, Rendition.kind == RenditionKind.PLAYBACK)
    whole = exists().where(*mine, Rendition.state == RenditionState.READY)
    found = (
        select(PartialCopy)
        .join(Rendition, Rendition.id == PartialCopy.rendition_id)
        .where(*mine, Rendition.state.in_([RenditionState.MAKING, RenditionState.WANTED]), ~whole)
        .order_by(PartialCopy.covered_us.desc(), PartialCopy.has_sound.desc(), PartialCopy.made_at.desc())
    )
    return session.scalars(found.limit(1)).one_or_none()


def _parts(session: ReadSession, recording: UUID) -> Parts | None:
    making = (Rendition.recording_id == recording, Rendition.state == RenditionState.MAKING)
    states = session.scalars(
        select(Segment.state).join(Rendition, Rendition.id == Segment.rendition_id).where(*making, Segment.number > 0)
    ).all()
    return Parts(sum(state is SegmentState.READY for state in states), len(states)) if states else None


def _offered(session: ReadSession, master: UUID) -> tuple[Offered, ...]:
    rows = session.execute(
        select(Provenance, Agent.name, DockingSession.bay, Arrival.released_at, Arrival.released_how, Receipt.id)
        .join(Agent, Agent.id == Provenance.agent_id)
        .join(DockingSession, DockingSession.id == Provenance.session_id)
        .join(Arrival, Arrival.id == Provenance.arrival_id)
        .outerjoin(Receipt, Receipt.arrival_id == Provenance.arrival_id)
        .where(Provenance.master_id == master)
        .order_by(Provenance.at)
    )
    return tuple(
        Offered(
            at=row.Provenance.at,
            dock=row.name,
            bay=row.bay,
            device=row.Provenance.device_label,
            name=row.Provenance.name_shown,
            released_at=row.released_at,
            released_how=row.released_how,
            receipt=row[5],
        )
        for row in rows
    )


def _quarantines(session: ReadSession, recording: UUID) -> tuple[SetAside, ...]:
    rows = session.execute(
        select(Quarantine, Person.display_name)
        .outerjoin(Person, Person.id == Quarantine.closed_by)
        .where(Quarantine.recording_id == recording)
        .order_by(Quarantine.opened_at.desc())
    )
    return tuple(
        SetAside(
            id=row.Quarantine.id,
            code=row.Quarantine.code,
            reason=row.Quarantine.reason,
            opened_at=row.Quarantine.opened_at,
            closed_at=row.Quarantine.closed_at,
            closed_by=row.display_name,
            decision=row.Quarantine.decision.value if row.Quarantine.decision else None,
            note=row.Quarantine.note,
        )
        for row in rows
    )


def media_lines(facts: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What the examination found, as name and value for people: container, pictures, sound."""
    lines: list[tuple[str, str]] = []
    if container := facts.get("format") or facts.get("container"):
        lines.append(("Container", str(container)))
    streams = facts.get("streams", ())
    return lines + [(str(stream.get("kind", "stream")).capitalize(), _stream(stream)) for stream in streams]


def shows_pictures(facts: Mapping[str, Any]) -> bool:
    """Whether there are moving pictures in it; the cover of a sound file is none."""
    streams = facts.get("streams", ())
    return any(each.get("kind") == "video" and not each.get("attached_picture") for each in streams)


def has_sound(facts: Mapping[str, Any]) -> bool:
    """Whether there is any sound in it."""
    return any(each.get("kind") == "audio" for each in facts.get("streams", ()))


def _stream(stream: Mapping[str, Any]) -> str:
    said = [str(stream.get("codec") or "unknown coding")]
    if stream.get("width"):
        said.append(f"{stream['width']} × {stream['height']}")
    if (rate := stream.get("rate")) and len(rate) == 2 and rate[1]:
        said.append(f"{rate[0] / rate[1]:.2f}".rstrip("0").rstrip(".") + " frames a second")
    if stream.get("channels"):
        said.append(f"{stream['channels']} channels" if stream["channels"] != 1 else "1 channel")
    if stream.get("sample_rate"):
        said.append(f"{stream['sample_rate'] / 1000:g} kHz")
    if stream.get("rotation"):
        said.append(f"turned by {stream['rotation']}°")
    if stream.get("fault"):
        said.append(f"fault: {stream['fault']}")
    return ", ".join(said)


def _beside(recording: UUID) -> Select[Sidecar]:
    """The sidecars that speak of a recording, also those that speak of others too."""
    spoken = select(SidecarBeside.sidecar_id).where(SidecarBeside.recording_id == recording)
    return select(Sidecar).where(Sidecar.master_id.in_(spoken)).order_by(Sidecar.name_raw, Sidecar.master_id)
