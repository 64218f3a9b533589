"""Packet manifests: which one is a master's, which one a copy's.

Revision: 0004, after: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("master", "rendition")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("packets_sha256", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("packets_size", sa.BigInteger(), nullable=True))
    op.add_column("master", sa.Column("packets_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("master", "packets_reason")
    for table in TABLES:
        op.drop_column(table, "packets_size")
        op.drop_column(table, "packets_sha256")
