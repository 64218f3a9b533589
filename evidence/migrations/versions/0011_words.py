"""Words: an ending of children that nobody saw, and an incident of a file of witnesses or authorities that was spoilt.

Revision: 0011, after: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ENDINGS = (
    "clean", "with_messages", "exit_code", "signal", "timed_out", "cpu_limit", "file_limit", "out_of_memory",
    "too_much_output", "too_much_read", "no_wall", "stopped",
)  # fmt: skip
INCIDENTS = (
    "not_stored", "unplugged", "refused_file", "fixity_failed", "same_name_other_bytes", "clock_wrong", "agent_silent",
    "log_halted", "log_behind", "log_disagrees", "census_gap", "timestamp_missing", "timestamp_refused",
    "witness_silent", "witness_refuses",
)  # fmt: skip


def _known(table: str, column: str, name: str, words: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{word}'" for word in words)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({column} IN ({listed}))")


def upgrade() -> None:
    _known("child_ending", "ending", "howended", (*ENDINGS, "lost"))
    _known("incident", "kind", "incidentkind", (*INCIDENTS, "trust_file_refused"))


def downgrade() -> None:
    op.execute("DELETE FROM child_ending WHERE ending = 'lost'")
    op.execute("DELETE FROM incident WHERE kind = 'trust_file_refused'")
    _known("child_ending", "ending", "howended", ENDINGS)
    _known("incident", "kind", "incidentkind", INCIDENTS)
