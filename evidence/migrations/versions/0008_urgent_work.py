"""Urgent work: why a recording may not wait, the parts of a copy that many workers make, and its beginning.

Revision: 0008, after: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _moment(name: str, *, now: bool = False) -> sa.Column[object]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=not now)


def _word(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table(
        "urgency",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("reason", _word("urgencyreason", "custody", "charged", "complaint", "hold"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        _moment("set_at", now=True),
        _moment("until"),
        _moment("cleared_at"),
        sa.Column("cleared_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_urgency_recording_id_recording")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_urgency")),
    )
    op.create_index(op.f("ix_urgency_recording_id"), "urgency", ["recording_id"], unique=False)
    op.create_index(
        "uq_urgency_in_force", "urgency", ["recording_id"], unique=True, postgresql_where=sa.text("cleared_at IS NULL")
    )
    op.create_table(
        "segment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rendition_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.Column("cut", postgresql.JSONB(), nullable=False),
        sa.Column("state", _word("segmentstate", "waiting", "ready", "failed", "cancelled"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        _moment("made_at"),
        sa.ForeignKeyConstraint(["rendition_id"], ["rendition.id"], name=op.f("fk_segment_rendition_id_rendition")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("rendition_id", "number", name=op.f("uq_segment_rendition_id_number")),
    )
    op.create_index(op.f("ix_segment_job_id"), "segment", ["job_id"], unique=False)
    op.create_table(
        "partial_copy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rendition_id", sa.Uuid(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("of_parts", sa.BigInteger(), nullable=False),
        sa.Column("covered_us", sa.BigInteger(), nullable=False),
        sa.Column("has_sound", sa.Boolean(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        _moment("made_at", now=True),
        sa.ForeignKeyConstraint(
            ["rendition_id"], ["rendition.id"], name=op.f("fk_partial_copy_rendition_id_rendition")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partial_copy")),
    )
    op.create_index("ix_partial_copy_newest", "partial_copy", ["rendition_id", "parts"], unique=False)
    # What was said stays said.
    op.execute("REVOKE DELETE ON urgency FROM continuity_service")


def downgrade() -> None:
    for table in ("partial_copy", "segment", "urgency"):
        op.drop_table(table)
