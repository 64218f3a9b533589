"""The state can name only a recorded checkpoint as the newest that was witnessed.

Every event says which that was, for good, and services may change the state's row. What they write there must now stand
among the recorded checkpoints, which are insert only: whoever makes events speak of a checkpoint that the log never had
leaves the row of it behind, and verification finds that.

Revision: 0014, after: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Looked at when the transaction ends: the checkpoint and the state are written in one, in whatever order.
HOLD_WITNESSED = """
CREATE FUNCTION custody.hold_witnessed() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NEW.witnessed_size > 0 AND NOT EXISTS (
        SELECT FROM custody.checkpoint AS c WHERE c.size = NEW.witnessed_size AND c.root = NEW.witnessed_root
    ) THEN
        RAISE EXCEPTION 'no checkpoint over % events with this root is recorded: none such can have been witnessed',
            NEW.witnessed_size USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER hold_witnessed AFTER INSERT OR UPDATE OF witnessed_size, witnessed_root ON custody.state
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION custody.hold_witnessed()
"""


def upgrade() -> None:
    op.execute(HOLD_WITNESSED)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER hold_witnessed ON custody.state")
    op.execute("DROP FUNCTION custody.hold_witnessed()")
