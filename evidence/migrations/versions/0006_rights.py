"""Rights: services take on a role that may add to the custody log and to the records, and alter neither's past.

Triggers refuse what the grants here do not give. They stay: a role can be given back, a trigger is another's word.

Revision: 0006, after: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROLE = "continuity_service"

# Roles belong to the whole server: another database on it may have made this one, at this very moment.
MAKE_ROLE = """
DO $$ BEGIN
  BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'continuity_service') THEN
      CREATE ROLE continuity_service NOLOGIN;
    END IF;
  EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
  END;
  -- Whoever brings the schema up may take the role on; another login of the services is made a member by hand.
  BEGIN
    EXECUTE format('GRANT continuity_service TO %I', current_user);
  EXCEPTION WHEN insufficient_privilege THEN NULL; -- an administrator made the role, and says who has it
  END;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'an administrator of the server must first run: CREATE ROLE continuity_service NOLOGIN';
END $$
"""

# What was once written stays: no service deletes a record of evidence, whatever it is told.
KEPT = ("master", "receipt", "recording", "arrival", "incident", "agent", "person", "docking_session")
INSERT_ONLY = ("event", "leaf", "checkpoint", "cosignature", "tst", "headmap")
CHANGING = {
    "sealed": "SELECT, INSERT, UPDATE",
    "head": "SELECT, INSERT, UPDATE",
    "queue": "SELECT, INSERT, DELETE",
    "state": "SELECT, UPDATE",
    "log_key": "SELECT, INSERT, UPDATE",
    "census": "SELECT, INSERT, UPDATE",
}


def upgrade() -> None:
    op.execute(MAKE_ROLE)
    op.execute(f"GRANT USAGE ON SCHEMA public, custody TO {ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {ROLE}")
    for table in KEPT:
        op.execute(f"REVOKE DELETE ON {table} FROM {ROLE}")
    for table in INSERT_ONLY:
        op.execute(f"GRANT SELECT, INSERT ON custody.{table} TO {ROLE}")
    for table, rights in CHANGING.items():
        op.execute(f"GRANT {rights} ON custody.{table} TO {ROLE}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public, custody TO {ROLE}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {ROLE}")
    # Months are made by the nightly round too, which has no right to make tables of its own.
    op.execute("ALTER FUNCTION custody.make_months(integer) SECURITY DEFINER")
    op.execute("ALTER FUNCTION custody.make_months(integer) SET search_path = pg_catalog, custody, pg_temp")


def downgrade() -> None:
    op.execute("ALTER FUNCTION custody.make_months(integer) SECURITY INVOKER")
    op.execute("ALTER FUNCTION custody.make_months(integer) RESET search_path")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM {ROLE}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM {ROLE}")
    op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public, custody FROM {ROLE}")
    op.execute(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public, custody FROM {ROLE}")
    op.execute(f"REVOKE USAGE ON SCHEMA public, custody FROM {ROLE}")
