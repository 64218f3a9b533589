"""A listed file may be renamed on its device: its line says what it is called now.

Revision: 0011, after: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listed_file", sa.Column("now_called", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("listed_file", "now_called")
