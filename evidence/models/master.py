"""The bytes as received: first copy, never altered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import MasterRole


class Master(Base):
    """One object in the masters bucket, read back and re-hashed before this row was written.

    `packets_sha256` names the manifest of its packets; `packets_reason`: why there is none, or why it ends early.
    `identity` is what makes two offers the same bytes: digest and size, or for an empty file the device and
    name as well, because nothing is no evidence that two cameras recorded the same.
    """

    __tablename__ = "master"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[MasterRole] = mapped_column(word(MasterRole))
    identity: Mapped[bytes] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(index=True)
    sha512: Mapped[str]
    tree: Mapped[str]
    size: Mapped[int]
    bucket: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    version_id: Mapped[str]
    lock_mode: Mapped[str]
    lock_until: Mapped[datetime]
    stored_at: Mapped[datetime]
    verified_at: Mapped[datetime]
    packets_sha256: Mapped[str | None]
    packets_size: Mapped[int | None]
    packets_reason: Mapped[str | None]


class Provenance(Base):
    """One occasion on which these bytes were offered: which device, which name, when."""

    __tablename__ = "provenance"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    master_id: Mapped[UUID] = mapped_column(ForeignKey("master.id"), index=True)
    arrival_id: Mapped[UUID] = mapped_column(ForeignKey("arrival.id"), unique=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"))
    session_id: Mapped[UUID] = mapped_column(ForeignKey("docking_session.id"))
    device_label: Mapped[str]
    name_raw: Mapped[bytes]
    name_shown: Mapped[str]
    mtime_ns: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_provenance_named", "device_label", "name_raw"),)


class Receipt(Base):
    """The signed statement that an arrival is a verified master. Its bytes are kept as signed."""

    __tablename__ = "receipt"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    arrival_id: Mapped[UUID] = mapped_column(ForeignKey("arrival.id"), unique=True)
    master_id: Mapped[UUID] = mapped_column(ForeignKey("master.id"), index=True)
    body: Mapped[bytes]
    signature: Mapped[bytes]
    key_id: Mapped[str]
    issued_at: Mapped[datetime]
