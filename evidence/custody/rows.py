"""The custody tables. Only the ledger, the migrations and the checker may import this."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Sequence
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base

SCHEMA = "custody"
EVENT_NUMBERS = Sequence("event_ingest_no", schema=SCHEMA, metadata=Base.metadata)


class CustodyEvent(Base):
    """One event, its leaf exactly as hashed. Insert only: triggers refuse anything else.

    Partitioned by month on `at`, hence `at` in each key; that a subject's numbers have no gap and no double is
    the work of the locked row in `custody.head`.
    """

    __tablename__ = "event"

    ingest_no: Mapped[int] = mapped_column(EVENT_NUMBERS, server_default=EVENT_NUMBERS.next_value(), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    subject: Mapped[UUID]
    subject_no: Mapped[int]
    type: Mapped[str]
    leaf: Mapped[bytes]
    leaf_hash: Mapped[bytes]

    __table_args__ = (
        CheckConstraint("leaf_hash = sha256('\\x00'::bytea || leaf)", name="leaf_hash"),
        CheckConstraint("octet_length(leaf) <= 65535", name="leaf_size"),
        Index("uq_event_subject_no", "subject", "subject_no", "at", unique=True),
        Index("uq_event_id", "id", "at", unique=True),
        {"schema": SCHEMA, "postgresql_partition_by": "RANGE (at)"},
    )


class Sealed(Base):
    """One personal value behind a commitment. The only custody table from which anything may ever be erased."""

    __tablename__ = "sealed"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    salt: Mapped[bytes | None]
    value_enc: Mapped[bytes | None]
    dek_id: Mapped[str | None]
    erased_by: Mapped[UUID | None]

    __table_args__ = ({"schema": SCHEMA},)


class Head(Base):
    """How far one subject's events have come. Derived; the writer holds its row lock."""

    __tablename__ = "head"

    subject: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int]
    leaf_hash: Mapped[bytes]

    __table_args__ = ({"schema": SCHEMA},)


class Queued(Base):
    """An event not yet given its place in the log; inserted with it."""

    __tablename__ = "queue"

    ingest_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)

    __table_args__ = ({"schema": SCHEMA},)
