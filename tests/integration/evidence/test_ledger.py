"""The custody log on a real PostgreSQL: numbered without gap, insert only, all or nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError, ProgrammingError

from evidence import clock
from evidence.custody import ledger
from evidence.custody.canonical import NotCanonical, canonical, read_canonical
from evidence.custody.events import EventType, Object
from evidence.database import ReadSession, Sessions, open_engine
from evidence.errors import LogDisagrees, NotAnEvent
from evidence.identifiers import new_id
from tests.properties.invariants import is_an_unbroken_chain
from tests.support.logbook import AMARA, VIEW, viewed, write

ORIGIN = "custody.test.example/main"
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Reading and writing on a database of the test's own."""
    engine = open_engine(database_url)
    yield Sessions(engine, log_origin=ORIGIN)
    engine.dispose()


def leaves(session: ReadSession, subject: UUID) -> list[dict[str, Any]]:
    """A subject's leaves as they were hashed, in order."""
    rows = session.execute(
        text("SELECT leaf FROM custody.event WHERE subject = :subject ORDER BY subject_no"), {"subject": subject}
    )
    return [read_canonical(row.leaf) for row in rows]


def everything(sessions: Sessions) -> list[int]:
    """How many rows each custody table holds."""
    with sessions.reading() as session:
        tables = ("event", "sealed", "head", "queue")
        return [session.execute(text(f"SELECT count(*) FROM custody.{table}")).scalar_one() for table in tables]


def test_a_leaf_says_who_did_what_to_what_and_what_came_before(sessions: Sessions) -> None:
    subject = new_id()
    master = Object(role="master", sha256=EMPTY, size=0, tree=EMPTY, version_id="v1")
    first, second = write(sessions, viewed(subject), viewed(subject, objects=[master]))
    with sessions.reading() as session:
        one, two = leaves(session, subject)
    assert set(one) == set(two) == {
        "v", "log", "id", "type", "at", "subj", "n", "prev", "seen", "s62", "actor", "auth", "obj", "facts", "sealed",
    }  # fmt: skip
    assert (one["n"], one["prev"]) == (1, "00" * 32)
    assert (two["n"], two["prev"]) == (2, first.leaf_hash.hex())
    assert (two["log"], two["type"], two["s62"]) == (ORIGIN, "rendition.viewed", "consultation")
    assert (two["id"], two["subj"], two["at"]) == (str(second.id), str(subject), clock.as_text(second.at))
    assert two["actor"] == {"kind": "person", "ref": AMARA.id}
    assert two["auth"] == {"method": "password"}
    assert two["obj"] == [{"role": "master", "sha256": EMPTY, "size": 0, "tree": EMPTY, "version_id": "v1"}]
    assert second.leaf_hash == hashlib.sha256(b"\x00" + canonical(two)).digest()


def test_a_person_s_name_is_in_the_log_only_as_a_commitment(sessions: Sessions) -> None:
    subject = new_id()
    [written] = write(sessions, viewed(subject, personal={"name": "Jo\u0301 Bloggs.mp4"}))
    with sessions.reading() as session:
        [leaf] = leaves(session, subject)
        kept = session.execute(
            text("SELECT field, salt, value_enc FROM custody.sealed WHERE event_id = :id"), {"id": written.id}
        ).all()
    assert "Amara" not in json.dumps(leaf)
    assert "Bloggs" not in json.dumps(leaf)
    assert {row.field: read_canonical(row.value_enc) for row in kept} == {
        "actor": "Amara Osei",
        "name": "J\u00f3 Bloggs.mp4",
    }
    for row in kept:
        message = b"continuity-sealed-v1\x00" + row.field.encode() + b"\x00" + row.value_enc
        assert leaf["sealed"][row.field] == hmac.new(row.salt, message, hashlib.sha256).hexdigest()


def test_the_same_name_is_never_committed_to_twice_in_one_way(sessions: Sessions) -> None:
    subject = new_id()
    write(sessions, viewed(subject), viewed(subject))
    with sessions.reading() as session:
        one, two = leaves(session, subject)
    assert one["sealed"]["actor"] != two["sealed"]["actor"]


def test_many_writers_on_one_subject_leave_no_gap_and_no_double(sessions: Sessions) -> None:
    subject, writers, each = new_id(), 8, 12
    together = threading.Barrier(writers)

    def work(_: int) -> None:
        together.wait(timeout=30)
        for _ in range(each):
            write(sessions, viewed(subject), viewed(new_id()))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    with sessions.reading() as session:
        is_an_unbroken_chain([canonical(leaf) for leaf in leaves(session, subject)])
        assert ledger.check_subject(session, subject) == writers * each
    events, _, heads, queued = everything(sessions)
    assert (events, heads, queued) == (2 * writers * each, 1 + writers * each, events)


def test_a_transaction_that_fails_leaves_nothing(sessions: Sessions) -> None:
    subject = new_id()
    write(sessions, viewed(subject))
    before = everything(sessions)
    with pytest.raises(NotAnEvent):
        write(sessions, viewed(subject), viewed(new_id()), viewed(subject, facts={"share": 0.5}))
    assert everything(sessions) == before
    [after] = write(sessions, viewed(subject))
    assert after.subject_no == 2


def test_an_event_in_a_savepoint_is_undone_with_it(sessions: Sessions) -> None:
    subject = new_id()
    with sessions.writing() as session:
        with suppress(ZeroDivisionError), session.begin_nested():
            ledger.record(session, viewed(subject))
            raise ZeroDivisionError
        kept = ledger.record(session, viewed(subject))
    with sessions.reading() as session:
        assert [line.id for line in ledger.history(session, subject)] == [kept.id]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({**VIEW, "share": 5}, "share: Extra inputs are not permitted"),
        ({"kind": "playback"}, "view: Field required"),
        ({**VIEW, "view": "Jo Bloggs"}, "view: String should match"),
        ({**VIEW, "kind": "everything"}, "kind: Input should be"),
    ],
)
def test_a_fact_that_is_none_of_its_event_stops_the_change_too(
    sessions: Sessions, facts: dict[str, Any], words: str
) -> None:
    with pytest.raises(NotAnEvent, match=f"rendition.viewed cannot be recorded: {words}"):
        write(sessions, viewed(new_id()), viewed(new_id(), facts=facts))
    assert everything(sessions) == [0, 0, 0, 0]


@pytest.mark.parametrize("personal", [{"name": "line\nfeed"}, {"name": "\ud800"}])
def test_a_personal_value_without_a_canonical_form_stops_the_change_too(
    sessions: Sessions, personal: dict[str, str]
) -> None:
    with pytest.raises(NotCanonical):
        write(sessions, viewed(new_id()), viewed(new_id(), personal=personal))
    assert everything(sessions) == [0, 0, 0, 0]


@pytest.mark.parametrize("personal", [{"actor": "Somebody Else"}, {"view": "x"}, {"A name": "x"}, {"": "x"}])
def test_a_personal_value_is_told_once_and_under_a_name(sessions: Sessions, personal: dict[str, str]) -> None:
    with pytest.raises(NotAnEvent):
        write(sessions, viewed(new_id(), personal=personal))


def test_an_object_that_no_leaf_may_hold_is_refused(sessions: Sessions) -> None:
    for wrong in (Object(role="copy", sha256="", size=0), Object(role="copy", sha256=EMPTY, size=-1)):
        with pytest.raises(NotAnEvent, match=r"obj\.0"):
            write(sessions, viewed(new_id(), objects=[wrong]))


def test_a_leaf_too_large_for_the_log_is_refused(sessions: Sessions) -> None:
    many = [Object(role="copy", sha256=EMPTY, size=0)] * 700
    with pytest.raises(NotAnEvent, match="bytes are more than a leaf may have"):
        write(sessions, viewed(new_id(), objects=many))


def partitions(sessions: Sessions) -> list[str]:
    """The custody table and all that it is made of."""
    with sessions.reading() as session:
        rows = session.execute(text("SELECT relid::regclass::text FROM pg_partition_tree('custody.event')"))
        return list(rows.scalars())


def test_nobody_changes_removes_or_empties_what_was_written(sessions: Sessions) -> None:
    write(sessions, viewed(new_id()))
    tables = partitions(sessions)
    assert len(tables) > 4
    with sessions.reading() as session:
        holding = session.execute(text("SELECT tableoid::regclass::text FROM custody.event")).scalar_one()
    for table in tables:
        refused = [f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"]
        if table in ("custody.event", holding):
            refused += [f"UPDATE {table} SET type = 'x'", f"UPDATE {table} SET at = now()", f"DELETE FROM {table}"]
        for statement in refused:
            with pytest.raises((ProgrammingError, InternalError), match="insert only"), sessions.writing() as session:
                session.execute(text(statement))
    assert everything(sessions)[0] == 1


def test_a_month_made_later_is_insert_only_too(sessions: Sessions) -> None:
    assert make_months(sessions, ahead=5) == 2
    assert make_months(sessions, ahead=5) == 0
    ahead = clock.now() + timedelta(days=31 * 4)
    table = f"custody.event_{ahead:%Y_%m}"
    insert_raw(sessions, at=ahead.isoformat())
    for statement in (f"UPDATE {table} SET type = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises((ProgrammingError, InternalError), match="insert only"), sessions.writing() as session:
            session.execute(text(statement))


def test_an_event_is_kept_even_when_no_month_was_made_for_it(sessions: Sessions) -> None:
    insert_raw(sessions, at="2041-05-01T00:00:00Z")
    with sessions.reading() as session:
        assert session.execute(text("SELECT count(*) FROM ONLY custody.event_other")).scalar_one() == 1


def test_this_month_s_events_are_in_this_month_s_partition(sessions: Sessions) -> None:
    [written] = write(sessions, viewed(new_id()))
    with sessions.reading() as session:
        table = session.execute(text("SELECT tableoid::regclass::text FROM custody.event")).scalar_one()
    assert table == f"custody.event_{written.at:%Y_%m}"


def make_months(sessions: Sessions, *, ahead: int) -> int:
    """Ask for partitions; how many were made."""
    with sessions.writing() as session:
        return int(session.execute(text("SELECT custody.make_months(:ahead)"), {"ahead": ahead}).scalar_one())


def insert_raw(sessions: Sessions, *, at: str, leaf: bytes = b"{}", leaf_hash: bytes | None = None) -> None:
    """An event written past the ledger, as a faulty program would."""
    values = {
        "id": new_id(), "subject": new_id(), "at": at, "leaf": leaf,
        "leaf_hash": leaf_hash or hashlib.sha256(b"\x00" + leaf).digest(),
    }  # fmt: skip
    with sessions.writing() as session:
        session.execute(
            text(
                "INSERT INTO custody.event (id, subject, subject_no, type, at, leaf, leaf_hash)"
                " VALUES (:id, :subject, 1, 'x', :at, :leaf, :leaf_hash)"
            ),
            values,
        )


def test_the_database_itself_refuses_a_wrong_leaf_hash(sessions: Sessions) -> None:
    now = clock.now().isoformat()
    insert_raw(sessions, at=now, leaf=b"{}")
    for wrong in (hashlib.sha256(b"{}").digest(), bytes(32), hashlib.sha256(b"\x00{} ").digest()):
        with pytest.raises(IntegrityError, match="leaf_hash"):
            insert_raw(sessions, at=now, leaf=b"{}", leaf_hash=wrong)


def test_a_subject_without_events_is_not_verified(sessions: Sessions) -> None:
    with sessions.reading() as session, pytest.raises(LogDisagrees, match="nothing to verify"):
        ledger.check_subject(session, new_id())


def tamper(sessions: Sessions, statement: str, **values: object) -> None:
    """Do as the owner of the tables could who switches the triggers off."""
    with sessions.writing() as session:
        session.execute(text("ALTER TABLE custody.event DISABLE TRIGGER insert_only"))
        changed = session.execute(text(statement), values)
        assert changed.rowcount > 0  # type: ignore[attr-defined]
        session.execute(text("ALTER TABLE custody.event ENABLE TRIGGER insert_only"))


REWRITE = (
    "UPDATE custody.event SET leaf = :leaf, leaf_hash = sha256('\\x00'::bytea || :leaf)"
    " WHERE subject = :subject AND subject_no = :n"
)


def test_a_rewritten_event_is_found_by_the_one_after_it(sessions: Sessions) -> None:
    subject = new_id()
    write(sessions, viewed(subject), viewed(subject), viewed(subject))
    with sessions.reading() as session:
        second = leaves(session, subject)[1]
    second["actor"]["ref"] = "somebody-else"
    tamper(sessions, REWRITE, leaf=canonical(second), subject=subject, n=2)
    with sessions.reading() as session, pytest.raises(LogDisagrees, match="does not follow"):
        ledger.check_subject(session, subject)


def test_an_event_taken_out_of_the_middle_is_missed(sessions: Sessions) -> None:
    subject = new_id()
    write(sessions, *[viewed(subject)] * 3)
    tamper(sessions, "DELETE FROM custody.event WHERE subject = :subject AND subject_no = 2", subject=subject)
    with sessions.reading() as session, pytest.raises(LogDisagrees, match="does not follow"):
        ledger.check_subject(session, subject)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE custody.event SET type = 'recording.registered' WHERE subject = :subject AND subject_no = 2",
        "UPDATE custody.event SET at = at - interval '1 second' WHERE subject = :subject AND subject_no = 2",
        "UPDATE custody.event SET id = subject WHERE subject = :subject AND subject_no = 2",
        "DELETE FROM custody.event WHERE subject = :subject AND subject_no = 3",
        "UPDATE custody.sealed SET value_enc = '\"Mallory\"'::bytea WHERE event_id IN"
        " (SELECT id FROM custody.event WHERE subject = :subject)",
    ],
    ids=["type", "time", "id", "newest event", "sealed name"],
)
def test_a_row_that_says_other_than_its_leaf_is_found(sessions: Sessions, change: str) -> None:
    subject = new_id()
    write(sessions, *[viewed(subject)] * 3)
    tamper(sessions, change, subject=subject)
    with sessions.reading() as session, pytest.raises(LogDisagrees):
        ledger.check_subject(session, subject)


def test_months_are_still_made_after_one_was_missed(sessions: Sessions) -> None:
    insert_raw(sessions, at=(clock.now() + timedelta(days=31 * 4)).isoformat())
    assert make_months(sessions, ahead=5) == 1


def test_history_reads_as_sentences_in_order_and_in_pages(sessions: Sessions) -> None:
    subject = new_id()
    write(sessions, viewed(subject), viewed(subject, type=EventType.HISTORY_READ, facts={}), viewed(subject))
    with sessions.reading() as session:
        lines = ledger.history(session, subject)
        rest = ledger.history(session, subject, after=1, limit=1)
    assert [line.sentence for line in lines] == [
        "Amara Osei opened the playback copy",
        "Amara Osei read this history",
        "Amara Osei opened the playback copy",
    ]
    assert [line.subject_no for line in rest] == [2]
    assert lines[0].operation == "consultation"


@pytest.mark.parametrize(
    "leaf",
    [b"", b"{}", b"not JSON", b"\xff\xfe", b'{"n":1,"n":1}', b"[" * 5000, b"9" * 5000, b'{"x":"\\ud800"}', b"[1.5]"],
)
def test_a_leaf_that_is_none_is_named_as_a_disagreement(sessions: Sessions, leaf: bytes) -> None:
    subject = new_id()
    write(sessions, viewed(subject))
    tamper(sessions, REWRITE, leaf=leaf, subject=subject, n=1)
    with sessions.reading() as session, pytest.raises(LogDisagrees, match="no leaf"):
        ledger.check_subject(session, subject)


def test_a_reading_session_cannot_write(sessions: Sessions) -> None:
    with pytest.raises(DBAPIError, match="read-only"), sessions.reading() as session:
        session.execute(text("DELETE FROM custody.queue"))
