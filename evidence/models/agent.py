"""The programs that stand beside cameras and recorders, each with a key of its own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import AgentKind


class Agent(Base):
    """One dock, suite or workstation. Its public key was given at enrolment."""

    __tablename__ = "agent"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[AgentKind] = mapped_column(word(AgentKind))
    public_key: Mapped[bytes]
    software: Mapped[str] = mapped_column(default="")
    enrolled_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]


class EnrolmentCode(Base):
    """A code that enrols one agent, once, before it expires; kept only as its SHA-256."""

    __tablename__ = "enrolment_code"

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    kind: Mapped[AgentKind] = mapped_column(word(AgentKind))
    label: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))


class AgentChallenge(Base):
    """A nonce that an agent signs once to be given a token."""

    __tablename__ = "agent_challenge"

    nonce: Mapped[bytes] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"))
    expires_at: Mapped[datetime]


class AgentToken(Base):
    """A short-lived bearer token that speaks for one agent; kept only as its SHA-256."""

    __tablename__ = "agent_token"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"), index=True)
    expires_at: Mapped[datetime]
