"""The custody tables. Few modules may import this; pyproject.toml lists them, the ledger alone writes events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Sequence, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from evidence.database import Base, word
from evidence.vocabulary import LogKeyState

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
    """An event not yet given its place in the log; inserted with it. `at` is the event's, to find its month."""

    __tablename__ = "queue"

    ingest_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]

    __table_args__ = ({"schema": SCHEMA},)


class Leaf(Base):
    """An event's place in the log. `seq` counts from 0 without a gap. Insert only."""

    __tablename__ = "leaf"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ingest_no: Mapped[int] = mapped_column(unique=True)
    at: Mapped[datetime]
    leaf_hash: Mapped[bytes]

    __table_args__ = (
        CheckConstraint("octet_length(leaf_hash) = 32", name="leaf_hash"),
        {"schema": SCHEMA},
    )


class LogState(Base):
    """How far the log has come: one row, locked by whoever takes it further.

    `size` events have their number; the first `integrated_size` of them are in the store's tiles, where
    `frontier` (the compact range, largest subtree first) and `root` stand; the newest signed checkpoint is
    `published_size`, the newest that the witness policy accepts `witnessed_size`. `epoch` counts the processes
    that have led. `halted` is the reason why none may lead now.
    """

    __tablename__ = "state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    frontier: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))
    root: Mapped[bytes]
    integrated_size: Mapped[int]
    published_size: Mapped[int]
    published_root: Mapped[bytes]
    witnessed_size: Mapped[int]
    witnessed_root: Mapped[bytes]
    epoch: Mapped[int]
    halted: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint(
            "witnessed_size <= published_size AND published_size <= integrated_size AND integrated_size <= size",
            name="sizes",
        ),
        CheckConstraint(
            "witnessed_size >= 0 AND octet_length(witnessed_root) = 32"
            " AND (witnessed_size > 0 OR witnessed_root = sha256(''::bytea))",
            name="witnessed",
        ),
        {"schema": SCHEMA},
    )


class PublishedCheckpoint(Base):
    """A checkpoint as it was signed: the whole note, without what witnesses added. Insert only."""

    __tablename__ = "checkpoint"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[bytes]
    published_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = ({"schema": SCHEMA},)


class Cosignature(Base):
    """A witness's signature line on a checkpoint, its line feed included. Insert only."""

    __tablename__ = "cosignature"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key_id: Mapped[bytes] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(primary_key=True, server_default=func.clock_timestamp())
    key_name: Mapped[str]
    line: Mapped[bytes]

    __table_args__ = ({"schema": SCHEMA},)


class TimeStamp(Base):
    """What an RFC 3161 authority answered about the bytes of a checkpoint. Insert only."""

    __tablename__ = "tst"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    authority: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(primary_key=True, server_default=func.clock_timestamp())
    query: Mapped[bytes]
    token: Mapped[bytes]
    gen_time: Mapped[datetime]

    __table_args__ = ({"schema": SCHEMA},)


class LogKey(Base):
    """A key that signs or has signed the log. Only `to_size` and `state` ever change; `alg` as in signed notes."""

    __tablename__ = "log_key"

    key_id: Mapped[bytes] = mapped_column(primary_key=True)
    name: Mapped[str]
    alg: Mapped[int]
    vkey: Mapped[str]
    from_size: Mapped[int]
    to_size: Mapped[int | None]
    handle: Mapped[str]
    state: Mapped[LogKeyState] = mapped_column(word(LogKeyState))

    __table_args__ = ({"schema": SCHEMA},)


class HeadMap(Base):
    """The head map of a size of the log: how many subjects, its root, and the key that blinds them. Insert only."""

    __tablename__ = "headmap"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entries: Mapped[int]
    root: Mapped[bytes]
    key: Mapped[bytes]
    event_id: Mapped[UUID]
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = ({"schema": SCHEMA},)


class Census(Base):
    """One count of the store: what should be there, what is, and every object that differs, in `report`."""

    __tablename__ = "census"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    expected: Mapped[int]
    found: Mapped[int]
    missing: Mapped[int]
    extra: Mapped[int]
    changed: Mapped[int]
    root: Mapped[bytes]
    event_id: Mapped[UUID]
    report: Mapped[dict[str, Any]]

    __table_args__ = (
        Index("ix_census_ended_at", "ended_at"),
        {"schema": SCHEMA},
    )
