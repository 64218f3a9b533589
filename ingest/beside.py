"""What lies beside a recording: its sidecars, found by the device's own listing, and what they say together.

A name that many cameras use is no link: two files belong together only where one device listed both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import and_, func, select, text

from evidence.database import ReadSession, WriteSession
from evidence.errors import SettingsRefused
from evidence.models import Arrival, DockingSession, ListedFile, Master, Provenance, Recording, Sidecar
from evidence.register import Described, describe, match_sidecar, register_sidecar
from evidence.vocabulary import AgentKind, RecordingKind
from ingest.facts import settle_facts
from ingest.names import facts_from_name
from ingest.settings import IngestSettings
from ingest.sidecars import (
    BODY_LIMIT,
    EXAMPLES,
    Listing,
    MappingRefused,
    SidecarFacts,
    SidecarKind,
    SidecarMapping,
    as_row,
    from_row,
    kind_of,
    mappings_from_toml,
    read,
)

LARGEST_READ = BODY_LIMIT + 1
MOST_BESIDE = 5000


@dataclass(frozen=True, slots=True)
class Layouts:
    """How this force's sidecars are laid out, and the zone in which its cameras state local time."""

    mappings: Sequence[SidecarMapping]
    zone: ZoneInfo

    @classmethod
    def read(cls, settings: IngestSettings) -> Layouts:
        """Read the force's own mapping file. Raises SettingsRefused with what is wrong in it."""
        try:
            zone = ZoneInfo(settings.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingsRefused(
                f"CONTINUITY_INGEST_TIME_ZONE: no time zone {settings.time_zone!r} is known"
            ) from error
        if settings.sidecar_mapping is None:
            return cls(EXAMPLES, zone)
        try:
            return cls(mappings_from_toml(settings.sidecar_mapping.read_text(encoding="utf-8")), zone)
        except (OSError, UnicodeDecodeError, MappingRefused) as error:
            raise SettingsRefused(f"CONTINUITY_INGEST_SIDECAR_MAPPING: {error}") from error


def sidecar_kind(name_raw: bytes) -> SidecarKind | None:
    """Whether a file is a sidecar by its name, and whose."""
    return kind_of(name_raw)


def lock_device(session: WriteSession, docking_session: UUID) -> None:
    """Register one device's files one at a time: a sidecar and its recording must not miss each other."""
    key = int.from_bytes(docking_session.bytes[8:], signed=True)
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def describe_alone(arrival: Arrival, docking: DockingSession, *, layouts: Layouts) -> Described:
    """What the name alone says of a recording."""
    return _described(arrival.name_raw, docking, [], layouts)


def take_sidecar(
    session: WriteSession, master: Master, arrival: Arrival, *, kind: SidecarKind, body: bytes | None, layouts: Layouts
) -> None:
    """Keep a sidecar, read it where it is small enough, and put it beside the recordings that it speaks of."""
    content = body if body is not None else bytes(LARGEST_READ)
    facts = read(kind, arrival.name_raw, content, layouts.mappings, force_zone=layouts.zone)
    sidecar = register_sidecar(session, master, arrival, kind=kind.value, facts=as_row(facts))
    names = Listing(_listed_beside(session, arrival)).recordings_of(arrival.name_raw)
    for recording in _recordings_named(session, arrival, names):
        match_sidecar(session, sidecar, recording)
        _describe_again(session, recording, arrival, layouts)


def find_sidecars(session: WriteSession, recording: Recording, arrival: Arrival, *, layouts: Layouts) -> None:
    """Put the sidecars that came first beside a recording that came after them."""
    here = _sidecars_of_device(session, arrival)
    if not here:
        return
    listing = Listing([arrival.name_raw, *_listed_beside(session, arrival)])
    waiting = [each for each in here if arrival.name_raw in listing.recordings_of(each.name_raw)]
    for sidecar in waiting:
        match_sidecar(session, sidecar, recording)
    if waiting:
        _describe_again(session, recording, arrival, layouts)


def _describe_again(session: WriteSession, recording: Recording, arrival: Arrival, layouts: Layouts) -> None:
    """Read name and sidecars together. Flags that do not come from them stay as they are."""
    docking = session.get_one(DockingSession, arrival.session_id)
    listing = Listing([recording.name_raw, *_listed_beside(session, arrival)])
    beside = [
        from_row(each.facts)
        for each in _sidecars_of_device(session, arrival)
        if recording.name_raw in listing.recordings_of(each.name_raw)
    ]
    described = _described(recording.name_raw, docking, beside, layouts)
    flags = [each for each in recording.findings if each["code"] == "same-name-other-bytes"]
    describe(session, recording, described)
    recording.findings = [*recording.findings, *flags]


def _described(
    name_raw: bytes, docking: DockingSession, sidecars: Sequence[SidecarFacts], layouts: Layouts
) -> Described:
    found = settle_facts(facts_from_name(name_raw, force_zone=layouts.zone), sidecars, force_zone=layouts.zone)
    kind = found.kind
    if kind is RecordingKind.OTHER and docking.kind is AgentKind.SUITE:
        kind = RecordingKind.INTERVIEW
    return Described(
        kind=kind,
        title=found.title,
        camera_make=found.make or docking.device_make,
        camera_model=found.model or docking.device_model,
        camera_serial=found.camera_serial or docking.device_serial,
        officer_as_stated=found.officer_as_stated,
        captured_at=found.captured_at,
        captured_as_stated=found.captured_as_stated,
        captured_source=None if found.captured_source is None else found.captured_source.value,
        findings=[{"code": each.code.value, "sentence": each.sentence} for each in found.findings],
    )


def _folder(name_raw: bytes) -> bytes:
    folder, slash, _ = name_raw.rpartition(b"/")
    return folder + slash


def _listed_beside(session: ReadSession, arrival: Arrival) -> list[bytes]:
    """The names in the same folder of the device, by its own listing."""
    folder = _folder(arrival.name_raw)
    listed = select(ListedFile.name_raw).where(
        ListedFile.session_id == arrival.session_id,
        func.substring(ListedFile.name_raw, 1, len(folder)) == folder,
    )
    return list(session.scalars(listed.limit(MOST_BESIDE)))


def _recordings_named(session: ReadSession, arrival: Arrival, names: Sequence[bytes]) -> list[Recording]:
    """The recordings of this very device that came under these names, as the session's listing has them."""
    if not names:
        return []
    wanted = (
        select(Recording)
        .join(Provenance, Provenance.master_id == Recording.id)
        .join(
            ListedFile,
            and_(
                ListedFile.session_id == arrival.session_id,
                ListedFile.name_raw == Provenance.name_raw,
                ListedFile.mtime_ns == Provenance.mtime_ns,
            ),
        )
        .where(
            Provenance.agent_id == arrival.agent_id,
            Provenance.device_label == arrival.device_label,
            Provenance.name_raw.in_(names),
        )
        .order_by(Recording.name_raw)
    )
    return list(session.scalars(wanted).unique())


def _sidecars_of_device(session: ReadSession, arrival: Arrival) -> list[Sidecar]:
    folder = _folder(arrival.name_raw)
    wanted = (
        select(Sidecar)
        .join(Provenance, Provenance.master_id == Sidecar.master_id)
        .join(
            ListedFile,
            and_(
                ListedFile.session_id == arrival.session_id,
                ListedFile.name_raw == Provenance.name_raw,
                ListedFile.mtime_ns == Provenance.mtime_ns,
            ),
        )
        .where(
            Provenance.agent_id == arrival.agent_id,
            Provenance.device_label == arrival.device_label,
            func.substring(Provenance.name_raw, 1, len(folder)) == folder,
        )
        .order_by(Sidecar.name_raw)
        .limit(MOST_BESIDE)
    )
    return list(session.scalars(wanted).unique())
