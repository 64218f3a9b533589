"""Worker hosts: orders to drain them, jobs that people cancelled, and how fast a job goes.

Revision: 0005, after: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "host_order",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("hand_back", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_order")),
    )
    op.create_table(
        "job_cancellation",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_cancellation")),
    )
    op.create_index(op.f("ix_job_cancellation_at"), "job_cancellation", ["at"], unique=False)
    op.add_column("job_progress", sa.Column("speed", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("job_progress", "speed")
    op.drop_table("job_cancellation")
    op.drop_table("host_order")
