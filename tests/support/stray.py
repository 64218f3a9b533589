"""Rows that somebody writes past the ledger who has the rights of the service: an event, and a number for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text

from evidence import clock
from evidence.bootstrap import House
from evidence.custody.canonical import canonical, read_canonical
from evidence.custody.events import SYSTEM
from evidence.custody.leaf import EMPTY_ROOT
from evidence.identifiers import new_id

EVENT = text(
    "INSERT INTO custody.event (id, subject, subject_no, type, at, leaf, leaf_hash)"
    " VALUES (:id, :subject, :n, :type, :at, :leaf, sha256('\\x00'::bytea || :leaf)) RETURNING ingest_no"
)
WITH_NUMBER = text(
    "INSERT INTO custody.event (ingest_no, id, subject, subject_no, type, at, leaf, leaf_hash)"
    " VALUES (:no, :id, :subject, :n, :type, :at, :leaf, sha256('\\x00'::bytea || :leaf)) RETURNING ingest_no"
)
SEALED = text(
    "INSERT INTO custody.sealed (event_id, field, salt, value_enc, dek_id, erased_by)"
    " SELECT :id, field, salt, value_enc, dek_id, erased_by FROM custody.sealed WHERE event_id = :like"
)
LEAF = text(
    "INSERT INTO custody.leaf (seq, ingest_no, at, leaf_hash)"
    " SELECT :seq, ingest_no, at, leaf_hash FROM custody.event WHERE id = :id"
)


@dataclass(frozen=True, slots=True)
class Stray:
    """An event that nobody queued."""

    id: UUID
    at: datetime
    ingest_no: int


def as_service(house: House, statement: Any, **values: object) -> Any:
    """Run a statement with the rights of the service's own role; the first value of its answer, if it has one."""
    with house.writing() as session:
        session.execute(text("SET LOCAL ROLE continuity_service"))
        done = session.connection().execute(statement, values)
        return done.scalar() if done.returns_rows else None


def stray_event(house: House, kind: str, facts: dict[str, Any], *, n: int = 999_999) -> Stray:
    """Write an event of the log's own subject, without queueing it."""
    event, at = new_id(), clock.now()
    log, by = house.settings.log_origin, {"kind": "system", "ref": "test"}
    place = {"v": 1, "log": log, "id": str(event), "type": kind, "at": clock.as_text(at), "subj": str(SYSTEM), "n": n}
    rest = {"prev": "1" * 64, "seen": {"size": 0, "root": EMPTY_ROOT}, "s62": "none", "obj": [], "sealed": {}}
    leaf = canonical({**place, **rest, "actor": by, "auth": {"method": "test"}, "facts": facts})
    values = {"id": event, "subject": SYSTEM, "n": n, "type": kind, "at": at, "leaf": leaf}
    return Stray(event, at, int(as_service(house, EVENT, **values)))


def number_it(house: House, event: UUID, seq: int) -> None:
    """Give an event a number of the log past the sequencer."""
    as_service(house, LEAF, id=event, seq=seq)


def log_size(house: House) -> int:
    """How many events have their number."""
    with house.reading() as session:
        return int(session.execute(text("SELECT size FROM custody.state")).scalar_one())


def doubled(house: House, event: UUID, *, ingest_no: int | None = None, **members: object) -> Stray:
    """Write a copy of an event a second later, in its leaf other `members`; its order of writing stays unless given.

    The leaf and the columns beside it agree, so that nothing but its place tells it from an event of the log. The
    owner writes it: services could name the order of writing up to revision 0011.
    """
    with house.reading() as session:
        told = session.execute(text("SELECT * FROM custody.event WHERE id = :id"), {"id": event}).mappings().one()
    at, no = told["at"] + timedelta(seconds=1), told["ingest_no"] if ingest_no is None else ingest_no
    said = {**cast("dict[str, Any]", read_canonical(told["leaf"])), **members, "at": clock.as_text(at)}
    values = {"id": UUID(said["id"]), "subject": UUID(said["subj"]), "n": said["n"], "type": said["type"]}
    with house.writing() as session:
        session.execute(WITH_NUMBER, {**values, "at": at, "leaf": canonical(said), "no": no})
    return Stray(UUID(said["id"]), at, no)
