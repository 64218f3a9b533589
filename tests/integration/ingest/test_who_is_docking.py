"""Enrolment, keys and tokens of agents: one dock cannot speak for another."""

from __future__ import annotations

import os
from uuid import UUID, uuid4

from sqlalchemy import select, update
from starlette.testclient import TestClient

from evidence import clock
from evidence.custody.events import Actor
from evidence.models import AgentToken, DockingSession, EnrolmentCode
from evidence.vocabulary import AgentKind
from ingest.enrolment import LOW_ORDER, offer_enrolment, revoke
from ingest.gaps import unfinished
from tests.support.dock import BASE, Dock, b64
from tests.support.house import World


def a_code(world: World) -> str:
    """A fresh enrolment code."""
    with world.house.writing() as session:
        return offer_enrolment(session, kind=AgentKind.DOCK, label="", hours=1, by=Actor.system("test"))


def test_a_code_enrols_one_agent_once(world: World, client: TestClient) -> None:
    code, first, second = a_code(world), Dock(world, client), Dock(world, client, name="Dock 2")
    assert client.post(f"{BASE}/enrol", json=first.enrolling(code)).status_code == 201
    refused = client.post(f"{BASE}/enrol", json=second.enrolling(code))
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/code-refused"


def test_a_code_out_of_date_is_refused(world: World, client: TestClient) -> None:
    code = a_code(world)
    with world.house.writing() as session:
        session.execute(update(EnrolmentCode).values(expires_at=clock.now()))
    assert client.post(f"{BASE}/enrol", json=Dock(world, client).enrolling(code)).status_code == 403


def test_a_key_of_small_order_is_refused(world: World, client: TestClient) -> None:
    said = Dock(world, client).enrolling(a_code(world))
    for key in LOW_ORDER:
        assert client.post(f"{BASE}/enrol", json={**said, "public_key": b64(key)}).status_code == 401


def test_another_docks_key_gets_no_token(world: World, client: TestClient, dock: Dock) -> None:
    thief = Dock(world, client, name="Dock 2").enrol()
    nonce = client.post(f"{BASE}/challenge", json={"agent_id": dock.agent_id}).json()["nonce"]
    said = b"continuity-dock-v1\n" + dock.agent_id.encode() + b"\n" + nonce.encode()
    proof = {"agent_id": dock.agent_id, "nonce": nonce, "signature": b64(thief.private.sign(said))}
    assert client.post(f"{BASE}/token", json=proof).status_code == 401


def test_a_challenge_serves_once(dock: Dock, client: TestClient) -> None:
    nonce = client.post(f"{BASE}/challenge", json={"agent_id": dock.agent_id}).json()["nonce"]
    said = b"continuity-dock-v1\n" + dock.agent_id.encode() + b"\n" + nonce.encode()
    proof = {"agent_id": dock.agent_id, "nonce": nonce, "signature": b64(dock.private.sign(said))}
    assert client.post(f"{BASE}/token", json=proof).status_code == 200
    assert client.post(f"{BASE}/token", json=proof).status_code == 401


def test_nothing_is_told_without_a_token(client: TestClient, dock: Dock) -> None:
    for method, path in (("GET", "/clock"), ("PUT", f"/sessions/{uuid4()}"), ("POST", "/arrivals")):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {dock.token}"}):
            assert client.request(method, f"{BASE}{path}", headers=headers, json={}).status_code == 401


def test_a_token_that_is_out_of_date_is_refused(world: World, dock: Dock) -> None:
    with world.house.writing() as session:
        session.execute(update(AgentToken).values(expires_at=clock.now()))
    dock.say("GET", "/clock", status=401)


def test_a_revoked_agent_is_told_so_and_let_in_no_more(world: World, dock: Dock) -> None:
    with world.house.writing() as session:
        revoke(session, UUID(dock.agent_id), by=Actor.system("test"))
    dock.say("GET", "/clock", status=401)
    answer = dock.client.post(f"{BASE}/challenge", json={"agent_id": dock.agent_id})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/agent-revoked")


def test_one_dock_cannot_touch_anothers_session_or_arrivals(world: World, client: TestClient, dock: Dock) -> None:
    body = os.urandom(1000)
    session = dock.sees({b"clip.mp4": body})
    arrival = dock.offers(session, b"clip.mp4", body)["arrival_id"]
    other = Dock(world, client, name="Dock 2").enrol()
    other.say("POST", f"/sessions/{session}/state", {"state": "closed", "reason": "", "files": []}, status=422)
    other.offers(session, b"clip.mp4", body, status=422)
    other.say("POST", f"/arrivals/{arrival}/withdraw", {"reason": "mine"}, status=409)
    other.say("POST", f"/arrivals/{arrival}/released", {"action": "deleted"}, status=409)
    part = {"number": 1, "size": 1000, "sha256": "0" * 64}
    other.say("POST", f"/arrivals/{arrival}/parts", {"parts": [part]}, status=409)
    assert other.say("POST", "/arrivals/status", {"ids": [arrival]})["arrivals"] == []
    with world.house.reading() as reading:
        assert reading.scalars(select(DockingSession.closed_at)).all() == [None]


def test_a_source_is_not_let_go_without_a_receipt(dock: Dock) -> None:
    body = os.urandom(1000)
    arrival = dock.offers(dock.sees({b"clip.mp4": body}), b"clip.mp4", body)["arrival_id"]
    dock.say("POST", f"/arrivals/{arrival}/released", {"action": "deleted"}, status=422)


def test_an_agent_cannot_claim_that_a_file_is_receipted(world: World, dock: Dock) -> None:
    session = dock.sees({b"clip.mp4": b"x"})
    claim = {"name_b64": b64(b"clip.mp4"), "state": "receipted", "bytes_sent": 1, "reason": None}
    dock.say("POST", f"/sessions/{session}/state", {"state": "present", "reason": None, "files": [claim]})
    with world.house.reading() as reading:
        docking = reading.get_one(DockingSession, session)
        assert docking.closed_at is None
    with world.house.reading() as reading:
        assert [line.state.value for line in unfinished(reading, session)] == ["checking"]


def test_nonsense_is_refused_in_words(dock: Dock) -> None:
    session = dock.sees({})
    good = {"session_id": str(session), "name_b64": b64(b"a.mp4"), "size": 5, "mtime_ns": 0}
    for bad in (
        {"name_b64": "%%%"},
        {"name_b64": ""},
        {"name_b64": b64(b"a\x00b")},
        {"size": -1},
        {"size": 1 << 60},
        {"sha256": "A" * 64},
        {"sha256": "0" * 64},
        {"mtime_ns": 1 << 80},
        {"surprise": 1},
        {},
    ):
        answer = dock.say("POST", "/arrivals", {**good, **bad}, status=422)
        assert answer["detail"]
