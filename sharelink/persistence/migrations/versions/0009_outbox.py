"""The outbox and its webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox_entry",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("rec", sa.String(length=22), nullable=False),
        sa.Column("obj_kind", sa.String(length=32), nullable=True),
        sa.Column("obj_ref", sa.LargeBinary(length=32), nullable=True),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("audience_kind", sa.String(length=32), nullable=False),
        sa.Column("audience_ref", sa.LargeBinary(length=32), nullable=False),
        sa.Column("letter", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.LargeBinary(length=32), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("channel IN ('mail', 'webhook')", name=op.f("ck_outbox_entry_channel")),
        sa.CheckConstraint(
            "audience_kind IN ('record', 'account', 'contact', 'endpoint')", name=op.f("ck_outbox_entry_audience_kind")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'accepted', 'refused', 'dead', 'void')", name=op.f("ck_outbox_entry_state")
        ),
        sa.CheckConstraint(
            "(state = 'accepted') = (accepted_at IS NOT NULL)",
            name=op.f("ck_outbox_entry_accepted_at_only_when_accepted"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_entry")),
    )
    with op.batch_alter_table("outbox_entry", schema=None) as batch_op:
        batch_op.create_index(
            "uq_outbox_entry_told_once", ["event_id", "audience_ref", "channel", "letter"], unique=True
        )
        batch_op.create_index("ix_outbox_entry_state_next_at", ["state", "next_at"], unique=False)
        batch_op.create_index("ix_outbox_entry_audience_ref_created_at", ["audience_ref", "created_at"], unique=False)
        batch_op.create_index("ix_outbox_entry_rec_created_at", ["rec", "created_at"], unique=False)
        batch_op.create_index("ix_outbox_entry_obj_ref_created_at", ["obj_ref", "created_at"], unique=False)

    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_by", sa.LargeBinary(length=32), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_webhook_endpoint_created_by_account")),
        sa.ForeignKeyConstraint(["removed_by"], ["account.id"], name=op.f("fk_webhook_endpoint_removed_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
