"""What services may do in the database: add to the log and to the records, and change the past of neither."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from evidence import migrations
from evidence.database import SERVICE_ROLE, for_owner, for_services
from evidence.store import StoreSettings
from tests.support.house import World
from tests.support.log import write_events

FORBIDDEN = [
    "UPDATE custody.event SET type = 'master.viewed'",
    "DELETE FROM custody.event",
    "INSERT INTO custody.event (ingest_no, at, id, subject, subject_no, type, leaf, leaf_hash)"
    " SELECT ingest_no, now(), id, subject, subject_no, type, leaf, leaf_hash FROM custody.event",
    "TRUNCATE custody.event",
    "ALTER TABLE custody.event DISABLE TRIGGER ALL",
    "DROP TRIGGER insert_only ON custody.event",
    "CREATE TABLE custody.more (n int)",
    "UPDATE custody.leaf SET leaf_hash = leaf_hash",
    "DELETE FROM custody.leaf",
    "UPDATE custody.checkpoint SET root = root",
    "DELETE FROM custody.checkpoint",
    "DELETE FROM custody.cosignature",
    "DELETE FROM custody.tst",
    "DELETE FROM custody.sealed",
    "DELETE FROM custody.head",
    "DELETE FROM custody.state",
    "INSERT INTO custody.state SELECT * FROM custody.state",
    "DELETE FROM custody.log_key",
    "DELETE FROM custody.headmap",
    "DELETE FROM custody.census",
    "DELETE FROM master",
    "DELETE FROM receipt",
    "DELETE FROM recording",
    "DELETE FROM arrival",
    "UPDATE alembic_version SET version_num = '0001'",
    "ALTER FUNCTION custody.refuse() SECURITY DEFINER",
    "SET session_replication_role = replica",
]


@pytest.fixture
def service(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection as services have it."""
    with psycopg.connect(for_services(database_url), autocommit=True) as connection:
        yield connection


def test_services_take_on_the_role_and_the_owner_does_not(database_url: str, service: psycopg.Connection) -> None:
    assert service.execute("SELECT current_user").fetchone() == (SERVICE_ROLE,)
    assert for_owner(for_services(database_url)) == for_owner(database_url)
    with psycopg.connect(for_owner(for_services(database_url))) as owner:
        assert owner.execute("SELECT current_user").fetchone() != (SERVICE_ROLE,)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_past_is_refused_to_services(service: psycopg.Connection, statement: str) -> None:
    # By the right, before any trigger is asked: an empty table has none to fire.
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"permission denied|must be owner"):
        service.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        "witnessed_size = -1",
        "witnessed_root = ''",
        "witnessed_root = sha256('x')",
    ],
)
def test_no_row_of_the_state_that_stops_every_act_can_be_written(service: psycopg.Connection, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        service.execute(f"UPDATE custody.state SET {change}")  # type: ignore[arg-type]


def test_services_write_events_and_make_months(
    database_url: str, store_settings: StoreSettings, tmp_path: Path
) -> None:
    world = World(for_services(database_url), store_settings, tmp_path)
    try:
        assert len(write_events(world.house, 3)) == 3
        with world.house.writing() as session:
            session.connection().exec_driver_sql("SELECT custody.make_months(14)")
    finally:
        world.close()


def test_every_table_of_the_log_has_its_rights_said(database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        named = {row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'custody'")}
        allowed = {
            row[0]
            for row in owner.execute(
                "SELECT DISTINCT table_name FROM information_schema.role_table_grants"
                " WHERE table_schema = 'custody' AND grantee = %s",
                [SERVICE_ROLE],
            )
        }
    assert {name for name in named if not name.startswith("event_")} == allowed


def test_the_schema_is_brought_up_by_the_owner_whatever_the_url_says(database_url: str) -> None:
    migrations.upgrade(for_owner(for_services(database_url)))
