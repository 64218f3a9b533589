"""A long log, made quickly: real leaves, brought in by COPY as the ledger would have written them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import make_url

from evidence import clock
from evidence.custody.leaf import ZERO, read_leaf
from evidence.custody.sealing import commitment

EMPTY = hashlib.sha256(b"").hexdigest()
SALT, WHO = bytes(32), b'"somebody"'  # one for all: what counts is that each event has its row
EVENT = ("int8", "timestamptz", "uuid", "uuid", "int8", "text", "bytea", "bytea")
LEAF = (
    '{{"actor":{{"kind":"person","ref":"{actor}"}},"at":"{at}","auth":{{"method":"password"}},"facts":{{"kind":"playback",'
    '"view":"{view}"}},"id":"{id}","log":"{log}","n":{n},"obj":[],"prev":"{prev}","s62":"consultation","sealed":{{'
    '"actor":"{sealed}"}},"seen":{{"root":"'
    + EMPTY
    + '","size":0}},"subj":"{subject}","type":"rendition.viewed","v":1}}'
)


def fill(url: str, *, origin: str, events: int, subjects: int) -> None:
    """So many events about so many subjects, waiting for their numbers."""
    heads: dict[UUID, tuple[int, bytes]] = {}
    with psycopg.connect(make_url(url).render_as_string(hide_password=False)) as connection:
        with connection.cursor().copy(
            "COPY custody.event (ingest_no, at, id, subject, subject_no, type, leaf, leaf_hash)"
            " FROM STDIN (FORMAT binary)"
        ) as copy:
            copy.set_types(EVENT)
            for row in _rows(origin, events, [uuid4() for _ in range(subjects)], heads):
                copy.write_row(row)
        with connection.cursor().copy("COPY custody.head (subject, n, leaf_hash) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(("uuid", "int8", "bytea"))
            for subject, (n, leaf_hash) in heads.items():
                copy.write_row((subject, n, leaf_hash))
        connection.execute("INSERT INTO custody.queue (ingest_no, at) SELECT ingest_no, at FROM custody.event")
        connection.execute(
            "INSERT INTO custody.sealed (event_id, field, salt, value_enc)"
            " SELECT id, 'actor', %b, %b FROM custody.event",
            [SALT, WHO],
        )
        connection.execute("SELECT setval('custody.event_ingest_no', %s)", [events + 1])
    with psycopg.connect(make_url(url).render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _rows(
    origin: str, events: int, subjects: list[UUID], heads: dict[UUID, tuple[int, bytes]]
) -> Iterator[tuple[object, ...]]:
    began, actor, view = clock.now(), str(uuid4()), uuid4().hex
    sealed = commitment(SALT, "actor", WHO)
    for number in range(1, events + 1):
        subject = subjects[number * 7919 % len(subjects)]
        n, prev = heads.get(subject, (0, ZERO))
        at, event = began + timedelta(microseconds=number), uuid4()
        leaf = LEAF.format(
            actor=actor,
            at=clock.as_text(at),
            view=view,
            sealed=sealed,
            id=event,
            log=origin,
            n=n + 1,
            prev=prev.hex(),
            subject=subject,
        ).encode()
        if number % 10_000 == 1:
            read_leaf(leaf)
        leaf_hash = hashlib.sha256(b"\x00" + leaf).digest()
        heads[subject] = (n + 1, leaf_hash)
        yield number, at, event, subject, n + 1, "rendition.viewed", leaf, leaf_hash
