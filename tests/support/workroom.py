"""Recordings in a house whose masters lie in its store, without a dock: registered as intake registers them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import urllib3
from sqlalchemy import select

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor
from evidence.database import WriteSession
from evidence.identifiers import new_id
from evidence.jobs import Lane, enqueue
from evidence.models import Agent, Arrival, DockingSession, Quarantine, Recording, Rendition
from evidence.register import Described, Verified, register_master, register_recording
from evidence.store import Lock, StoredObject
from evidence.store.keys import master_key
from evidence.vocabulary import AgentKind, ArrivalState, MasterRole, Playability, RecordingKind, RenditionKind
from evidence.vocabulary import RenditionState as State
from tests.support.house import World, until
from transcode import tasks
from transcode.nudges import probe_request
from transcode.settings import TranscodeSettings

LANES = [Lane(("transcode_urgent",), 1), Lane(("remux", "transcode_urgent", "transcode", "pictures", "clips"), 2)]
SETTLED = (Playability.PLAYABLE, Playability.UNPLAYABLE, Playability.FAILED)


class Workroom:
    """A house with a workroom in it."""

    def __init__(self, world: World, settings: TranscodeSettings) -> None:
        self.world, self.settings, self.house = world, settings, world.house
        self._store = urllib3.PoolManager()

    def keeps(self, path: Path, *, label: str = "cam-1") -> UUID:
        """Put a file into the store and register it; nobody has examined it yet."""
        body, number = path.read_bytes(), new_id()
        held = self._put(number, body)
        with self.house.writing() as session:
            arrival = self._arrival(session, number, path.name, len(body), label)
            master = register_master(
                session, arrival, self._verified(body, held), role=MasterRole.MEDIA, by=Actor.system("test")
            )
            described = Described(kind=RecordingKind.BODY_WORN, title=path.name)
            register_recording(session, master, arrival, described, clock_offset_ms=None)
        return number

    def examines(self, recording: UUID) -> None:
        """Ask for the examination, as intake does."""
        with self.house.writing() as session:
            session.get_one(Recording, recording).probe_job_id = enqueue(session, probe_request(recording))

    @contextmanager
    def working(self) -> Iterator[None]:
        """Workers run while the block lasts."""
        with self.world.working(tasks.tasks(self.house, self.settings), LANES):
            yield

    def settled(self, recording: UUID, *, within: float = 90) -> Recording:
        """Wait until the recording plays or is known not to."""

        def look() -> Recording | None:
            found = self.recording(recording)
            return found if found.playability in SETTLED else None

        return until(look, within=within, what="an outcome")

    def finished(self, recording: UUID, *, within: float = 90) -> dict[RenditionKind, Rendition]:
        """Wait until nothing of the recording is wanted any more."""

        def look() -> list[Rendition] | None:
            rows = self.rows(recording)
            return rows if rows and not any(row.state in (State.WANTED, State.MAKING) for row in rows) else None

        return {row.kind: row for row in until(look, within=within, what="every rendition")}

    def recording(self, recording: UUID) -> Recording:
        """The recording as it is now."""
        with self.house.reading() as session:
            return session.get_one(Recording, recording)

    def rows(self, recording: UUID) -> list[Rendition]:
        """Its renditions as they are now."""
        with self.house.reading() as session:
            return list(session.scalars(select(Rendition).where(Rendition.recording_id == recording)))

    def quarantined(self, recording: UUID) -> list[Quarantine]:
        """Open quarantines of a recording."""
        with self.house.reading() as session:
            return list(session.scalars(select(Quarantine).where(Quarantine.recording_id == recording)))

    def history(self, recording: UUID) -> list[str]:
        """The custody events of a recording, by name; the chain is checked on the way."""
        with self.house.reading() as session:
            ledger.check_subject(session, recording)
            return [line.type.value for line in ledger.history(session, recording)]

    def bytes_of(self, row: Rendition) -> bytes:
        """A rendition's own object."""
        assert row.key is not None
        return b"".join(self.house.renditions.read(row.key))

    def _put(self, number: UUID, body: bytes) -> StoredObject:
        key, lock = master_key(number), Lock("GOVERNANCE", clock.now() + timedelta(days=1))
        signed = self.house.masters.sign_put(
            key, size=len(body), sha256=hashlib.sha256(body).hexdigest(), lock=lock, expires=timedelta(minutes=5)
        )
        answer = self._store.request("PUT", signed.url, body=body, headers=dict(signed.headers))
        assert answer.status == 200, answer.data
        return self.house.masters.confirm(key, size=len(body), lock=lock)

    def _arrival(self, session: WriteSession, number: UUID, name: str, size: int, label: str) -> Arrival:
        agent = session.scalars(select(Agent)).first()
        if agent is None:
            agent = Agent(id=new_id(), name="Dock", kind=AgentKind.DOCK, public_key=bytes(32))
            session.add(agent)
            session.flush()
        docking = DockingSession(id=new_id(), agent_id=agent.id, kind=AgentKind.DOCK, device_label=label, bay="1")
        session.add(docking)
        session.flush()
        arrival = Arrival(
            id=number,
            agent_id=agent.id,
            session_id=docking.id,
            device_label=label,
            name_raw=name.encode(),
            name_shown=name,
            size=size,
            mtime_ns=number.int % 10**15,
            state=ArrivalState.RECEIPTED,
            part_size=1 << 23,
            bucket=self.house.masters.bucket,
            key=master_key(number),
            master_id=None,
        )
        session.add(arrival)
        session.flush()
        return arrival

    @staticmethod
    def _verified(body: bytes, held: StoredObject) -> Verified:
        now = clock.now()
        assert held.lock is not None
        return Verified(
            sha256=hashlib.sha256(body).hexdigest(),
            sha512=hashlib.sha512(body).hexdigest(),
            tree="0" * 64,
            size=len(body),
            version_id=held.version_id,
            lock_mode=held.lock.mode,
            lock_until=held.lock.until,
            verified_at=now,
        )
