"""What a dock says of receipts that it keeps: which of them are known here, and what becomes of one that is not."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from sqlalchemy import select, text
from starlette.testclient import TestClient

from evidence.custody.canonical import canonical
from evidence.models import Incident, Receipt
from tests.support.dock import Dock, b64
from tests.support.house import World

CLIP = b"a clip"


def of(world: World, receipt_id: str) -> Receipt:
    with world.house.reading() as session:
        return session.scalars(select(Receipt).where(Receipt.id == receipt_id)).one()


def incidents(world: World) -> list[Incident]:
    with world.house.reading() as session:
        return list(session.scalars(select(Incident).where(Incident.closed_at.is_(None))))


def shown(receipt: Receipt, **different: Any) -> dict[str, Any]:
    """A receipt as an agent shows it."""
    said = {"body_b64": b64(receipt.body), "signature_b64": b64(receipt.signature), "key_id": receipt.key_id}
    return {**said, "device": "cam-1", "let_go": "deleted", **different}


def restated(receipt: Receipt, **different: Any) -> str:
    return b64(canonical({**json.loads(receipt.body), **different}))


def test_only_the_agents_own_receipts_are_known_to_it(world: World, client: TestClient, dock: Dock) -> None:
    other = Dock(world, client, name="Dock 2").enrol()
    with world.working():
        said = dock.delivers(dock.sees({b"clip.mp4": CLIP}), b"clip.mp4", CLIP)
    ids = {"ids": [said["receipt_id"], nobodys := str(uuid4())]}
    assert dock.say("POST", "/receipts/unknown", ids) == {"unknown": [nobodys]}
    assert other.say("POST", "/receipts/unknown", ids) == {"unknown": ids["ids"]}
    assert dock.say("POST", "/receipts/unknown", {"ids": []}) == {"unknown": []}
    dock.say("POST", "/receipts/unknown", {"ids": ["no number"]}, status=422)


def test_a_receipt_that_is_known_after_all_is_no_incident(world: World, dock: Dock) -> None:
    with world.working():
        said = dock.delivers(dock.sees({b"clip.mp4": CLIP}), b"clip.mp4", CLIP)
    assert dock.say("POST", "/receipts/lost", shown(of(world, said["receipt_id"]))) == {"known": True}
    assert incidents(world) == []


def test_a_lost_receipt_whose_bytes_the_store_does_not_hold_says_so(world: World, dock: Dock) -> None:
    with world.working():
        said = dock.delivers(dock.sees({b"clip.mp4": CLIP}), b"clip.mp4", CLIP)
    receipt = of(world, said["receipt_id"])
    lost = restated(receipt, receipt_id=str(uuid4()), sha256="0" * 64, key="masters/none", name_b64=b64(b"lost.mp4"))
    for _ in range(2):
        assert dock.say("POST", "/receipts/lost", shown(receipt, body_b64=lost, let_go=None)) == {"known": False}
    (incident,) = incidents(world)
    assert incident.reason.startswith("lost.mp4 of cam-1 (6 bytes) was taken in at ")
    assert "not docked any more" in incident.reason
    assert "could not be checked" in incident.reason
    assert incident.advice.startswith("The store does NOT hold its bytes")


def test_bytes_that_are_a_recording_since_are_not_missing(world: World, dock: Dock) -> None:
    with world.working():
        said = dock.delivers(dock.sees({b"clip.mp4": CLIP}), b"clip.mp4", CLIP)
    receipt = of(world, said["receipt_id"])
    lost = shown(receipt, body_b64=restated(receipt, receipt_id=str(uuid4())))
    assert dock.say("POST", "/receipts/lost", lost) == {"known": False}
    assert incidents(world) == []


def test_what_is_no_receipt_of_the_agents_is_refused(world: World, client: TestClient, dock: Dock) -> None:
    other = Dock(world, client, name="Dock 2").enrol()
    with world.working():
        said = dock.delivers(dock.sees({b"clip.mp4": CLIP}), b"clip.mp4", CLIP)
    receipt = of(world, said["receipt_id"])
    other.say("POST", "/receipts/lost", shown(receipt), status=422)
    wrong = ({"receipt_id": "x"}, {"size": "6"}, {"name_b64": "%"}, {"kind": "log-keys"}, {"key": None})
    for body in (b64(b"{"), b64(b"[]"), *(restated(receipt, **each) for each in wrong)):
        dock.say("POST", "/receipts/lost", shown(receipt, body_b64=body), status=422)
    assert incidents(world) == []


def test_a_session_that_is_not_known_is_to_be_described_again(world: World, dock: Dock) -> None:
    session = dock.sees({b"clip.mp4": CLIP})
    with world.house.sessions.engine.begin() as connection:
        connection.execute(text("DELETE FROM listed_file"))
        connection.execute(text("DELETE FROM docking_session"))
    said = dock.say("POST", f"/sessions/{session}/state", {"state": "present"}, status=422)
    assert said["type"] == "/problems/session-unknown"
    assert dock.offers(session, b"clip.mp4", CLIP, status=422)["type"] == "/problems/session-unknown"
    dock.sees({b"clip.mp4": CLIP}, session=session)
    assert dock.offers(session, b"clip.mp4", CLIP)["state"] == "sending"
