"""Bounds of the state: a witnessed size from nothing on, with a root that is a hash, so that no row stops every act.

Each event says which checkpoint was the newest that was witnessed. Services may change the state's row; what no event
can say, a size below nothing or a root that is none, they cannot write there any more. A row that has it already is set
back to nothing witnessed, which the next witnessed checkpoint ends.

Revision: 0013, after: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WITNESSED = (
    "witnessed_size >= 0 AND octet_length(witnessed_root) = 32"
    " AND (witnessed_size > 0 OR witnessed_root = sha256(''::bytea))"
)


def upgrade() -> None:
    nothing = "witnessed_size = 0, witnessed_root = sha256(''::bytea)"
    op.execute(f"UPDATE custody.state SET {nothing} WHERE NOT ({WITNESSED})")  # noqa: S608 - of our own constants
    op.execute(f"ALTER TABLE custody.state ADD CONSTRAINT ck_state_witnessed CHECK ({WITNESSED})")


def downgrade() -> None:
    op.execute("ALTER TABLE custody.state DROP CONSTRAINT ck_state_witnessed")
