"""Endings: how the children ended that read media, by the hour; copies that were measured; siblings that were tried.

Revision: 0010, after: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WORDS = (
    "clean", "with_messages", "exit_code", "signal", "timed_out", "cpu_limit", "file_limit", "out_of_memory",
    "too_much_output", "too_much_read", "no_wall", "stopped",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "child_ending",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column(
            "ending",
            sa.Enum(*WORDS, name="howended", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "host", "task", "ending", name=op.f("pk_child_ending")),
    )
    op.add_column("recording", sa.Column("siblings_tried", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_recording_unmended",
        "recording",
        ["device_label"],
        unique=False,
        postgresql_where=sa.text("siblings_tried IS NOT NULL"),
    )
    op.create_index(
        "ix_rendition_measured",
        "rendition",
        ["recipe", "made_at"],
        unique=False,
        postgresql_where=sa.text("facts ? 'quality'"),
    )


def downgrade() -> None:
    op.drop_index("ix_rendition_measured", table_name="rendition", postgresql_where=sa.text("facts ? 'quality'"))
    op.drop_index("ix_recording_unmended", table_name="recording")
    op.drop_column("recording", "siblings_tried")
    op.drop_table("child_ending")
