"""Who an agent is: enrolled once with a one-time code, then known by its own key.

A token speaks for the one agent whose key signed for it; the dock's clock plays no part.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import delete, or_, select, update

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.identifiers import new_id
from evidence.models import Agent, AgentChallenge, AgentToken, EnrolmentCode
from evidence.vocabulary import ActorKind, AgentKind
from ingest.errors import AgentRefused, CodeRefused

SIGNED_WORDS = b"continuity-dock-v1\n"
CHALLENGE_SECONDS = 120
HEARD_EVERY = 5  # seconds
# Points of small order verify signatures that nobody made.
LOW_ORDER = {bytes(32), b"\x01" + bytes(31)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolling:
    """What a new agent says of itself."""

    code: str
    name: str
    kind: AgentKind
    public_key: bytes
    software: str


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def offer_enrolment(session: WriteSession, *, kind: AgentKind, label: str, hours: int, by: Actor) -> str:
    """Make a one-time code for one agent. The code is shown once and kept only as its digest."""
    code = "-".join(secrets.token_hex(2) for _ in range(4)).upper()
    row = EnrolmentCode(
        code_hash=_digest(code),
        kind=kind,
        label=label,
        created_by=by.shown,
        expires_at=clock.now() + timedelta(hours=hours),
    )
    session.add(row)
    ledger.record(
        session,
        Event(type=EventType.ENROLMENT_OFFERED, subject=new_id(), actor=by, facts={"kind": kind.value}),
    )
    return code


def enrol(session: WriteSession, said: Enrolling) -> Agent:
    """Take an agent in against its code. Raises CodeRefused, or AgentRefused for a key that cannot be one."""
    if len(said.public_key) != 32 or said.public_key in LOW_ORDER:
        raise AgentRefused("the key is not an Ed25519 public key")
    code = session.scalars(
        select(EnrolmentCode).where(EnrolmentCode.code_hash == _digest(said.code.strip().upper())).with_for_update()
    ).one_or_none()
    if code is None or code.used_at is not None or code.expires_at < clock.now():
        raise CodeRefused("the enrolment code is unknown, has been used, or is out of date: ask for another")
    agent = Agent(id=new_id(), name=said.name, kind=code.kind, public_key=said.public_key, software=said.software[:200])
    session.add(agent)
    session.flush()
    code.used_at, code.agent_id = clock.now(), agent.id
    facts = {"kind": agent.kind.value, "key_sha256": hashlib.sha256(said.public_key).hexdigest()}
    ledger.record(
        session,
        Event(
            type=EventType.AGENT_ENROLLED,
            subject=agent.id,
            actor=actor_of(agent),
            facts=facts,
            personal={"name": agent.name},
        ),
    )
    return agent


def challenge(session: WriteSession, agent_id: UUID) -> str:
    """A nonce for the agent to sign, once, within two minutes."""
    agent = session.get(Agent, agent_id)
    _refuse_stranger(agent)
    session.execute(delete(AgentChallenge).where(AgentChallenge.expires_at < clock.now()))
    nonce = secrets.token_bytes(32)
    until = clock.now() + timedelta(seconds=CHALLENGE_SECONDS)
    session.add(AgentChallenge(nonce=nonce, agent_id=agent_id, expires_at=until))
    return base64.b64encode(nonce).decode()


def grant_token(
    session: WriteSession, agent_id: UUID, *, nonce: str, signature: bytes, seconds: int
) -> tuple[str, int]:
    """A bearer token for the agent that signed the nonce. Raises AgentRefused for anybody else."""
    agent = _refuse_stranger(session.get(Agent, agent_id))
    raw = base64.b64decode(nonce, validate=True)
    used = session.execute(
        delete(AgentChallenge)
        .where(
            AgentChallenge.nonce == raw, AgentChallenge.agent_id == agent_id, AgentChallenge.expires_at > clock.now()
        )
        .returning(AgentChallenge.nonce)
    )
    if used.one_or_none() is None:
        raise AgentRefused("that challenge was not given to this agent, or is out of date")
    try:
        said = SIGNED_WORDS + str(agent_id).encode() + b"\n" + nonce.encode()
        Ed25519PublicKey.from_public_bytes(agent.public_key).verify(signature, said)
    except InvalidSignature as error:
        raise AgentRefused("the signature is not by this agent's key") from error
    token = secrets.token_urlsafe(32)
    now = clock.now()
    session.execute(delete(AgentToken).where(AgentToken.agent_id == agent_id, AgentToken.expires_at < now))
    session.add(AgentToken(token_hash=_digest(token), agent_id=agent_id, expires_at=now + timedelta(seconds=seconds)))
    session.execute(update(Agent).where(Agent.id == agent_id).values(seen_at=now))
    return token, seconds


def heard_of(session: WriteSession, agent_id: UUID) -> None:
    """Write down that an agent spoke just now; not more often than people look."""
    now = clock.now()
    spoke_before = or_(Agent.seen_at.is_(None), Agent.seen_at < now - timedelta(seconds=HEARD_EVERY))
    session.execute(update(Agent).where(Agent.id == agent_id, spoke_before).values(seen_at=now))


def agent_for(session: ReadSession, token: str) -> Agent:
    """The agent that a token speaks for. Raises AgentRefused."""
    found = session.execute(
        select(Agent, AgentToken.expires_at)
        .join(AgentToken, AgentToken.agent_id == Agent.id)
        .where(AgentToken.token_hash == _digest(token))
    ).one_or_none()
    if found is None or found[1] < clock.now():
        raise AgentRefused("the token is unknown or out of date")
    return _refuse_stranger(found[0])


def revoke(session: WriteSession, agent_id: UUID, *, by: Actor) -> None:
    """Let an agent speak no more. What it brought stays; its tokens end at once."""
    agent = _refuse_stranger(session.get(Agent, agent_id))
    agent.revoked_at, agent.revoked_by = clock.now(), by.shown
    session.execute(delete(AgentToken).where(AgentToken.agent_id == agent_id))
    ledger.record(
        session,
        Event(type=EventType.AGENT_REVOKED, subject=agent_id, actor=by, personal={"name": agent.name}),
    )


def actor_of(agent: Agent) -> Actor:
    """An agent as the custody log names it."""
    return Actor(ActorKind.AGENT, str(agent.id), agent.name, "device-key")


def _refuse_stranger(agent: Agent | None) -> Agent:
    if agent is None:
        raise AgentRefused("no such agent is enrolled here")
    if agent.revoked_at is not None:
        raise AgentRefused("this agent has been revoked: its key is no longer trusted", revoked=True)
    return agent
