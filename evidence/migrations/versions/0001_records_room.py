"""The records room: people, agents, arrivals, masters, recordings, renditions, and the custody log.

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# A month's events stand in one partition. The default partition catches what no month was made for, so that an
# event is never refused for want of one; `custody.make_months` is called at each start and by the nightly sweep.
MAKE_MONTHS = """
CREATE FUNCTION custody.make_months(ahead integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  first date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
  start date;
  made integer := 0;
  part text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('custody.make_months'));
  FOR i IN 0..ahead LOOP
    start := (first + make_interval(months => i))::date;
    part := format('event_%s', to_char(start, 'YYYY_MM'));
    -- What the default partition holds already stays there: it is read like any other, and cannot be moved.
    IF to_regclass('custody.' || part) IS NULL AND NOT EXISTS (
      SELECT 1 FROM custody.event_other
      WHERE at >= start::timestamp AT TIME ZONE 'UTC'
        AND at < (start + interval '1 month')::timestamp AT TIME ZONE 'UTC')
    THEN
      EXECUTE format(
        'CREATE TABLE custody.%I PARTITION OF custody.event FOR VALUES FROM (%L) TO (%L)',
        part, start::timestamp AT TIME ZONE 'UTC', (start + interval '1 month')::timestamp AT TIME ZONE 'UTC');
      EXECUTE format(
        'CREATE TRIGGER no_truncate BEFORE TRUNCATE ON custody.%I EXECUTE FUNCTION custody.refuse()', part);
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$
"""

REFUSE = """
CREATE FUNCTION custody.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the custody log is insert only: % on % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$
"""


def _keep_the_log_insert_only() -> None:
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON custody.event"
        " FOR EACH ROW EXECUTE FUNCTION custody.refuse()"
    )
    op.execute("CREATE TRIGGER no_truncate BEFORE TRUNCATE ON custody.event EXECUTE FUNCTION custody.refuse()")
    op.execute("CREATE TABLE custody.event_other PARTITION OF custody.event DEFAULT")
    op.execute("CREATE TRIGGER no_truncate BEFORE TRUNCATE ON custody.event_other EXECUTE FUNCTION custody.refuse()")
    op.execute(MAKE_MONTHS)
    op.execute("SELECT custody.make_months(3)")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE SCHEMA IF NOT EXISTS custody")
    op.execute(sa.schema.CreateSequence(sa.Sequence("event_ingest_no", schema="custody")))
    op.execute(sa.schema.CreateSequence(sa.Sequence("recording_number")))
    op.create_table(
        "agent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "dock",
                "suite",
                "workstation",
                name="agentkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("software", sa.Text(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "officer",
                "supervisor",
                "administrator",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_table(
        "event",
        sa.Column(
            "ingest_no",
            sa.BigInteger(),
            server_default=sa.text("nextval('custody.event_ingest_no')"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("subject_no", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("leaf_hash = sha256('\\x00'::bytea || leaf)", name=op.f("ck_event_leaf_hash")),
        sa.CheckConstraint("octet_length(leaf) <= 65535", name=op.f("ck_event_leaf_size")),
        sa.PrimaryKeyConstraint("ingest_no", "at", name=op.f("pk_event")),
        schema="custody",
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("uq_event_id", "event", ["id", "at"], unique=True, schema="custody")
    op.create_index("uq_event_subject_no", "event", ["subject", "subject_no", "at"], unique=True, schema="custody")
    op.create_table(
        "head",
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_head")),
        schema="custody",
    )
    op.create_table(
        "queue",
        sa.Column("ingest_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("ingest_no", name=op.f("pk_queue")),
        schema="custody",
    )
    op.create_table(
        "sealed",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("value_enc", sa.LargeBinary(), nullable=True),
        sa.Column("dek_id", sa.Text(), nullable=True),
        sa.Column("erased_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "field", name=op.f("pk_sealed")),
        schema="custody",
    )
    op.create_table(
        "master",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum("media", "sidecar", name="masterrole", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("sha512", sa.Text(), nullable=False),
        sa.Column("tree", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("lock_mode", sa.Text(), nullable=False),
        sa.Column("lock_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_master")),
        sa.UniqueConstraint("identity", name=op.f("uq_master_identity")),
        sa.UniqueConstraint("key", name=op.f("uq_master_key")),
    )
    op.create_index(op.f("ix_master_sha256"), "master", ["sha256"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sign_in_name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("collar_number", sa.Text(), nullable=True),
        sa.Column(
            "role",
            sa.Enum(
                "officer",
                "supervisor",
                "administrator",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_must_change", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("collar_number", name=op.f("uq_person_collar_number")),
        sa.UniqueConstraint("sign_in_name", name=op.f("uq_person_sign_in_name")),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sign_in_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index("ix_sign_in_attempt_from", "sign_in_attempt", ["address", "at"], unique=False)
    op.create_index("ix_sign_in_attempt_who", "sign_in_attempt", ["sign_in_name", "at"], unique=False)
    op.create_table(
        "agent_challenge",
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_challenge_agent_id")),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_agent_challenge")),
    )
    op.create_table(
        "agent_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_token_agent_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_agent_token")),
    )
    op.create_index(op.f("ix_agent_token_agent_id"), "agent_token", ["agent_id"], unique=False)
    op.create_table(
        "docking_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "dock",
                "suite",
                "workstation",
                name="agentkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("bay", sa.Text(), nullable=False),
        sa.Column("device_label", sa.Text(), nullable=False),
        sa.Column("device_serial", sa.Text(), nullable=True),
        sa.Column("device_make", sa.Text(), nullable=True),
        sa.Column("device_model", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.Column("listing_complete", sa.Boolean(), nullable=False),
        sa.Column("agent_time_as_stated", sa.Text(), nullable=True),
        sa.Column("device_time_as_stated", sa.Text(), nullable=True),
        sa.Column("clock_offset_ms", sa.BigInteger(), nullable=True),
        sa.Column("clock_round_trip_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_docking_session_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_session")),
    )
    op.create_index("ix_docking_session_wall", "docking_session", ["agent_id", "bay", "opened_at"], unique=False)
    op.create_table(
        "enrolment_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "dock",
                "suite",
                "workstation",
                name="agentkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_enrolment_code_agent_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_enrolment_code")),
    )
    op.create_table(
        "recording",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("nextval('recording_number')"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "body_worn",
                "interview",
                "other",
                name="recordingkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("name_raw", sa.LargeBinary(), nullable=False),
        sa.Column("name_shown", sa.Text(), nullable=False),
        sa.Column("device_label", sa.Text(), nullable=False),
        sa.Column("camera_make", sa.Text(), nullable=True),
        sa.Column("camera_model", sa.Text(), nullable=True),
        sa.Column("camera_serial", sa.Text(), nullable=True),
        sa.Column("officer_as_stated", sa.Text(), nullable=True),
        sa.Column("officer_id", sa.Uuid(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured_as_stated", sa.Text(), nullable=True),
        sa.Column("captured_source", sa.Text(), nullable=True),
        sa.Column("clock_offset_ms", sa.BigInteger(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "condition",
            sa.Enum(
                "unexamined",
                "sound",
                "damaged",
                "empty",
                "unknown",
                "hostile",
                "encrypted",
                name="condition",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("condition_reason", sa.Text(), nullable=True),
        sa.Column(
            "playability",
            sa.Enum(
                "waiting",
                "preparing",
                "playable",
                "unplayable",
                "failed",
                name="playability",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("playability_reason", sa.Text(), nullable=True),
        sa.Column("playable_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("media_facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("probe_job_id", sa.BigInteger(), nullable=True),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["master.id"], name=op.f("fk_recording_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["person.id"], name=op.f("fk_recording_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("number", name=op.f("uq_recording_number")),
    )
    op.create_index(op.f("ix_recording_camera_serial"), "recording", ["camera_serial"], unique=False)
    op.create_index("ix_recording_captured", "recording", ["captured_at", "id"], unique=False)
    op.create_index("ix_recording_condition", "recording", ["condition", "registered_at"], unique=False)
    op.create_index("ix_recording_listed", "recording", ["registered_at", "id"], unique=False)
    op.create_index("ix_recording_officer", "recording", ["officer_id", "registered_at"], unique=False)
    op.create_index(
        "ix_recording_search",
        "recording",
        ["search_text"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.create_table(
        "signed_in",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_signed_in_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_signed_in")),
    )
    op.create_index(op.f("ix_signed_in_person_id"), "signed_in", ["person_id"], unique=False)
    op.create_table(
        "arrival",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("device_label", sa.Text(), nullable=False),
        sa.Column("name_raw", sa.LargeBinary(), nullable=False),
        sa.Column("name_shown", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "sending",
                "stored",
                "verifying",
                "receipted",
                "failed",
                "withdrawn",
                name="arrivalstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("part_size", sa.BigInteger(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=True),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("sha512", sa.Text(), nullable=True),
        sa.Column("tree", sa.Text(), nullable=True),
        sa.Column("version_id", sa.Text(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("master_id", sa.Uuid(), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_how", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_arrival_agent_id")),
        sa.ForeignKeyConstraint(["master_id"], ["master.id"], name=op.f("fk_arrival_master_id")),
        sa.ForeignKeyConstraint(["session_id"], ["docking_session.id"], name=op.f("fk_arrival_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrival")),
        sa.UniqueConstraint("key", name=op.f("uq_arrival_key")),
    )
    op.create_index(op.f("ix_arrival_master_id"), "arrival", ["master_id"], unique=False)
    op.create_index(op.f("ix_arrival_session_id"), "arrival", ["session_id"], unique=False)
    op.create_index(
        "ix_arrival_unfinished",
        "arrival",
        ["state", "offered_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "uq_arrival_open",
        "arrival",
        ["agent_id", "device_label", "name_raw", "size", "mtime_ns"],
        unique=True,
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "not_stored",
                "unplugged",
                "refused_file",
                "fixity_failed",
                "same_name_other_bytes",
                "clock_wrong",
                "agent_silent",
                name="incidentkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("recording_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_incident_agent_id")),
        sa.ForeignKeyConstraint(["closed_by"], ["person.id"], name=op.f("fk_incident_closed_by")),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_incident_recording_id")),
        sa.ForeignKeyConstraint(["session_id"], ["docking_session.id"], name=op.f("fk_incident_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index(op.f("ix_incident_agent_id"), "incident", ["agent_id"], unique=False)
    op.create_index("ix_incident_listed", "incident", ["opened_at", "id"], unique=False)
    op.create_index(op.f("ix_incident_recording_id"), "incident", ["recording_id"], unique=False)
    op.create_index(op.f("ix_incident_session_id"), "incident", ["session_id"], unique=False)
    op.create_index(
        "uq_incident_open",
        "incident",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column(
            "decision",
            sa.Enum(
                "keep",
                "release",
                name="quarantinedecision",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["closed_by"], ["person.id"], name=op.f("fk_quarantine_closed_by")),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_quarantine_recording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index("ix_quarantine_listed", "quarantine", ["opened_at", "id"], unique=False)
    op.create_index(op.f("ix_quarantine_recording_id"), "quarantine", ["recording_id"], unique=False)
    op.create_index(
        "uq_quarantine_open",
        "quarantine",
        ["recording_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "rendition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("master_sha256", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "playback",
                "poster",
                "storyboard",
                "waveform",
                "frames",
                name="renditionkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "direct",
                "remux",
                "transcode",
                "pictures",
                name="renditionmethod",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "wanted",
                "making",
                "ready",
                "failed",
                name="renditionstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("bucket", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("argv", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tool", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_rendition_recording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendition")),
        sa.UniqueConstraint("recording_id", "kind", "recipe", name=op.f("uq_rendition_recording_id_kind_recipe")),
    )
    op.create_index(
        "ix_rendition_failed",
        "rendition",
        ["asked_at"],
        unique=False,
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(op.f("ix_rendition_recording_id"), "rendition", ["recording_id"], unique=False)
    op.create_index(
        "ix_rendition_unmade",
        "rendition",
        ["state", "asked_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('wanted', 'making')"),
    )
    op.create_table(
        "sidecar",
        sa.Column("master_id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=True),
        sa.Column("device_label", sa.Text(), nullable=False),
        sa.Column("name_raw", sa.LargeBinary(), nullable=False),
        sa.Column("name_shown", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["master_id"], ["master.id"], name=op.f("fk_sidecar_master_id")),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_sidecar_recording_id")),
        sa.PrimaryKeyConstraint("master_id", name=op.f("pk_sidecar")),
    )
    op.create_index(op.f("ix_sidecar_recording_id"), "sidecar", ["recording_id"], unique=False)
    op.create_index("ix_sidecar_unmatched", "sidecar", ["device_label", "recording_id"], unique=False)
    op.create_table(
        "listed_file",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("name_raw", sa.LargeBinary(), nullable=False),
        sa.Column("name_shown", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "listed",
                "settling",
                "waiting",
                "reading",
                "sending",
                "checking",
                "receipted",
                "gone",
                "refused",
                name="listedstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("bytes_sent", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("arrival_id", sa.Uuid(), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["arrival_id"], ["arrival.id"], name=op.f("fk_listed_file_arrival_id")),
        sa.ForeignKeyConstraint(["session_id"], ["docking_session.id"], name=op.f("fk_listed_file_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listed_file")),
        sa.UniqueConstraint("session_id", "name_raw", name=op.f("uq_listed_file_session_id_name_raw")),
    )
    op.create_index(op.f("ix_listed_file_arrival_id"), "listed_file", ["arrival_id"], unique=False)
    op.create_table(
        "provenance",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("master_id", sa.Uuid(), nullable=False),
        sa.Column("arrival_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("device_label", sa.Text(), nullable=False),
        sa.Column("name_raw", sa.LargeBinary(), nullable=False),
        sa.Column("name_shown", sa.Text(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_provenance_agent_id")),
        sa.ForeignKeyConstraint(["arrival_id"], ["arrival.id"], name=op.f("fk_provenance_arrival_id")),
        sa.ForeignKeyConstraint(["master_id"], ["master.id"], name=op.f("fk_provenance_master_id")),
        sa.ForeignKeyConstraint(["session_id"], ["docking_session.id"], name=op.f("fk_provenance_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provenance")),
        sa.UniqueConstraint("arrival_id", name=op.f("uq_provenance_arrival_id")),
    )
    op.create_index(op.f("ix_provenance_master_id"), "provenance", ["master_id"], unique=False)
    op.create_index("ix_provenance_named", "provenance", ["device_label", "name_raw"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("arrival_id", sa.Uuid(), nullable=False),
        sa.Column("master_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["arrival_id"], ["arrival.id"], name=op.f("fk_receipt_arrival_id")),
        sa.ForeignKeyConstraint(["master_id"], ["master.id"], name=op.f("fk_receipt_master_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("arrival_id", name=op.f("uq_receipt_arrival_id")),
    )
    op.create_index(op.f("ix_receipt_master_id"), "receipt", ["master_id"], unique=False)
    _keep_the_log_insert_only()


def downgrade() -> None:
    op.drop_index(op.f("ix_receipt_master_id"), table_name="receipt")
    op.drop_table("receipt")
    op.drop_index("ix_provenance_named", table_name="provenance")
    op.drop_index(op.f("ix_provenance_master_id"), table_name="provenance")
    op.drop_table("provenance")
    op.drop_index(op.f("ix_listed_file_arrival_id"), table_name="listed_file")
    op.drop_table("listed_file")
    op.drop_index("ix_sidecar_unmatched", table_name="sidecar")
    op.drop_index(op.f("ix_sidecar_recording_id"), table_name="sidecar")
    op.drop_table("sidecar")
    op.drop_index(
        "ix_rendition_unmade",
        table_name="rendition",
        postgresql_where=sa.text("state IN ('wanted', 'making')"),
    )
    op.drop_index(op.f("ix_rendition_recording_id"), table_name="rendition")
    op.drop_index("ix_rendition_failed", table_name="rendition", postgresql_where=sa.text("state = 'failed'"))
    op.drop_table("rendition")
    op.drop_index("uq_quarantine_open", table_name="quarantine", postgresql_where=sa.text("closed_at IS NULL"))
    op.drop_index(op.f("ix_quarantine_recording_id"), table_name="quarantine")
    op.drop_index("ix_quarantine_listed", table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_index("uq_incident_open", table_name="incident", postgresql_where=sa.text("closed_at IS NULL"))
    op.drop_index(op.f("ix_incident_session_id"), table_name="incident")
    op.drop_index(op.f("ix_incident_recording_id"), table_name="incident")
    op.drop_index("ix_incident_listed", table_name="incident")
    op.drop_index(op.f("ix_incident_agent_id"), table_name="incident")
    op.drop_table("incident")
    op.drop_index(
        "uq_arrival_open",
        table_name="arrival",
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.drop_index("ix_arrival_unfinished", table_name="arrival", postgresql_where=sa.text("finished_at IS NULL"))
    op.drop_index(op.f("ix_arrival_session_id"), table_name="arrival")
    op.drop_index(op.f("ix_arrival_master_id"), table_name="arrival")
    op.drop_table("arrival")
    op.drop_index(op.f("ix_signed_in_person_id"), table_name="signed_in")
    op.drop_table("signed_in")
    op.drop_index(
        "ix_recording_search",
        table_name="recording",
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.drop_index("ix_recording_officer", table_name="recording")
    op.drop_index("ix_recording_listed", table_name="recording")
    op.drop_index("ix_recording_condition", table_name="recording")
    op.drop_index("ix_recording_captured", table_name="recording")
    op.drop_index(op.f("ix_recording_camera_serial"), table_name="recording")
    op.drop_table("recording")
    op.drop_table("enrolment_code")
    op.drop_index("ix_docking_session_wall", table_name="docking_session")
    op.drop_table("docking_session")
    op.drop_index(op.f("ix_agent_token_agent_id"), table_name="agent_token")
    op.drop_table("agent_token")
    op.drop_table("agent_challenge")
    op.drop_index("ix_sign_in_attempt_who", table_name="sign_in_attempt")
    op.drop_index("ix_sign_in_attempt_from", table_name="sign_in_attempt")
    op.drop_table("sign_in_attempt")
    op.drop_table("person")
    op.drop_index(op.f("ix_master_sha256"), table_name="master")
    op.drop_table("master")
    op.drop_table("sealed", schema="custody")
    op.drop_table("queue", schema="custody")
    op.drop_table("head", schema="custody")
    op.drop_index("uq_event_subject_no", table_name="event", schema="custody")
    op.drop_index("uq_event_id", table_name="event", schema="custody")
    op.drop_table("event", schema="custody")
    op.drop_table("api_token")
    op.drop_table("agent")
    op.execute("DROP FUNCTION custody.make_months(integer)")
    op.execute("DROP FUNCTION custody.refuse()")
    op.execute("DROP SEQUENCE custody.event_ingest_no")
    op.execute("DROP SEQUENCE recording_number")
    op.execute("DROP SCHEMA custody")
