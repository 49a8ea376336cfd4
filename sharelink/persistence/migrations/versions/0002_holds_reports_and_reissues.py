"""Holds, reports and reissues."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("share_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["custody_id"], ["custody_record.id"], name=op.f("fk_hold_custody_id_custody_record")),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name=op.f("fk_hold_share_id_share")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_custody_id"), ["custody_id"], unique=False)
        batch_op.create_index(
            "uq_hold_custody_id_active",
            ["custody_id"],
            unique=True,
            sqlite_where=sa.text("lifted_at IS NULL"),
            postgresql_where=sa.text("lifted_at IS NULL"),
        )

    op.create_table(
        "hold_release",
        sa.Column("hold_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_hold_release_account_id_account")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_hold_release_hold_id_hold")),
        sa.PrimaryKeyConstraint("hold_id", "account_id", name=op.f("pk_hold_release")),
    )
    with op.batch_alter_table("share", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reported_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("replaces_id", sa.LargeBinary(length=32), nullable=True))
        batch_op.create_index(batch_op.f("ix_share_replaces_id"), ["replaces_id"], unique=False)
    op.execute("INSERT INTO worker_heartbeat (name, beat_at) VALUES ('clock_jump', 0)")
