"""The log's own order: numbers, state, checkpoints and who signed them, time-stamps, keys, head maps, censuses.

Revision: 0003, after: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSERT_ONLY = ("leaf", "checkpoint", "cosignature", "tst", "headmap")
KINDS = (
    "not_stored",
    "unplugged",
    "refused_file",
    "fixity_failed",
    "same_name_other_bytes",
    "clock_wrong",
    "agent_silent",
)
NEW_KINDS = (
    "log_halted",
    "log_behind",
    "log_disagrees",
    "census_gap",
    "timestamp_missing",
    "timestamp_refused",
    "witness_silent",
    "witness_refuses",
)

# What a key was made for never changes; only until when it counted, and what became of it.
KEEP_KEYS = """
CREATE FUNCTION custody.keep_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.key_id, OLD.name, OLD.alg, OLD.vkey, OLD.from_size, OLD.handle)
     IS DISTINCT FROM (NEW.key_id, NEW.name, NEW.alg, NEW.vkey, NEW.from_size, NEW.handle) THEN
    RAISE EXCEPTION 'the history of keys is kept: only to_size and state of a log key may change'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$
"""


def _moment(name: str, *, filled: bool = False, nullable: bool = False) -> sa.Column[object]:
    default = sa.text("clock_timestamp()") if filled else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _number(name: str, *, own: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), autoincrement=own, nullable=False)


def _queue_knows_its_month() -> None:
    op.add_column("queue", _moment("at", nullable=True), schema="custody")
    op.execute("UPDATE custody.queue q SET at = e.at FROM custody.event e WHERE e.ingest_no = q.ingest_no")
    op.alter_column("queue", "at", nullable=False, schema="custody")
    # Rows live for a second: what is dead is cleared away by number, not by share.
    op.execute(
        "ALTER TABLE custody.queue SET"
        " (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)"
    )


def _order() -> None:
    op.create_table(
        "leaf",
        _number("seq"),
        sa.Column("ingest_no", sa.BigInteger(), nullable=False),
        _moment("at"),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(leaf_hash) = 32", name=op.f("ck_leaf_leaf_hash")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_leaf")),
        sa.UniqueConstraint("ingest_no", name=op.f("uq_leaf_ingest_no")),
        schema="custody",
    )
    op.create_table(
        "state",
        _number("id"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("integrated_size", sa.BigInteger(), nullable=False),
        sa.Column("published_size", sa.BigInteger(), nullable=False),
        sa.Column("published_root", sa.LargeBinary(), nullable=False),
        sa.Column("witnessed_size", sa.BigInteger(), nullable=False),
        sa.Column("witnessed_root", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("halted", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_state_one_row")),
        sa.CheckConstraint(
            "witnessed_size <= published_size AND published_size <= integrated_size AND integrated_size <= size",
            name=op.f("ck_state_sizes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state")),
        schema="custody",
    )
    # Updated several times a second while events arrive: room on the page keeps it off the indexes.
    op.execute("ALTER TABLE custody.state SET (fillfactor = 10)")
    op.execute(
        "INSERT INTO custody.state SELECT 1, 0, ARRAY[]::bytea[], root, 0, 0, root, 0, root, 0, NULL"
        " FROM sha256(''::bytea) AS root"
    )


def _published() -> None:
    op.create_table(
        "checkpoint",
        _number("size"),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        _moment("published_at", filled=True),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoint")),
        schema="custody",
    )
    op.create_table(
        "cosignature",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        _moment("received_at", filled=True),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "key_id", "received_at", name=op.f("pk_cosignature")),
        schema="custody",
    )
    op.create_table(
        "tst",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        _moment("received_at", filled=True),
        sa.Column("query", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        _moment("gen_time"),
        sa.PrimaryKeyConstraint("size", "authority", "received_at", name=op.f("pk_tst")),
        schema="custody",
    )


def _keys() -> None:
    op.create_table(
        "log_key",
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alg", sa.BigInteger(), nullable=False),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("from_size", sa.BigInteger(), nullable=False),
        sa.Column("to_size", sa.BigInteger(), nullable=True),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "in_force",
                "retired",
                "revoked",
                name="logkeystate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_log_key")),
        schema="custody",
    )
    op.execute(KEEP_KEYS)
    op.execute(
        "CREATE TRIGGER keep_key BEFORE UPDATE ON custody.log_key FOR EACH ROW EXECUTE FUNCTION custody.keep_key()"
    )
    op.execute(
        "CREATE TRIGGER insert_only BEFORE DELETE ON custody.log_key FOR EACH ROW EXECUTE FUNCTION custody.refuse()"
    )
    op.execute("CREATE TRIGGER no_truncate BEFORE TRUNCATE ON custody.log_key EXECUTE FUNCTION custody.refuse()")


def _counted() -> None:
    op.create_table(
        "headmap",
        _number("size"),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        _moment("made_at", filled=True),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_headmap")),
        schema="custody",
    )
    counts = ("expected", "found", "missing", "extra", "changed")
    op.create_table(
        "census",
        sa.Column("id", sa.Uuid(), nullable=False),
        _moment("began_at"),
        _moment("ended_at"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_census")),
        schema="custody",
    )
    op.create_index("ix_census_ended_at", "census", ["ended_at"], unique=False, schema="custody")


def _incidents(kinds: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute("ALTER TABLE incident DROP CONSTRAINT ck_incident_incidentkind")
    op.execute(f"ALTER TABLE incident ADD CONSTRAINT ck_incident_incidentkind CHECK (kind IN ({listed}))")


def upgrade() -> None:
    _queue_knows_its_month()
    _order()
    _published()
    _keys()
    _counted()
    _incidents(KINDS + NEW_KINDS)
    for table in INSERT_ONLY:
        op.execute(
            f"CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON custody.{table}"
            " FOR EACH ROW EXECUTE FUNCTION custody.refuse()"
        )
        op.execute(f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON custody.{table} EXECUTE FUNCTION custody.refuse()")


def downgrade() -> None:
    # Events that have their number go back into the queue: they would otherwise never get one again.
    op.execute("ALTER TABLE custody.queue ALTER COLUMN at DROP NOT NULL")
    op.execute("INSERT INTO custody.queue (ingest_no) SELECT ingest_no FROM custody.leaf ON CONFLICT DO NOTHING")
    op.drop_column("queue", "at", schema="custody")
    op.execute(
        "ALTER TABLE custody.queue RESET"
        " (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay)"
    )
    for table in ("census", "headmap", "log_key", "tst", "cosignature", "checkpoint", "state", "leaf"):
        op.drop_table(table, schema="custody")
    op.execute("DROP FUNCTION custody.keep_key()")
    incident = sa.table("incident", sa.column("kind"))
    op.execute(sa.delete(incident).where(incident.c.kind.in_(NEW_KINDS)))
    _incidents(KINDS)
