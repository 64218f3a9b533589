"""The dock protocol's routes. Each knows which agent is asking; three serve those that are not known yet."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request

from api.dock_protocol import messages
from evidence import clock
from evidence.bootstrap import House
from evidence.models import Agent
from evidence.store import SentPart
from evidence.vocabulary import ArrivalState
from ingest import arrivals, completion, docking, enrolment, letting_go, lost_receipts, offer, proofs
from ingest.arrivals import Answer, Digests
from ingest.enrolment import Enrolling
from ingest.errors import AgentRefused, MessageRefused
from ingest.receipt import ReceiptKey, SignedStatement
from ingest.settings import IngestSettings

router = APIRouter(prefix="/api/dock/v1", include_in_schema=False)

WAITING = (ArrivalState.SENDING, ArrivalState.STORED, ArrivalState.VERIFYING)
LOOK_EVERY = 0.1  # seconds between two looks while an agent waits for its receipts


@dataclass(frozen=True, slots=True, kw_only=True)
class DockDesk:
    """What these routes need, put together once at start."""

    house: House
    settings: IngestSettings
    key: ReceiptKey


def dock_desk(request: Request) -> DockDesk:
    """The desk that this application was put together with."""
    desk: DockDesk = request.app.state.docks
    return desk


AtDesk = Annotated[DockDesk, Depends(dock_desk)]


def asking_agent(request: Request, desk: AtDesk) -> Agent:
    """The agent that is asking, by its bearer token. Raises AgentRefused."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AgentRefused("no token was given")
    with desk.house.reading() as session:
        return enrolment.agent_for(session, token)


AskingAgent = Annotated[Agent, Depends(asking_agent)]


@router.post("/enrol", status_code=201)
def enrol(said: messages.Enrol, desk: AtDesk) -> dict[str, Any]:
    """Take an agent in against its one-time code, and give it the keys that receipts are signed with."""
    coming = Enrolling(
        code=said.code, name=said.name, kind=said.kind, public_key=said.public_key, software=said.software
    )
    with desk.house.writing() as session:
        agent = enrolment.enrol(session, coming)
    public = base64.b64encode(desk.key.public_raw).decode()
    keys = [{"key_id": desk.key.key_id, "public_key": public}]
    return {
        "agent_id": str(agent.id),
        "kind": agent.kind.value,
        "receipt_keys": keys,
        "now": clock.as_text(clock.now()),
    }


@router.post("/challenge")
def challenge(said: messages.AskChallenge, desk: AtDesk) -> dict[str, str]:
    """Something to sign, once."""
    with desk.house.writing() as session:
        return {"nonce": enrolment.challenge(session, said.agent_id)}


@router.post("/token")
def token(said: messages.AskToken, desk: AtDesk) -> dict[str, Any]:
    """A token for the agent that signed the challenge."""
    with desk.house.writing() as session:
        granted, seconds = enrolment.grant_token(
            session, said.agent_id, nonce=said.nonce, signature=said.signature, seconds=desk.settings.token_seconds
        )
    return {"token": granted, "expires_in": seconds}


@router.get("/clock")
def server_time(_agent: AskingAgent) -> dict[str, str]:
    """What time it is here, for the measure of the dock's offset."""
    return {"now": clock.as_text(clock.now())}


@router.put("/sessions/{session_id}")
def see_device(session_id: UUID, said: messages.DeviceSeen, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """A device is connected, or more of its listing is known."""
    device = docking.DeviceSaid(
        bay=said.bay,
        kind=said.kind,
        label=said.device.label,
        serial=said.device.serial,
        make=said.device.make,
        model=said.device.model,
        agent_time=said.agent_time,
        device_time=said.device_time_as_stated,
        clock_offset_ms=said.clock_offset_ms,
        clock_round_trip_ms=said.clock_round_trip_ms,
        listing_complete=said.listing_complete,
    )
    listing = [
        docking.Line(name_raw=line.name_b64, size=line.size, mtime_ns=line.mtime_ns, refused=line.refused)
        for line in said.listing
    ]
    alarm = desk.settings.clock_alarm_seconds * 1000
    with desk.house.writing() as session:
        docking.see_device(session, agent, session_id, device, listing, alarm_ms=alarm)
    return {}


@router.post("/sessions/{session_id}/state")
def session_state(session_id: UUID, said: messages.SessionState, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """How far the session's files have come."""
    reports = [
        docking.Report(
            name_raw=each.name_b64,
            state=each.state,
            bytes_sent=each.bytes_sent,
            reason=each.reason,
            now_called=each.now_called_b64,
        )
        for each in said.files
    ]
    with desk.house.writing() as session:
        docking.take_report(session, agent, session_id, state=said.state, reason=said.reason, reports=reports)
    return {}


@router.post("/arrivals")
def take_offer(said: messages.Offer, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """A file is offered."""
    given = [each for each in (said.sha256, said.sha512, said.tree) if each is not None]
    if len(given) not in (0, 3):
        raise MessageRefused("the three digests are given together or not at all")
    digests = Digests(sha256=given[0], sha512=given[1], tree=given[2]) if given else None
    offered = offer.Offered(
        session_id=said.session_id,
        name_raw=said.name_b64,
        size=said.size,
        mtime_ns=said.mtime_ns,
        priority=said.priority,
        digests=digests,
    )
    answer = offer.take_offer(desk.house, agent, offered, key=desk.key)
    return _in_json(answer)


@router.post("/arrivals/status")
def standing(said: messages.AskStanding, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """How far arrivals are; waits a little for one of them to end."""
    until = time.monotonic() + said.wait
    while True:
        found = arrivals.standing(desk.house, agent, said.ids)
        ended = [each for each in found if each.state not in WAITING]
        if ended or time.monotonic() >= until or len(found) < len(said.ids):
            return {"arrivals": [_in_json(each) for each in found]}
        time.sleep(LOOK_EVERY)


@router.post("/arrivals/proofs")
def receipt_proofs(said: messages.AskStanding, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """That receipts stand in the custody log, as far as a checkpoint covers them."""
    return {
        "proofs": [
            {
                "arrival_id": str(each.arrival_id),
                "leaf_b64": base64.b64encode(each.leaf).decode(),
                "proof_b64": base64.b64encode(each.proof.encode()).decode(),
            }
            for each in proofs.proofs_of(desk.house, agent, said.ids)
        ]
    }


@router.post("/receipts/unknown")
def unknown_receipts(said: messages.AskReceipts, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """Which of the agent's kept receipts are not committed here."""
    unknown = lost_receipts.unknown_of(desk.house, agent, said.ids)
    # Written down after the answer is known: whoever was heard of since a restore has asked since.
    with desk.house.writing() as session:
        enrolment.heard_of(session, agent.id)
    return {"unknown": [str(each) for each in unknown]}


@router.post("/receipts/let-go")
def receipts_to_let_go(said: messages.AskReceipts, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """Before sources are let go: which receipts are not committed here, and which sources are to be kept, and why."""
    answer = letting_go.may_go(desk.house, agent, said.ids, key=desk.key)
    return {
        "unknown": [str(each) for each in answer.unknown],
        "withheld": {str(receipt): reason for receipt, reason in answer.withheld.items()},
    }


@router.post("/receipts/lost")
def lost_receipt(said: messages.ReceiptLost, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """A receipt that is not known here, for a source that is not docked any more."""
    signed = SignedStatement(said.body_b64, said.signature_b64, said.key_id)
    lost = lost_receipts.Lost(signed=signed, device_label=said.device, let_go=said.let_go)
    return {"known": lost_receipts.report_lost(desk.house, agent, lost, key=desk.key)}


@router.get("/log-keys")
def log_keys(_agent: AskingAgent, desk: AtDesk) -> dict[str, str]:
    """The custody log's keys, signed with the key that the agent pinned at enrolment."""
    return proofs.log_keys(desk.house, key=desk.key).as_message()


@router.post("/arrivals/{arrival_id}/parts")
def part_urls(arrival_id: UUID, said: messages.PartsWanted, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """Addresses for parts, each with the part's SHA-256 signed in."""
    wanted = [(part.number, part.size, part.sha256) for part in said.parts]
    seconds = desk.settings.url_seconds
    return {
        "urls": offer.part_urls(desk.house, agent, arrival_id, wanted, seconds=seconds),
        "expires_in": seconds,
    }


@router.post("/arrivals/{arrival_id}/complete")
def complete(arrival_id: UUID, said: messages.Complete, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """Everything is sent."""
    digests = Digests(sha256=said.sha256, sha512=said.sha512, tree=said.tree)
    parts = [SentPart(number=part.number, etag=part.etag, sha256=part.sha256) for part in said.parts]
    return _in_json(completion.complete(desk.house, agent, arrival_id, digests, parts=parts, key=desk.key))


@router.post("/arrivals/{arrival_id}/withdraw")
def withdraw(arrival_id: UUID, said: messages.Withdraw, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """An offer is taken back."""
    arrivals.withdraw(desk.house, agent, arrival_id, because=said.reason)
    return {}


@router.post("/arrivals/{arrival_id}/released")
def released(arrival_id: UUID, said: messages.Released, agent: AskingAgent, desk: AtDesk) -> dict[str, Any]:
    """The source was let go, against its receipt."""
    arrivals.released(desk.house, agent, arrival_id, action=said.action)
    return {}


def _in_json(answer: Answer) -> dict[str, Any]:
    return {
        "arrival_id": str(answer.arrival_id),
        "state": answer.state.value,
        "reason": answer.reason,
        "part_size": answer.part_size,
        "single": answer.single,
        "stored_parts": [{"number": part.number, "size": part.size, "etag": part.etag} for part in answer.stored_parts],
        "receipt": answer.receipt,
    }
