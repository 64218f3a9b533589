"""The engine's own tables and functions: Procrastinate's SQL, of one pinned version, applied by a migration.

Never applied at start-up. The version stands as a comment on the jobs table, and a worker refuses any other.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files

from sqlalchemy import Connection

from evidence.jobs.errors import EngineVersionDiffers

PINNED = "3.10.0"

# The jobs table turns over completely all day: with the default of 0.2 the dead rows of a backlog slow each
# fetch long before the table is vacuumed. The index serves the rescue of dead machines' jobs and the counts of
# the status page, which would otherwise read every waiting job.
OURS = f"""
COMMENT ON TABLE procrastinate_jobs IS 'procrastinate {PINNED}';
ALTER TABLE procrastinate_jobs SET (autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX continuity_jobs_running ON procrastinate_jobs (id) WHERE status = 'doing'
"""

INSTALLED = "SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')"

REMOVE = """
DO $$
DECLARE
  one regprocedure;
BEGIN
  DROP TABLE IF EXISTS procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs,
    procrastinate_workers CASCADE;
  FOR one IN SELECT oid FROM pg_proc
    WHERE starts_with(proname, 'procrastinate_') AND pronamespace = current_schema()::regnamespace
  LOOP
    EXECUTE format('DROP FUNCTION %s CASCADE', one);
  END LOOP;
  DROP TYPE IF EXISTS procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type;
END $$
"""


def installed(connection: Connection) -> str | None:
    """The version whose schema the database has; None where it has none."""
    words: str | None = connection.exec_driver_sql(INSTALLED).scalar()
    return words.removeprefix("procrastinate ") if words else None


def install(connection: Connection) -> None:
    """Create the engine's schema, in the caller's transaction. Raises EngineVersionDiffers.

    Repeating it changes nothing. It reads the SQL from the installed package, which therefore must be the
    pinned one: the same revision may not mean two schemas.
    """
    if (package := version("procrastinate")) != PINNED:
        raise EngineVersionDiffers(wanted=PINNED, found=package, where="installed package")
    if (found := installed(connection)) is not None:
        if found != PINNED:
            raise EngineVersionDiffers(wanted=PINNED, found=found, where="database")
        return
    for script in (schema_sql(), OURS):
        connection.exec_driver_sql(script, execution_options={"no_parameters": True})


def remove(connection: Connection) -> None:
    """Drop all that `install` made, in the caller's transaction, jobs and all. For a migration downwards."""
    connection.exec_driver_sql(REMOVE, execution_options={"no_parameters": True})


def schema_sql() -> str:
    """The SQL that the installed package ships."""
    return (files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8")
