"""Known devices: a browser in which a person has signed in; a listed file that was renamed on its device;
every recording that a sidecar speaks of.

Failed sign-ins say which known browser they came from, so that strangers make nobody else wait.

Revision: 0009, after: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listed_file", sa.Column("now_called", sa.LargeBinary(), nullable=True))
    op.add_column("sign_in_attempt", sa.Column("device", sa.LargeBinary(), nullable=True))
    op.create_table(
        "known_device",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_known_device_person_id_person")),
        sa.PrimaryKeyConstraint("token_hash", "person_id", name=op.f("pk_known_device")),
    )
    op.create_table(
        "sidecar_beside",
        sa.Column("sidecar_id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"], name=op.f("fk_sidecar_beside_recording_id_recording")
        ),
        sa.ForeignKeyConstraint(
            ["sidecar_id"], ["sidecar.master_id"], name=op.f("fk_sidecar_beside_sidecar_id_sidecar")
        ),
        sa.PrimaryKeyConstraint("sidecar_id", "recording_id", name=op.f("pk_sidecar_beside")),
    )
    op.create_index(op.f("ix_sidecar_beside_recording_id"), "sidecar_beside", ["recording_id"])
    op.execute(
        "INSERT INTO sidecar_beside (sidecar_id, recording_id)"
        " SELECT master_id, recording_id FROM sidecar WHERE recording_id IS NOT NULL"
    )
    op.create_index(op.f("ix_known_device_person_id"), "known_device", ["person_id"])


def downgrade() -> None:
    op.drop_table("sidecar_beside")
    op.drop_table("known_device")
    op.drop_column("sign_in_attempt", "device")
    op.drop_column("listed_file", "now_called")
