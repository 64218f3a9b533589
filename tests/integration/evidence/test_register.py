"""Stored bytes become a master and a recording: once, with their events, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from evidence import clock, register
from evidence.custody import ledger
from evidence.custody.events import Actor
from evidence.database import Sessions, WriteSession, open_engine
from evidence.identifiers import new_id
from evidence.models import Agent, Arrival, DockingSession, Master, Person, Provenance, Recording, Sidecar
from evidence.notices import RECORDINGS
from evidence.vocabulary import (
    AgentKind,
    ArrivalState,
    Condition,
    MasterRole,
    Playability,
    RecordingKind,
    Role,
)

INTAKE = Actor.system("intake")
CAMERA = "AXON-X123"


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Reading and writing on a database of the test's own."""
    engine = open_engine(database_url)
    yield Sessions(engine, log_origin="custody.test.example/main")
    engine.dispose()


@dataclass(frozen=True)
class Dock:
    """One enrolled dock with one camera in it."""

    sessions: Sessions
    agent: UUID
    session: UUID

    def offers(self, name: bytes, data: bytes, *, device: str = CAMERA) -> UUID:
        """A file of the camera whose bytes have reached the store; the arrival's id."""
        arrival = new_id()
        with self.sessions.writing() as session:
            session.add(
                Arrival(
                    id=arrival,
                    agent_id=self.agent,
                    session_id=self.session,
                    device_label=device,
                    name_raw=name,
                    name_shown=name.decode("utf-8", "backslashreplace"),
                    size=len(data),
                    mtime_ns=1,
                    state=ArrivalState.VERIFYING,
                    part_size=16 << 20,
                    bucket="masters",
                    key=f"masters/{arrival}",
                    sha256=hashlib.sha256(data).hexdigest(),
                    stored_at=clock.now(),
                )
            )
        return arrival


@pytest.fixture
def dock(sessions: Sessions) -> Dock:
    """The dock at the front desk."""
    made = Dock(sessions, new_id(), new_id())
    with sessions.writing() as session:
        session.add(Agent(id=made.agent, name="Front desk", kind=AgentKind.DOCK, public_key=bytes(32)))
        session.flush()
        session.add(
            DockingSession(id=made.session, agent_id=made.agent, kind=AgentKind.DOCK, bay="1", device_label=CAMERA)
        )
    return made


def verified(data: bytes) -> register.Verified:
    """The digests of bytes that were read back, and their lock."""
    return register.Verified(
        sha256=hashlib.sha256(data).hexdigest(),
        sha512=hashlib.sha512(data).hexdigest(),
        tree=hashlib.sha256(b"\x00" + data).hexdigest(),
        size=len(data),
        version_id="v1",
        lock_mode="GOVERNANCE",
        lock_until=clock.now() + timedelta(days=31),
        verified_at=clock.now(),
    )


def described(**said: Any) -> register.Described:
    """What a name says of a recording."""
    return register.Described(**{"kind": RecordingKind.BODY_WORN, "title": "Camera footage", **said})


def take_in(session: WriteSession, arrival_id: UUID, data: bytes, said: register.Described | None = None) -> Recording:
    """Register a media master and its recording, as intake does."""
    arrival = session.get_one(Arrival, arrival_id)
    master = register.register_master(session, arrival, verified(data), role=MasterRole.MEDIA, by=INTAKE)
    return register.register_recording(session, master, arrival, said or described(), clock_offset_ms=-120)


def count(sessions: Sessions, table: type) -> int:
    """How many rows a table holds."""
    with sessions.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def events_of(sessions: Sessions, subject: UUID) -> list[str]:
    """What the log says happened to a subject, once its links agree."""
    with sessions.reading() as session:
        ledger.check_subject(session, subject)
        return [line.type.value for line in ledger.history(session, subject)]


def test_verified_bytes_become_a_master_and_a_recording_with_their_events(sessions: Sessions, dock: Dock) -> None:
    data = b"a first recording"
    arrival = dock.offers(b"DCIM/0001.MP4", data)
    with sessions.writing() as session:
        recording = take_in(session, arrival, data)
    assert recording.id == arrival
    assert recording.number >= 1
    assert (recording.condition, recording.playability) == (Condition.UNEXAMINED, Playability.WAITING)
    assert (recording.name_raw, recording.device_label, recording.clock_offset_ms) == (
        b"DCIM/0001.MP4", CAMERA, -120,
    )  # fmt: skip
    with sessions.reading() as session:
        master = session.get_one(Master, arrival)
        [came] = session.scalars(select(Provenance).where(Provenance.master_id == arrival))
    assert (master.sha256, master.size, master.key) == (hashlib.sha256(data).hexdigest(), 17, f"masters/{arrival}")
    assert (came.arrival_id, came.agent_id, came.name_raw) == (arrival, dock.agent, b"DCIM/0001.MP4")
    assert events_of(sessions, arrival) == ["master.stored", "recording.registered"]


def test_row_and_event_commit_together_or_not_at_all(sessions: Sessions, dock: Dock) -> None:
    arrival = dock.offers(b"0001.MP4", b"bytes")
    with pytest.raises(ZeroDivisionError), sessions.writing() as session:
        take_in(session, arrival, b"bytes").number /= 0
    assert (count(sessions, Master), count(sessions, Recording), count(sessions, Provenance)) == (0, 0, 0)
    with sessions.reading() as session:
        assert ledger.history(session, arrival) == []


def test_the_same_bytes_twice_are_one_recording_with_two_provenances(sessions: Sessions, dock: Dock) -> None:
    data = b"docked twice"
    first, second = dock.offers(b"0001.MP4", data), dock.offers(b"copy of 0001.MP4", data)
    with sessions.writing() as session:
        take_in(session, first, data)
    with sessions.writing() as session:
        again = session.get_one(Arrival, second)
        identity = register.identity_of(
            hashlib.sha256(data).hexdigest(), len(data), device_label=again.device_label, name_raw=again.name_raw
        )
        register.lock_identity(session, identity)
        master = register.master_with(session, identity)
        assert master is not None
        register.offered_again(session, master, again, by=INTAKE)
    assert (count(sessions, Master), count(sessions, Recording), count(sessions, Provenance)) == (1, 1, 2)
    assert events_of(sessions, first) == ["master.stored", "recording.registered", "master.offered_again"]


def test_two_workers_with_the_same_bytes_make_one_master(sessions: Sessions, dock: Dock) -> None:
    data = b"two docks, one file"
    arrivals = [dock.offers(f"{n}.MP4".encode(), data) for n in range(4)]
    together = threading.Barrier(len(arrivals))

    def work(arrival_id: UUID) -> bool:
        together.wait(timeout=30)
        with sessions.writing() as session:
            arrival = session.get_one(Arrival, arrival_id)
            identity = register.identity_of(
                hashlib.sha256(data).hexdigest(), len(data), device_label=CAMERA, name_raw=arrival.name_raw
            )
            register.lock_identity(session, identity)
            if (master := register.master_with(session, identity)) is not None:
                register.offered_again(session, master, arrival, by=INTAKE)
                return False
            take_in(session, arrival_id, data)
            return True

    with ThreadPoolExecutor(len(arrivals)) as pool:
        assert sorted(pool.map(work, arrivals)) == [False, False, False, True]
    assert (count(sessions, Master), count(sessions, Provenance)) == (1, 4)


def test_the_table_refuses_a_second_master_of_the_same_bytes_even_without_the_lock(
    sessions: Sessions, dock: Dock
) -> None:
    data = b"twins"
    first, second = dock.offers(b"1.MP4", data), dock.offers(b"2.MP4", data)
    with sessions.writing() as session:
        take_in(session, first, data)
    with pytest.raises(IntegrityError, match="identity"), sessions.writing() as session:
        take_in(session, second, data)


def test_two_empty_files_are_two_recordings_unless_device_and_name_agree() -> None:
    empty = hashlib.sha256(b"").hexdigest()

    def identity(device: str, name: bytes) -> bytes:
        return register.identity_of(empty, 0, device_label=device, name_raw=name)

    assert identity("A", b"1.MP4") == identity("A", b"1.MP4")
    assert len({identity("A", b"1.MP4"), identity("A", b"2.MP4"), identity("B", b"1.MP4")}) == 3
    # No pair of names may be read as another pair.
    assert identity("A", b"B:C") != identity("A:B", b"C")


def test_bytes_have_one_identity_whatever_they_are_called() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    one = register.identity_of(digest, 1, device_label="A", name_raw=b"1")
    assert one == register.identity_of(digest, 1, device_label="B", name_raw=b"\xff\xfe")
    assert one != register.identity_of(digest, 2, device_label="A", name_raw=b"1")


def test_one_name_with_other_bytes_flags_both_recordings_once(sessions: Sessions, dock: Dock) -> None:
    made = [dock.offers(b"0001.MP4", data) for data in (b"one", b"another", b"the third")]
    for arrival, data in zip(made, (b"one", b"another", b"the third"), strict=True):
        with sessions.writing() as session:
            register.flag_same_name(session, take_in(session, arrival, data))
    with sessions.reading() as session:
        recordings = session.scalars(select(Recording)).all()
    assert len(recordings) == 3
    assert all([each["code"] for each in one.findings] == ["same-name-other-bytes"] for one in recordings)


def test_the_same_name_on_another_device_is_no_finding(sessions: Sessions, dock: Dock) -> None:
    here, there = dock.offers(b"0001.MP4", b"here"), dock.offers(b"0001.MP4", b"there", device="AXON-X999")
    with sessions.writing() as session:
        take_in(session, here, b"here")
        assert register.flag_same_name(session, take_in(session, there, b"there")) == []


def test_names_that_are_not_text_are_kept_byte_for_byte(sessions: Sessions, dock: Dock) -> None:
    name = b"caf\xe9\n'; DROP TABLE recording; --.mp4"
    arrival = dock.offers(name, b"data")
    with sessions.writing() as session:
        session.get_one(Arrival, arrival).name_shown = "caf\\xe9\\n…"
        take_in(session, arrival, b"data")
    with sessions.reading() as session:
        assert session.get_one(Recording, arrival).name_raw == name


def test_a_stated_collar_number_finds_its_officer_and_none_is_made_up(sessions: Sessions, dock: Dock) -> None:
    amara = new_id()
    with sessions.writing() as session:
        session.add(
            Person(
                id=amara, sign_in_name="amara", display_name="Amara Osei", collar_number="4321",
                role=Role.OFFICER, password_hash="none",
            )
        )  # fmt: skip
    known, unknown = dock.offers(b"1.MP4", b"1"), dock.offers(b"2.MP4", b"2")
    with sessions.writing() as session:
        assert take_in(session, known, b"1", described(officer_as_stated=" 4321 ")).officer_id == amara
        assert take_in(session, unknown, b"2", described(officer_as_stated="9999")).officer_id is None


def test_what_people_search_for_is_in_one_lower_case_text(sessions: Sessions, dock: Dock) -> None:
    arrival = dock.offers(b"0001.MP4", b"1")
    said = described(
        title="High Street",
        camera_serial="X60A12",
        camera_make="Axon",
        captured_at=datetime(2026, 7, 1, tzinfo=UTC),
        captured_as_stated="2026:07:01 00:00:00",
        captured_source="name",
    )
    with sessions.writing() as session:
        recording = take_in(session, arrival, b"1", said)
    for word in ("high street", "x60a12", "axon", "0001.mp4", CAMERA.lower()):
        assert word in recording.search_text
    assert recording.captured_as_stated == "2026:07:01 00:00:00"


def test_a_metadata_file_is_evidence_of_its_own_and_is_put_beside_its_recording(sessions: Sessions, dock: Dock) -> None:
    video, note = dock.offers(b"1.MP4", b"video"), dock.offers(b"1.XML", b"<xml/>")
    with sessions.writing() as session:
        recording = take_in(session, video, b"video")
        arrival = session.get_one(Arrival, note)
        master = register.register_master(session, arrival, verified(b"<xml/>"), role=MasterRole.SIDECAR, by=INTAKE)
        sidecar = register.register_sidecar(session, master, arrival, kind="axis", facts={"findings": [{"code": "x"}]})
        register.match_sidecar(session, sidecar, recording)
    with sessions.reading() as session:
        kept = session.get_one(Sidecar, note)
    assert (kept.recording_id, kept.kind, kept.findings) == (video, "axis", [{"code": "x"}])
    assert events_of(sessions, note) == ["master.stored", "sidecar.registered"]
    assert events_of(sessions, video) == ["master.stored", "recording.registered", "sidecar.matched"]


def test_pages_hear_of_a_recording_when_it_is_committed(sessions: Sessions, dock: Dock, database_url: str) -> None:
    arrival = dock.offers(b"1.MP4", b"1")
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute(f"LISTEN {RECORDINGS}")
        with sessions.writing() as session:
            take_in(session, arrival, b"1")
        [heard] = list(listener.notifies(timeout=20, stop_after=1))
    assert heard.payload == str(arrival)
