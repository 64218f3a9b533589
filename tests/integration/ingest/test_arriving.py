"""A file's way from an offer to a receipt, over the real protocol, store and database."""

from __future__ import annotations

import hashlib
import os
from uuid import UUID

from sqlalchemy import func, select

from evidence.custody import ledger
from evidence.custody.events import EventType
from evidence.models import Arrival, Incident, ListedFile, Master, Provenance, Recording, Sidecar
from evidence.vocabulary import ArrivalState, IncidentKind, ListedState
from tests.support.dock import Dock, digests_of
from tests.support.house import World, until

MIB = 1 << 20


def count(world: World, table: type) -> int:
    """Rows of a table."""
    with world.house.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_small_file_is_stored_read_back_and_receipted(world: World, dock: Dock) -> None:
    body = os.urandom(200_000)
    session = dock.sees({b"clip.mp4": body})
    with world.working():
        receipt = dock.delivers(session, b"clip.mp4", body)
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert receipt["size"] == len(body)
    with world.house.reading() as reading:
        master = reading.get_one(Master, UUID(receipt["recording_id"]))
        assert b"".join(world.house.masters.read(master.key, version_id=master.version_id)) == body
        assert world.house.masters.head(master.key).lock is not None
        assert ledger.check_subject(reading, master.id) >= 5
        types = [line.type for line in ledger.history(reading, master.id)]
        assert types.index(EventType.MASTER_STORED) < types.index(EventType.RECEIPT_ISSUED)
        listed = reading.scalars(select(ListedFile)).one()
        assert listed.state is ListedState.RECEIPTED


def test_a_large_file_travels_in_parts_and_resumes(world: World, dock: Dock) -> None:
    body = os.urandom(33 * MIB)
    session = dock.sees({b"long.mp4": body})
    first = dock.offers(session, b"long.mp4", body, with_digests=False)
    assert not first["single"]
    dock.puts(first["arrival_id"], 1, body[: 16 * MIB])
    again = dock.offers(session, b"long.mp4", body, with_digests=False)
    assert again["arrival_id"] == first["arrival_id"]
    assert [part["number"] for part in again["stored_parts"]] == [1]
    with world.working():
        dock.sends(again, body)
        receipt = dock.receipted(again["arrival_id"])
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()


def test_missing_parts_are_named(world: World, dock: Dock) -> None:
    body = os.urandom(33 * MIB)
    session = dock.sees({b"long.mp4": body})
    answer = dock.offers(session, b"long.mp4", body, with_digests=False)
    part = dock.puts(answer["arrival_id"], 2, body[16 * MIB : 32 * MIB])

    done = {"size": len(body), **digests_of(body), "parts": [part]}
    problem = dock.say("POST", f"/arrivals/{answer['arrival_id']}/complete", done, status=409)
    assert problem["type"] == "/problems/parts-missing"
    assert problem["missing"] == [1, 3]


def test_the_same_bytes_twice_give_one_recording_and_two_provenances(world: World, dock: Dock) -> None:
    body = os.urandom(50_000)
    session = dock.sees({b"a.mp4": body, b"b.mp4": body})
    with world.working():
        first = dock.delivers(session, b"a.mp4", body)
        second = dock.delivers(session, b"b.mp4", body)
    assert first["recording_id"] == second["recording_id"]
    assert first["receipt_id"] != second["receipt_id"]
    assert (count(world, Recording), count(world, Provenance)) == (1, 2)


def test_the_same_bytes_at_the_same_time_give_one_recording(world: World, dock: Dock) -> None:
    body = os.urandom(50_000)
    session = dock.sees({b"a.mp4": body, b"b.mp4": body})
    answers = [dock.offers(session, name, body) for name in (b"a.mp4", b"b.mp4")]
    for answer in answers:
        dock.sends(answer, body)
    with world.working():
        receipts = [dock.receipted(answer["arrival_id"]) for answer in answers]
    assert len({receipt["recording_id"] for receipt in receipts}) == 1
    assert count(world, Recording) == 1


def test_the_same_name_with_other_bytes_gives_two_recordings_and_a_flag(world: World, dock: Dock) -> None:
    with world.working():
        for body in (os.urandom(1000), os.urandom(1001)):
            session = dock.sees({b"clip.mp4": body})
            dock.delivers(session, b"clip.mp4", body)
    with world.house.reading() as session:
        recordings = session.scalars(select(Recording)).all()
        assert len(recordings) == 2
        for recording in recordings:
            assert [each["code"] for each in recording.findings].count("same-name-other-bytes") == 1
        assert session.scalars(select(Incident.kind)).all() == [IncidentKind.SAME_NAME_OTHER_BYTES]


def test_two_empty_files_of_two_cameras_are_two_recordings(world: World, dock: Dock) -> None:
    with world.working():
        ids = set()
        for label in ("cam-1", "cam-2"):
            session = dock.sees({b"empty.mp4": b""}, label=label)
            ids.add(dock.delivers(session, b"empty.mp4", b"")["recording_id"])
    assert len(ids) == 2


def test_bytes_that_are_not_those_that_were_read_are_asked_for_again(world: World, dock: Dock) -> None:
    read, wrong = os.urandom(20_000), os.urandom(20_000)
    session = dock.sees({b"clip.mp4": read})
    answer = dock.offers(session, b"clip.mp4", wrong)
    dock.sends(answer, wrong, claims=read)
    with world.working():
        until(lambda: dock.standing(answer["arrival_id"])["state"] == "failed", what="the refusal")
        assert count(world, Master) == 0
        with world.house.reading() as reading:
            kinds = reading.scalars(select(Incident.kind)).all()
            assert kinds == [IncidentKind.FIXITY_FAILED]
        again = dock.offers(session, b"clip.mp4", read)
        assert again["arrival_id"] != answer["arrival_id"]
        dock.sends(again, read)
        dock.receipted(again["arrival_id"])


def test_a_device_that_goes_leaves_a_gap_that_closes_when_it_comes_back(world: World, dock: Dock) -> None:
    body = os.urandom(3000)
    session = dock.sees({b"clip.mp4": body})
    dock.say("POST", f"/sessions/{session}/state", {"state": "closed", "reason": "unplugged", "files": []})
    with world.house.reading() as reading:
        gap = reading.scalars(select(Incident)).one()
        assert gap.kind is IncidentKind.NOT_STORED
        assert gap.closed_at is None
    with world.working():
        dock.delivers(dock.sees({b"clip.mp4": body}), b"clip.mp4", body)
    with world.house.reading() as reading:
        assert reading.scalars(select(Incident)).one().closed_at is not None


def test_a_withdrawn_offer_may_be_made_again(world: World, dock: Dock) -> None:
    body = os.urandom(3000)
    session = dock.sees({b"clip.mp4": body})
    first = dock.offers(session, b"clip.mp4", body)
    dock.say("POST", f"/arrivals/{first['arrival_id']}/withdraw", {"reason": "it grew"})
    second = dock.offers(session, b"clip.mp4", body)
    assert second["arrival_id"] != first["arrival_id"]
    with world.house.reading() as reading:
        states = set(reading.scalars(select(Arrival.state)))
    assert states == {ArrivalState.WITHDRAWN, ArrivalState.SENDING}


def test_a_sidecar_is_kept_beside_its_recording_whichever_comes_first(world: World, dock: Dock) -> None:
    name = b"JaneSmith_202601011200_BWL9999999-3"
    video, points = os.urandom(5000), b'{"DataPoints": [{"Time": "2026-01-01T12:00:00.016256Z"}]}'
    for label, order in (("cam-1", (0, 1)), ("cam-2", (1, 0))):
        files = [(name + b".mp4", video + label.encode()), (name + b".json", points + b" " * order[0])]
        session = dock.sees(dict(files), label=label)
        with world.working():
            for index in order:
                dock.delivers(session, *files[index])
    with world.house.reading() as reading:
        sidecars = reading.scalars(select(Sidecar)).all()
        assert len(sidecars) == 2
        assert all(sidecar.recording_id is not None for sidecar in sidecars)
        recordings = reading.scalars(select(Recording)).all()
        assert len(recordings) == 2
        assert {recording.camera_serial for recording in recordings} == {"BWL9999999"}
        assert all(recording.captured_as_stated for recording in recordings)


def test_a_sidecar_of_another_camera_is_not_taken_for_its_own(world: World, dock: Dock) -> None:
    video, other = os.urandom(5000), b'{"DataPoints": []}'
    with world.working():
        dock.delivers(dock.sees({b"clip.mp4": video}, label="DCIM"), b"clip.mp4", video)
        dock.delivers(dock.sees({b"clip.json": other}, label="DCIM"), b"clip.json", other)
    with world.house.reading() as reading:
        assert reading.scalars(select(Sidecar)).one().recording_id is None
