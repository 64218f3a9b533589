"""Who may sign in, and what they hold while signed in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import Role


class Person(Base):
    """One member of the force with a local account. Never deleted: their acts stand in the log."""

    __tablename__ = "person"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sign_in_name: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    collar_number: Mapped[str | None] = mapped_column(unique=True)
    role: Mapped[Role] = mapped_column(word(Role))
    password_hash: Mapped[str]
    password_must_change: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class SignedIn(Base):
    """One browser session of one person; the token is kept only as its SHA-256."""

    __tablename__ = "signed_in"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    user_agent: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")


class KnownDevice(Base):
    """A browser in which a person has signed in; its number is kept only as its SHA-256, and signs nobody in."""

    __tablename__ = "known_device"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SignInAttempt(Base):
    """One failed sign-in; counted to slow a guesser down, swept after a day."""

    __tablename__ = "sign_in_attempt"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sign_in_name: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    device: Mapped[bytes | None]
    """The known browser that failed; none for a stranger's."""

    __table_args__ = (
        Index("ix_sign_in_attempt_who", "sign_in_name", "at"),
        Index("ix_sign_in_attempt_from", "address", "at"),
    )


class ApiToken(Base):
    """A bearer token for the JSON API; kept only as its SHA-256."""

    __tablename__ = "api_token"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    label: Mapped[str]
    role: Mapped[Role] = mapped_column(word(Role))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
