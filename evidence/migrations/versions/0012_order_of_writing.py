"""Order of writing: services add events, and the database alone says which came after which.

The months of `custody.event` keep a number of that order single only together with `at`, so whoever could name one
could write an event under another's, for good. The ledger never names it.

Revision: 0012, after: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROLE = "continuity_service"
WRITTEN = "at, id, subject, subject_no, type, leaf, leaf_hash"


def upgrade() -> None:
    op.execute(f"REVOKE INSERT ON custody.event FROM {ROLE}")
    op.execute(f"GRANT INSERT ({WRITTEN}) ON custody.event TO {ROLE}")


def downgrade() -> None:
    op.execute(f"REVOKE INSERT ({WRITTEN}) ON custody.event FROM {ROLE}")
    op.execute(f"GRANT INSERT ON custody.event TO {ROLE}")
