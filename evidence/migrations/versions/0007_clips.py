"""Clips, still pictures and sound that people have cut out of recordings.

Revision: 0007, after: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROLE = "continuity_service"


def _word(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table(
        "clip",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("master_sha256", sa.Text(), nullable=False),
        sa.Column("kind", _word("clipkind", "clip", "still", "sound"), nullable=False),
        sa.Column("recipe", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recipe_sha256", sa.Text(), nullable=False),
        sa.Column("state", _word("renditionstate", "wanted", "making", "ready", "failed"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("bucket", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("packets_sha256", sa.Text(), nullable=True),
        sa.Column("packets_size", sa.BigInteger(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("argv", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tool", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_clip_recording_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["person.id"], name=op.f("fk_clip_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clip")),
        sa.UniqueConstraint("recording_id", "recipe_sha256", name=op.f("uq_clip_recording_id_recipe_sha256")),
    )
    op.create_index("ix_clip_listed", "clip", ["recording_id", "asked_at", "id"], unique=False)
    op.create_index("ix_clip_job", "clip", ["job_id"], unique=False)
    op.create_index(
        "ix_clip_unmade",
        "clip",
        ["state", "asked_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('wanted', 'making')"),
    )
    # The digest of what was handed out stays known, whatever becomes of the file.
    op.execute(f"REVOKE DELETE ON clip FROM {ROLE}")


def downgrade() -> None:
    op.drop_table("clip")
