"""Versions of the server's keys, so that they can be replaced while several processes serve."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Filled by the first process of this version that serves: only it has the keys at hand.
    op.create_table(
        "key_version",
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("check_value", sa.LargeBinary(length=16), nullable=False),
        sa.Column("staged_at", sa.BigInteger(), nullable=False),
        sa.Column("current_at", sa.BigInteger(), nullable=True),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('staged', 'current', 'previous', 'retired')", name=op.f("ck_key_version_state")),
        sa.CheckConstraint("version BETWEEN 1 AND 65535", name=op.f("ck_key_version_version")),
        sa.PrimaryKeyConstraint("purpose", "version", name=op.f("pk_key_version")),
    )
