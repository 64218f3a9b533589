"""The story of this room: stored bytes are read back, re-hashed, registered and receipted.

Run as a job for each arrival that the store holds. Any step may be repeated after a crash; none may be
skipped or moved. No transaction is open while bytes are read.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import WriteSession
from evidence.incidents import Trouble, open_incident
from evidence.jobs import JobStopped, RunningJob, enqueue, held
from evidence.models import Agent, Arrival, DockingSession, ListedFile, Master, Recording
from evidence.notices import tell_wall
from evidence.register import (
    Verified,
    flag_same_name,
    identity_of,
    lock_identity,
    master_with,
    offered_again,
    register_master,
    register_recording,
)
from evidence.store import Lock
from evidence.vocabulary import ArrivalState, IncidentKind, ListedState, MasterRole
from ingest import beside
from ingest.agent.digests import Digester
from ingest.arrivals import finish
from ingest.enrolment import actor_of
from ingest.errors import BytesDiffer
from ingest.nudges import probe_request
from ingest.receipt import ReceiptKey
from ingest.settings import IngestSettings

INTAKE = Actor.system("intake")


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking in needs: the house, this room's settings, the key that signs receipts, metadata layouts."""

    house: House
    settings: IngestSettings
    key: ReceiptKey
    layouts: beside.Layouts

    def run(self, job: RunningJob) -> None:
        """The job `ingest.verify`: carry one stored arrival to its receipt."""
        arrival = self._waiting(UUID(str(job.args["arrival"])))
        if arrival is None:
            return
        try:
            read = read_back(self.house, arrival, job)
        except BytesDiffer as differs:
            self._give_back(job, arrival, differs)
            return
        verified = self._lock(arrival, read)
        with self.house.writing() as session:
            self._register(session, arrival.id, verified, read.kept)
            held(session, job.held)

    def _waiting(self, arrival_id: UUID) -> Arrival | None:
        with self.house.reading() as session:
            arrival = session.get(Arrival, arrival_id)
        if arrival is None or arrival.state not in (ArrivalState.STORED, ArrivalState.VERIFYING):
            return None
        return arrival

    def _lock(self, arrival: Arrival, read: ReadBack) -> Verified:
        """Set the lock date from the moment of verification. It is only ever moved later."""
        # Write order 1: durable before any row says so. A store elsewhere answers for that itself.
        self.house.masters.make_durable()
        now = clock.now()
        lock = Lock(self.house.settings.lock_mode, now + timedelta(days=self.house.settings.lock_days))
        locked = self.house.masters.extend_lock(arrival.key, version_id=read.version_id, lock=lock).lock or lock
        return Verified(
            sha256=read.sha256,
            sha512=read.sha512,
            tree=read.tree,
            size=arrival.size,
            version_id=read.version_id,
            lock_mode=locked.mode,
            lock_until=locked.until,
            verified_at=now,
        )

    def _register(self, session: WriteSession, arrival_id: UUID, verified: Verified, kept: bytes | None) -> None:
        arrival = session.scalars(select(Arrival).where(Arrival.id == arrival_id).with_for_update()).one()
        if arrival.state not in (ArrivalState.STORED, ArrivalState.VERIFYING):
            return
        agent = session.get_one(Agent, arrival.agent_id)
        beside.lock_device(session, arrival.session_id)
        identity = identity_of(
            verified.sha256, verified.size, device_label=arrival.device_label, name_raw=arrival.name_raw
        )
        lock_identity(session, identity)
        master = master_with(session, identity)
        if master is not None:
            offered_again(session, master, arrival, by=actor_of(agent))
        else:
            master = self._new_master(session, arrival, verified, kept)
        finish(session, agent, arrival, master, key=self.key)

    def _new_master(self, session: WriteSession, arrival: Arrival, verified: Verified, kept: bytes | None) -> Master:
        kind = beside.sidecar_kind(arrival.name_raw)
        role = MasterRole.MEDIA if kind is None else MasterRole.SIDECAR
        master = register_master(session, arrival, verified, role=role, by=INTAKE)
        if kind is not None:
            beside.take_sidecar(session, master, arrival, kind=kind, body=kept, layouts=self.layouts)
        else:
            self._new_recording(session, master, arrival)
        return master

    def _new_recording(self, session: WriteSession, master: Master, arrival: Arrival) -> None:
        docking = session.get_one(DockingSession, arrival.session_id)
        described = beside.describe_alone(arrival, docking, layouts=self.layouts)
        recording = register_recording(session, master, arrival, described, clock_offset_ms=docking.clock_offset_ms)
        beside.find_sidecars(session, recording, arrival, layouts=self.layouts)
        _flag_others(session, arrival, recording)
        recording.probe_job_id = enqueue(session, probe_request(recording.id, priority=arrival.priority))

    def _give_back(self, job: RunningJob, arrival: Arrival, differs: BytesDiffer) -> None:
        """What the store holds is not what was offered: kept, named, and asked for again."""
        with self.house.writing() as session:
            row = session.scalars(select(Arrival).where(Arrival.id == arrival.id).with_for_update()).one()
            agent = session.get_one(Agent, row.agent_id)
            row.state, row.reason, row.finished_at = ArrivalState.FAILED, differs.reason, clock.now()
            personal = {"name": row.name_shown, "because": differs.reason}
            for kind in (EventType.FIXITY_FAILED, EventType.ARRIVAL_FAILED):
                ledger.record(session, Event(type=kind, subject=row.id, actor=INTAKE, personal=personal))
            trouble = Trouble(
                kind=IncidentKind.FIXITY_FAILED,
                subject=str(row.id),
                reason=f"{row.name_shown} from {row.device_label} was stored wrong: {differs.reason}",
                advice="Leave the device docked: the file is sent again. If it repeats, check network and store.",
                agent_id=agent.id,
                session_id=row.session_id,
            )
            open_incident(session, trouble, by=INTAKE)
            for line in session.scalars(select(ListedFile).where(ListedFile.arrival_id == row.id)):
                line.state, line.reason, line.changed_at = ListedState.WAITING, differs.reason, clock.now()
            tell_wall(session, row.session_id)
            held(session, job.held)


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What the store gave back. `kept` holds a metadata file's bytes, where they are few enough to read."""

    version_id: str
    sha256: str
    sha512: str
    tree: str
    kept: bytes | None


def read_back(house: House, arrival: Arrival, job: RunningJob) -> ReadBack:
    """Read every stored byte and hash it again. Raises BytesDiffer; nothing to compare with is a difference too."""
    if arrival.version_id is None or arrival.sha256 is None:
        raise BytesDiffer("there is nothing to verify: no stored version or no digest was recorded")
    keeping = beside.sidecar_kind(arrival.name_raw) is not None and arrival.size <= beside.LARGEST_READ
    kept, done = bytearray(), 0
    # SHA-512 costs as much as the rest together: it is computed beside it, on the other core.
    with ThreadPoolExecutor(1) as aside:
        digester = Digester(aside)
        for chunk in house.masters.read(arrival.key, version_id=arrival.version_id):
            if job.stopping.is_set():
                raise JobStopped(arrival.name_shown)
            digester.update(chunk)
            done += len(chunk)
            if keeping:
                kept += chunk
            job.report("reading back", done / arrival.size if arrival.size else None)
        found = digester.digests()
    _compare(arrival, done, found.sha256, found.sha512, found.tree)
    return ReadBack(arrival.version_id, found.sha256, found.sha512, found.tree, bytes(kept) if keeping else None)


def _compare(arrival: Arrival, size: int, sha256: str, sha512: str, tree: str) -> None:
    if size != arrival.size:
        raise BytesDiffer(f"{arrival.size} bytes were offered and {size} are stored")
    for name, offered, found in (
        ("SHA-256", arrival.sha256, sha256),
        ("SHA-512", arrival.sha512, sha512),
        ("chunk tree", arrival.tree, tree),
    ):
        if offered != found:
            raise BytesDiffer(f"the {name} of the stored bytes is not the one that the dock read")


def _flag_others(session: WriteSession, arrival: Arrival, recording: Recording) -> None:
    if not flag_same_name(session, recording):
        return
    trouble = Trouble(
        kind=IncidentKind.SAME_NAME_OTHER_BYTES,
        subject=str(recording.id),
        reason=f"{arrival.device_label} has offered two different files named {arrival.name_shown}.",
        advice="Both are kept. Compare them; a camera that reuses names may have been reset.",
        agent_id=arrival.agent_id,
        session_id=arrival.session_id,
        recording_id=recording.id,
    )
    open_incident(session, trouble, by=INTAKE)
